/** The hashes by which programs name a certificate or its key: each ecosystem has its own. */
import { digestOf, type Pin, sha256 } from '../digest.ts';
import { toBase64 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { equalNames } from './names.ts';
import type { Certificate } from './certificate.ts';

export interface Fingerprints {
  /** SHA-256 of the DER. */
  readonly sha256: string;
  /** RFC 7469 and kubeadm (`--discovery-token-ca-cert-hash`). */
  readonly spki_pin: Pin;
  /** As OpenSSH writes hashes: `SHA256:` and base64 without padding, of SubjectPublicKeyInfo. */
  readonly ssh_like: string;
}

export function fingerprintsOf(certificate: Certificate): Fingerprints {
  return {
    sha256: certificate.fingerprint,
    spki_pin: certificate.pin,
    ssh_like: `SHA256:${toBase64(sha256(certificate.spki)).replace(/=+$/, '')}`,
  };
}

/**
 * The hash in a K3s token (FORMATS 1): of one certificate the SHA-256 of the file's bytes as they are; of several the SHA-256 of the
 * DER of the root that the first chains to.
 * @param file exact bytes. @throws ERR_INPUT_MALFORMED when the root is not in the file.
 */
export function k3sHash(file: Uint8Array, certificates: readonly Certificate[], what: string): string {
  if (certificates.length === 1) return digestOf(file);
  let current = certificates[0];
  for (let steps = 0; current !== undefined && !current.selfIssued && steps < certificates.length; steps++) {
    const { issuer } = current;
    current = certificates.find(({ subject }) => equalNames(subject, issuer));
  }
  if (current?.selfIssued === true) return current.fingerprint;
  throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected the root that the first certificate chains to, found none`);
}
