/** What an identity provider gives is judged like a stranger's: one that is wrong, confused or in other hands must not make nodes. */
import { equalBytes, parsePem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { formatInstant, type Instant, plus } from '../time.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { generalNameText } from '../x509/general-names.ts';
import { OID } from '../x509/oids.ts';
import { validatePath } from '../x509/path.ts';
import type { ProvidedCertificate } from './provider.ts';

export interface ProviderExpectation {
  /** Names the provider in errors. */
  readonly what: string;
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** As {@link generalNameText} writes them. */
  readonly names: readonly string[];
  readonly notAfter: Instant;
  readonly now: Instant;
  /** One of them must have signed it, or what is between. */
  readonly authorities: readonly Certificate[];
  readonly verifySignature: VerifySignature;
}

/** Clocks may differ by this. */
const SKEW = 60;
/** More is no chain of certificates. */
const MAX_CHAIN = 8;

/** @returns the path, from the leaf to one of the authorities. @throws ERR_PROVIDER_CERTIFICATE */
export function checkProvided({ certificatePem, chainPem }: ProvidedCertificate, expected: ProviderExpectation): readonly Certificate[] {
  const [leaf, ...more] = certificatesIn(certificatePem, expected);
  const chain = certificatesIn(chainPem, expected);
  if (leaf === undefined || more.length > 0) throw refused(expected, `expected one certificate, found ${more.length + (leaf ? 1 : 0)}`);
  if (chain.length > MAX_CHAIN) throw refused(expected, `expected at most ${MAX_CHAIN} authorities in its chain, found ${chain.length}`);
  const found = pathOf(leaf, chain, expected);
  const faults = [...contentFaults(leaf, expected), ...(typeof found === 'string' ? [found] : [])];
  if (faults.length === 0) return found as readonly Certificate[];
  throw refused(expected, faults.join('; '));
}

function certificatesIn(pem: string, expected: ProviderExpectation): readonly Certificate[] {
  try {
    const blocks = pem.trim() === '' ? [] : parsePem(pem, expected.what);
    return blocks.filter(({ label }) => label === 'CERTIFICATE').map(({ der }) => parseCertificate(der, expected.what));
  } catch (cause) {
    // Reading throws nothing else.
    throw refused(expected, (cause as JoineryError).message, cause);
  }
}

function contentFaults(
  { spki, serialNumber, notBefore, notAfter, extensions }: Certificate,
  expected: ProviderExpectation,
): readonly string[] {
  const found = (extensions.subjectAltName ?? []).map(generalNameText);
  const late = plus(expected.now, SKEW);
  const usage = extensions.keyUsage ?? new Set();
  const checks: readonly (readonly [boolean, string])[] = [
    [equalBytes(spki, expected.spki), 'expected the key of the request, found another'],
    [sameSet(found, expected.names), `expected the names ${expected.names.join(', ')}, found ${found.join(', ') || 'none'}`],
    [extensions.basicConstraints?.cA !== true, 'expected no authority, found one'],
    // SPIFFE X509-SVID section 4.3.
    [
      usage.has('digitalSignature') && !usage.has('keyCertSign') && !usage.has('cRLSign'),
      `expected a key for signatures, and for no certificates or lists, found ${[...usage].join(', ') || 'no key usage'}`,
    ],
    // SPIRE's have 128 bits, of which the first may be zero.
    [/^[0-9a-f]{16,40}$/.test(serialNumber), `expected a serial number of 8 to 20 octets, found ${serialNumber.length / 2}`],
    [notBefore <= late, `expected it to be valid now, found from ${formatInstant(notBefore)}`],
    [
      notAfter > expected.now && notAfter <= plus(expected.notAfter, SKEW),
      `expected an end by ${formatInstant(expected.notAfter)}, found ${formatInstant(notAfter)}`,
    ],
  ];
  return checks.flatMap(([holds, fault]) => (holds ? [] : [fault]));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry) => b.includes(entry));
}

/** The path, or why there is none. Only the authorities of the configuration are anchors, whatever else the provider gives. */
function pathOf(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  { authorities, now, verifySignature }: ProviderExpectation,
): readonly Certificate[] | string {
  const at = leaf.notBefore > now ? leaf.notBefore : now;
  const anchors = authorities.filter(({ notAfter }) => notAfter > at);
  const result = validatePath({ leaf, intermediates, anchors, at, verifySignature, purpose: OID.clientAuth });
  return result.ok ? result.path : result.reason;
}

function refused({ what }: ProviderExpectation, found: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_PROVIDER_CERTIFICATE', `${what}: ${found}`, { cause, hint: 'nothing was written: the token was not used' });
}
