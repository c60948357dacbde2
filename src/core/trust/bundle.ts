/** The canonical PEM of a trust bundle: the same anchors give the same bytes, however they were spelled, ordered and annotated. */
import { parsePem, type PemBlock, toPem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { checkAnchor } from '../x509/anchor.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';

/** Characters of one PEM text. */
export const MAX_BUNDLE = 256 * 1024;

export interface PemText {
  readonly text: string;
  /** Names the text in errors: a file, a CA. */
  readonly what: string;
}

export interface CanonicalBundle {
  /** LF, 64 columns, sorted by SHA-256 of the DER, one final newline. */
  readonly pem: string;
  readonly anchors: readonly Certificate[];
}

/**
 * Reads self-signed CA certificates from PEM texts. Explanatory text around blocks is dropped (RFC 7468 section 2), duplicates too.
 * @throws ERR_TRUST_PRIVATE_KEY, ERR_TRUST_NOT_ANCHOR, ERR_PEM_MALFORMED (all with the line), ERR_CERTIFICATE_MALFORMED, ERR_INPUT_TOO_LARGE
 */
export function canonicalBundle(texts: readonly PemText[], verify: VerifySignature): CanonicalBundle {
  const anchors = new Map<string, Certificate>();
  for (const { text, what } of texts) {
    for (const certificate of readAnchors(text, what, verify)) anchors.set(certificate.fingerprint, certificate);
  }
  return bundleOf([...anchors.values()]);
}

/** The canonical bundle of anchors that were read before. */
export function bundleOf(certificates: readonly Certificate[]): CanonicalBundle {
  const anchors = [...certificates].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  return { pem: anchors.map((anchor) => toPem('CERTIFICATE', anchor.der)).join(''), anchors };
}

function readAnchors(text: string, what: string, verify: VerifySignature): Certificate[] {
  if (text.length > MAX_BUNDLE) {
    throw new JoineryError('ERR_INPUT_TOO_LARGE', `${what}: expected at most ${MAX_BUNDLE} characters, found ${text.length}`);
  }
  checkLines(text, what);
  const blocks = parsePem(text, what);
  if (blocks.length === 0) throw new JoineryError('ERR_PEM_MALFORMED', `${what}: expected a CERTIFICATE block, found none`);
  return blocks.map((block) => readAnchor(block, what, verify));
}

function readAnchor(block: PemBlock, what: string, verify: VerifySignature): Certificate {
  const where = `${what}, line ${block.line}`;
  const details = { line: block.line };
  if (block.label !== 'CERTIFICATE') {
    throw new JoineryError('ERR_TRUST_NOT_ANCHOR', `${where}: expected a CERTIFICATE block, found ${block.label}`, { details });
  }
  const certificate = parseCertificate(block.der, where);
  const [violation] = checkAnchor(certificate, verify);
  if (violation !== undefined) {
    throw new JoineryError(
      'ERR_TRUST_NOT_ANCHOR',
      `${where}: expected a self-signed CA certificate, found ${certificate.subject.text}: ${violation.message}`,
      {
        hint: 'an anchor is a root: give the self-signed certificate at the end of the chain',
        details,
      },
    );
  }
  return certificate;
}

const PRIVATE_KEY = /PRIVATE KEY/;
/** A marker that was cut or bent: `----BEGIN`, or a marker with something before or behind it. */
const BENT_MARKER = /-{2,}\s*(?:BEGIN|END)\b/;
const MARKER = /^-----(?:BEGIN|END) [A-Z0-9 ]{1,64}-----$/;
/** A whole line of base64 outside any block: the rest of a block that lost its marker. */
const STRAY_BASE64 = /^[A-Za-z0-9+/]{60,}={0,2}$/;
const NOT_TEXT = /[^\t\x20-\x7e\u00a0-\uffff]/;

/** Garbage is what cannot be meant as explanation: it could be a block that another reader would see and this one would not. */
function checkLines(text: string, what: string): void {
  let inside = false;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const marker = MARKER.test(line);
    if (marker && PRIVATE_KEY.test(line)) refusePrivateKey(what, index + 1);
    const damage = inside || marker ? undefined : damageOf(line);
    if (damage !== undefined) {
      const found = `${what}, line ${index + 1}: expected PEM blocks with text between them, found ${damage}`;
      throw new JoineryError('ERR_PEM_MALFORMED', found, { details: { line: index + 1 } });
    }
    if (marker) inside = line.startsWith('-----BEGIN');
  }
}

function refusePrivateKey(what: string, line: number): never {
  throw new JoineryError('ERR_TRUST_PRIVATE_KEY', `${what}, line ${line}: expected certificates only, found a private key`, {
    hint: 'a trust bundle is public: keep the key out of this file, and replace the key if the file was shared',
    details: { line },
  });
}

function damageOf(line: string): string | undefined {
  if (NOT_TEXT.test(line)) return 'bytes that are not text';
  if (BENT_MARKER.test(line)) return 'a damaged marker';
  return STRAY_BASE64.test(line) ? 'base64 outside a block' : undefined;
}
