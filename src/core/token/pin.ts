/**
 * Whether a server is the one that a token pins. That some certificate which the server shows has the pinned hash proves nothing:
 * anybody can show the genuine CA beside a leaf of his own. The pinned certificate must be a self-signed authority, and must anchor
 * a certification path to the leaf (FORMATS 1, `secure` and `k3s`).
 */
import { type Digest, digestOf, type Fingerprint, type Pin } from '../digest.ts';
import { toPem, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import { checkAnchor } from '../x509/anchor.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { ReferenceIdentity } from '../x509/identity.ts';
import { OID } from '../x509/oids.ts';
import { validatePath } from '../x509/path.ts';
import { parseClaims } from './claims.ts';
import { detectFormat } from './format.ts';
import { parseCompact } from './jwt.ts';
import { parseK3s } from './k3s.ts';
import { parseKubeadm } from './kubeadm.ts';
import { parseSecure } from './secure.ts';
import { splitOmnirelay } from './omnirelay.ts';

/** What names the authority of a server, by the bytes that each dialect hashes. */
export type ServerPin =
  | { readonly kind: 'certificate'; readonly fingerprint: Fingerprint }
  /** Any of these keys. */
  | { readonly kind: 'key'; readonly pins: readonly Pin[] }
  /** As K3s computes it: of the PEM bytes of a lone certificate, of the DER of the root of several. */
  | { readonly kind: 'k3s'; readonly caHash: Digest };

/**
 * Reads the pin in a token without verifying the token: its holder trusts what he was handed.
 * @returns undefined for a token that pins no server: `kubeadm` (its pin comes beside it), `omnirelay`, a `jwt` without `pins`.
 * @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED, ERR_TOKEN_CLAIMS
 */
export function pinOfToken(text: string): ServerPin | undefined {
  switch (detectFormat(text)) {
    case 'secure':
      return { kind: 'certificate', fingerprint: parseSecure(text).caFingerprint };
    case 'k3s':
      return { kind: 'k3s', caHash: parseK3s(text).caHash };
    case 'kubeadm':
      parseKubeadm(text);
      return undefined;
    case 'omnirelay':
      splitOmnirelay(text);
      return undefined;
    case 'jwt': {
      const { pins } = parseClaims(parseCompact(text).payload).claims;
      return pins && { kind: 'key', pins: pins as readonly string[] as readonly Pin[] };
    }
  }
}

export interface PresentedChain {
  /** As the server showed them, the leaf first, the others in any order. */
  readonly certificates: readonly [Certificate, ...Certificate[]];
  readonly at: Instant;
  /** Name that the leaf must be for. */
  readonly identity: ReferenceIdentity;
  readonly verifySignature: VerifySignature;
}

export interface PinnedPath {
  readonly anchor: Certificate;
  /** From the leaf to the anchor. */
  readonly path: readonly Certificate[];
}

/**
 * Judges what a server shows: the pinned authority is the only anchor, whatever else is there.
 * @throws ERR_PIN_NOT_SHOWN, ERR_PIN_NOT_ANCHOR, ERR_PIN_PATH with the fault in `details`
 */
export function checkPinnedChain(chain: PresentedChain, pin: ServerPin): PinnedPath {
  const { certificates, at, identity, verifySignature } = chain;
  const [leaf, ...intermediates] = certificates;
  const anchors = pinnedAnchors(certificates, pin, verifySignature);
  const result = validatePath({
    leaf,
    intermediates,
    anchors,
    at,
    verifySignature,
    purpose: OID.serverAuth,
    identities: [identity],
  });
  if (result.ok) return { path: result.path, anchor: result.path.at(-1) as Certificate };
  const { code: fault, reason, certificate } = result;
  throw new JoineryError('ERR_PIN_PATH', `server: ${certificate.subject.text || '(no subject)'}: ${reason}`, {
    hint: 'do not send the token to it: it shows the pinned authority, but that authority does not vouch for it',
    details: { fault, fingerprint: certificate.fingerprint },
  });
}

/** @throws ERR_PIN_NOT_SHOWN, ERR_PIN_NOT_ANCHOR */
function pinnedAnchors(shown: readonly Certificate[], pin: ServerPin, verifySignature: VerifySignature): readonly Certificate[] {
  const pinned = shown.filter((certificate) => hasPin(certificate, pin));
  if (pinned.length === 0) {
    throw new JoineryError(
      'ERR_PIN_NOT_SHOWN',
      `server: expected the pinned authority among its ${shown.length} certificates, found none`,
      {
        hint: 'it is another server, or it does not send its root: a server that is pinned must send it',
        details: { shown: shown.map(({ fingerprint }) => fingerprint) },
      },
    );
  }
  const anchors = pinned.filter((certificate) => checkAnchor(certificate, verifySignature).length === 0);
  if (anchors.length > 0) return anchors;
  const { subject } = pinned[0] as Certificate;
  throw new JoineryError(
    'ERR_PIN_NOT_ANCHOR',
    `server: ${subject.text}: expected the pinned certificate to be a self-signed authority, found another`,
    {
      hint: 'pin the root of the server, not its own certificate',
    },
  );
}

function hasPin(certificate: Certificate, pin: ServerPin): boolean {
  switch (pin.kind) {
    case 'certificate':
      return certificate.fingerprint === pin.fingerprint;
    case 'key':
      return pin.pins.includes(certificate.pin);
    case 'k3s':
      return k3sHashes(certificate).includes(pin.caHash);
  }
}

/** Of the lone certificate in the PEM form that K3s writes, and of a root among several. */
function k3sHashes({ der }: Certificate): readonly string[] {
  return [digestOf(utf8(toPem('CERTIFICATE', der))), digestOf(der)];
}
