/**
 * The fast way to a leaf: everything that the leaves of one issuer and profile share is encoded once. The bytes are those of
 * {@link leafTemplate} and {@link writeTbs}, which a property test shows; this file adds nothing that they do not say.
 */
import type { KeyType, Random, SigningKey } from '../ports.ts';
import type { Instant } from '../time.ts';
import type { SubjectPublicKeyInfo } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { contextTag } from './der.ts';
import { integer, sequence, time, tlv } from './der-writer.ts';
import { type AlternativeName, keyIdentifierOf, subjectAltName, subjectKeyIdentifier, writeExtension } from './extension-writer.ts';
import { constantParts, isEmptyName, type LeafProfile, writeSigned } from './template.ts';

export interface FastLeaf {
  /** Positive. */
  readonly serialNumber: Uint8Array;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** DER of Name. */
  readonly subject: Uint8Array;
  readonly publicKey: SubjectPublicKeyInfo;
  readonly names: readonly AlternativeName[];
}

/** Gives DER of tbsCertificate. */
export type LeafWriter = (leaf: FastLeaf) => Uint8Array;

/** Prepares the issuance of many leaves. */
export function leafWriter(issuer: Certificate, signer: KeyType, profile: LeafProfile): LeafWriter {
  const { version, algorithmAndIssuer, firstExtensions, lastExtension } = constantParts(issuer, signer, profile);
  const validity = validityWriter();
  return ({ serialNumber, notBefore, notAfter, subject, publicKey, names }) =>
    sequence(
      version,
      integer(serialNumber),
      algorithmAndIssuer,
      validity(notBefore, notAfter),
      subject,
      publicKey.der,
      tlv(
        contextTag(3),
        sequence(
          firstExtensions,
          names.length === 0 ? NOTHING : writeExtension(subjectAltName(names, isEmptyName(subject))),
          writeExtension(subjectKeyIdentifier(keyIdentifierOf(publicKey))),
          lastExtension,
        ),
      ),
    );
}

const NOTHING = new Uint8Array(0);

/** Leaves of one moment have one validity: the last one is kept. */
function validityWriter(): (notBefore: Instant, notAfter: Instant) => Uint8Array {
  let last: { readonly notBefore: Instant; readonly notAfter: Instant; readonly der: Uint8Array } | undefined;
  return (notBefore, notAfter) => {
    if (last?.notBefore !== notBefore || last.notAfter !== notAfter)
      last = { notBefore, notAfter, der: sequence(time(notBefore), time(notAfter)) };
    return last.der;
  };
}

/** DER of the certificate: signs what a {@link LeafWriter} gave. */
export async function signLeaf(tbs: Uint8Array, key: SigningKey): Promise<Uint8Array> {
  const signature = key.sign(tbs, 'der');
  return writeSigned(tbs, key.type, signature instanceof Uint8Array ? signature : await signature);
}

const POOL_OCTETS = 4096;

/** Random numbers for many serial numbers at a time: one call of the system costs more than the bytes. */
export function pooledRandom(random: Random): Random {
  let pool: Uint8Array = NOTHING;
  return {
    bytes(length) {
      if (length > POOL_OCTETS) return random.bytes(length);
      if (pool.length < length) pool = random.bytes(POOL_OCTETS);
      // A copy, which the caller owns; what was given is never given again.
      const bytes = pool.slice(0, length);
      pool = pool.subarray(length);
      return bytes;
    },
  };
}
