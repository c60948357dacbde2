/**
 * The fast way to a leaf: everything that the leaves of one issuer and profile share is encoded once. The bytes are those of
 * {@link leafTemplate} and {@link writeTbs}, which a property test shows; this file adds nothing that they do not say.
 */
import type { KeyType, SigningKey } from '../key-ports.ts';
import type { Random } from '../ports.ts';
import type { Instant } from '../time.ts';
import type { SubjectPublicKeyInfo } from './algorithms.ts';
import type { Certificate } from './certificate.ts';
import { contextTag, TAG } from './der.ts';
import { header, integer, oid, sequence, time, tlv, TRUE } from './der-writer.ts';
import { type AlternativeName, keyIdentifierOf, subjectKeyIdentifier, writeAlternativeName, writeExtension } from './extension-writer.ts';
import { OID } from './oids.ts';
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
  return ({ serialNumber, notBefore, notAfter, subject, publicKey, names }) => {
    const extensions = [
      publicKey.key.kind === 'rsa' ? firstExtensions.rsa : firstExtensions.other,
      ...subjectAltNameParts(names, isEmptyName(subject)),
      SUBJECT_KEY_IDENTIFIER,
      keyIdentifierOf(publicKey),
      lastExtension,
    ];
    const length = octetsOf(extensions);
    const list = header(TAG.sequence, length);
    const field = header(contextTag(3), list.length + length);
    const { der: spki } = publicKey;
    return tlv(
      TAG.sequence,
      version,
      integer(serialNumber),
      algorithmAndIssuer,
      validity(notBefore, notAfter),
      subject,
      spki,
      field,
      list,
      ...extensions,
    );
  };
}

/** The extension up to the identifier, which always has 20 octets. */
const SUBJECT_KEY_IDENTIFIER = writeExtension(subjectKeyIdentifier(new Uint8Array(20))).slice(0, -20);
const SUBJECT_ALT_NAME = oid(OID.subjectAltName);

/** As `writeExtension(subjectAltName(...))` writes it, in parts, so that nothing is copied level by level. */
function subjectAltNameParts(names: readonly AlternativeName[], critical: boolean): readonly Uint8Array[] {
  if (names.length === 0) return [];
  const contents = names.map(writeAlternativeName);
  const length = octetsOf(contents);
  const list = header(TAG.sequence, length);
  const value = header(TAG.octetString, list.length + length);
  const start = critical ? [SUBJECT_ALT_NAME, TRUE, value, list] : [SUBJECT_ALT_NAME, value, list];
  return [header(TAG.sequence, octetsOf(start) + length), ...start, ...contents];
}

function octetsOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
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

/** DER of the certificate: signs what a {@link LeafWriter} gave. At once, when the key signs at once: a promise costs as much as a hash. */
export function signLeaf(tbs: Uint8Array, key: SigningKey): Uint8Array | Promise<Uint8Array> {
  const signature = key.sign(tbs, 'der');
  if (signature instanceof Uint8Array) return writeSigned(tbs, key.type, signature);
  return signature.then((signed) => writeSigned(tbs, key.type, signed));
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
