/** AlgorithmIdentifier and SubjectPublicKeyInfo (RFC 3279, 4055, 5480, 5758, 8410). */
import { equalBytes } from '../encoding.ts';
import type { SignatureAlgorithm } from '../key-ports.ts';
import { contextTag, derError, DerReader, enterDer, readDer, TAG } from './der.ts';
import { integerOf, octetBitsOf, oidOf, smallIntegerOf } from './der-values.ts';
import { OID } from './oids.ts';

export interface AlgorithmIdentifier {
  readonly oid: string;
  /** DER of the parameters, where there are any. */
  readonly parameters: Uint8Array | undefined;
  readonly der: Uint8Array;
}

/** @throws ERR_DER_MALFORMED */
export function readAlgorithm(reader: DerReader, what: string): AlgorithmIdentifier {
  const value = reader.next(TAG.sequence, 'algorithm');
  const inner = reader.inside(value, 'algorithm');
  const oid = oidOf(inner.next(TAG.oid, 'algorithm'), what);
  const parameters = inner.done ? undefined : inner.any('parameters').bytes;
  inner.end();
  return { oid, parameters, der: value.bytes };
}

const WITHOUT_PARAMETERS: Readonly<Record<string, SignatureAlgorithm>> = {
  [OID.ecdsaWithSha256]: 'ecdsa-sha256',
  [OID.ecdsaWithSha384]: 'ecdsa-sha384',
  [OID.ecdsaWithSha512]: 'ecdsa-sha512',
  [OID.ed25519]: 'ed25519',
  [OID.ed448]: 'ed448',
};

const PKCS1: Readonly<Record<string, SignatureAlgorithm>> = {
  [OID.sha256WithRSAEncryption]: 'rsa-sha256',
  [OID.sha384WithRSAEncryption]: 'rsa-sha384',
  [OID.sha512WithRSAEncryption]: 'rsa-sha512',
};

const NULL = Uint8Array.of(TAG.null, 0);

function isNullOrAbsent(parameters: Uint8Array | undefined): boolean {
  return parameters === undefined || equalBytes(parameters, NULL);
}

/** The signature algorithm that an identifier means, undefined for one that joinery does not accept (SHA-1, MD5, DSA, wrong parameters). */
export function signatureAlgorithmOf({ oid, parameters }: AlgorithmIdentifier): SignatureAlgorithm | undefined {
  // RFC 5758 section 3.2 and RFC 8410 section 3: parameters are absent. RFC 4055 section 5: NULL, and absent is accepted.
  const plain = WITHOUT_PARAMETERS[oid];
  if (plain !== undefined) return parameters === undefined ? plain : undefined;
  const pkcs1 = PKCS1[oid];
  if (pkcs1 !== undefined) return isNullOrAbsent(parameters) ? pkcs1 : undefined;
  return oid === OID.rsassaPss && parameters !== undefined ? pssAlgorithm(parameters) : undefined;
}

const PSS: Readonly<Record<string, { algorithm: SignatureAlgorithm; salt: number }>> = {
  [OID.sha256]: { algorithm: 'rsa-pss-sha256', salt: 32 },
  [OID.sha384]: { algorithm: 'rsa-pss-sha384', salt: 48 },
  [OID.sha512]: { algorithm: 'rsa-pss-sha512', salt: 64 },
};

/** RFC 4055 section 3.1, only in the usual form: one SHA-2 hash for message and mask, a salt of its length. */
function pssAlgorithm(parameters: Uint8Array): SignatureAlgorithm | undefined {
  const reader = enterDer(parameters, TAG.sequence, 'RSASSA-PSS-params');
  const [hash, mask, salt] = [0, 1, 2].map((number) => reader.optional(contextTag(number), `[${number}]`));
  reader.end();
  if (hash === undefined || mask === undefined || salt === undefined) return undefined;
  const digest = readAlgorithm(reader.inside(hash, 'hashAlgorithm'), 'hashAlgorithm');
  const mgf = readAlgorithm(reader.inside(mask, 'maskGenAlgorithm'), 'maskGenAlgorithm');
  const length = smallIntegerOf(reader.inside(salt, 'saltLength').next(TAG.integer, 'saltLength'), 'saltLength');
  const rule = PSS[digest.oid];
  const usual =
    mgf.oid === OID.mgf1 && mgf.parameters !== undefined && equalBytes(mgf.parameters, digest.der) && isNullOrAbsent(digest.parameters);
  return rule !== undefined && usual && length === rule.salt ? rule.algorithm : undefined;
}

export type PublicKey =
  | {
      readonly kind: 'rsa';
      readonly bits: number;
      /** Octets without a sign. */
      readonly modulus: Uint8Array;
      /** Content octets. */
      readonly exponent: Uint8Array;
    }
  | { readonly kind: 'ec'; /** Object identifier of the curve; empty for explicit parameters. */ readonly curve: string }
  | { readonly kind: 'ed25519' | 'ed448' }
  | { readonly kind: 'other'; readonly oid: string };

export interface SubjectPublicKeyInfo {
  readonly der: Uint8Array;
  readonly algorithm: AlgorithmIdentifier;
  readonly key: PublicKey;
  /** Contents of the subjectPublicKey BIT STRING: what key identifiers are made of. */
  readonly bits: Uint8Array;
}

/** @throws ERR_DER_MALFORMED */
export function readSpki(reader: DerReader, what: string): SubjectPublicKeyInfo {
  const value = reader.next(TAG.sequence, 'subjectPublicKeyInfo');
  const inner = reader.inside(value, 'subjectPublicKeyInfo');
  const algorithm = readAlgorithm(inner, what);
  const bits = octetBitsOf(inner.next(TAG.bitString, 'subjectPublicKey'), what);
  inner.end();
  return { der: value.bytes, algorithm, bits, key: publicKeyOf(algorithm, bits, what) };
}

/** Reads SubjectPublicKeyInfo that stands alone. @throws ERR_DER_MALFORMED */
export function parseSpki(der: Uint8Array, what = 'public key'): SubjectPublicKeyInfo {
  const reader = new DerReader(der, what);
  const spki = readSpki(reader, what);
  reader.end();
  return spki;
}

function publicKeyOf({ oid, parameters }: AlgorithmIdentifier, bits: Uint8Array, what: string): PublicKey {
  switch (oid) {
    case OID.rsaEncryption:
      if (parameters === undefined || !equalBytes(parameters, NULL))
        throw derError(what, 'expected NULL parameters of rsaEncryption, found others');
      return rsaKey(bits, what);
    case OID.ecPublicKey:
      return { kind: 'ec', curve: parameters?.[0] === TAG.oid ? oidOf(readDer(parameters, TAG.oid, what), what) : '' };
    case OID.ed25519:
    case OID.ed448:
      if (parameters !== undefined) throw derError(what, 'expected no parameters of an Edwards curve key, found some');
      return { kind: oid === OID.ed25519 ? 'ed25519' : 'ed448' };
    default:
      return { kind: 'other', oid };
  }
}

function rsaKey(bits: Uint8Array, what: string): PublicKey {
  const reader = enterDer(bits, TAG.sequence, what);
  const modulus = integerOf(reader.next(TAG.integer, 'modulus'), what);
  const exponent = integerOf(reader.next(TAG.integer, 'publicExponent'), what);
  reader.end();
  if ((modulus[0] as number) >= 0x80 || (exponent[0] as number) >= 0x80)
    throw derError(what, 'expected a positive modulus and exponent, found a negative one');
  const significant = modulus[0] === 0 ? modulus.subarray(1) : modulus;
  return { kind: 'rsa', bits: significant.length * 8 - Math.clz32(significant[0] ?? 0) + 24, modulus: significant, exponent };
}
