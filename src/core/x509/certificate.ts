/** X.509 certificates (RFC 5280 section 4.1): strict reading, signature, and what makes one a trust anchor. */
import { type Fingerprint, fingerprintOf, type Pin, pinOf } from '../digest.ts';
import { equalBytes, toHex } from '../encoding.ts';
import { type ErrorCode, isJoineryError, JoineryError } from '../errors.ts';
import type { SignatureAlgorithm, VerifySignature } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import { type AlgorithmIdentifier, readAlgorithm, readSpki, signatureAlgorithmOf, type SubjectPublicKeyInfo } from './algorithms.ts';
import { contextTag, derError, type DerReader, enterDer, TAG } from './der.ts';
import { integerOf, octetBitsOf, smallIntegerOf, timeOf } from './der-values.ts';
import { type Extensions, readExtensionList, readExtensions } from './extensions.ts';
import { equalNames, type Name, readName } from './names.ts';

export interface Certificate {
  readonly der: Uint8Array;
  /** DER of tbsCertificate: what is signed. */
  readonly tbs: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Lower-case hex of the content octets: a negative number begins with a digit of 8 or more. */
  readonly serialNumber: string;
  readonly issuer: Name;
  readonly subject: Name;
  /** An instant before 1970 is read as 1970-01-01T00:00:00Z. */
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** DER of Validity, to see how the times were written. */
  readonly validity: Uint8Array;
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly publicKey: SubjectPublicKeyInfo;
  readonly fingerprint: Fingerprint;
  readonly pin: Pin;
  /** undefined for an algorithm that joinery does not accept (SHA-1, MD5, DSA). */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly algorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  readonly extensions: Extensions;
  /** Issuer and subject are one name (RFC 5280 section 6.1): not counted by pathLenConstraint. */
  readonly selfIssued: boolean;
}

/** Larger than any certificate that is not an attack on the reader. */
export const MAX_CERTIFICATE_OCTETS = 256 * 1024;

/**
 * Reads a certificate strictly. A refusal by a rule of path validation (serial number, weak key, missing extension) is not
 * made here, so that what is wrong with a certificate can be shown.
 * @param what names it in errors.
 * @throws ERR_CERTIFICATE_MALFORMED
 */
export function parseCertificate(der: Uint8Array, what = 'certificate'): Certificate {
  return recode('ERR_CERTIFICATE_MALFORMED', () => {
    if (der.length > MAX_CERTIFICATE_OCTETS) throw derError(what, `expected at most ${MAX_CERTIFICATE_OCTETS} octets, found ${der.length}`);
    return readCertificate(der, what);
  });
}

/** Runs a reader and gives its ERR_DER_MALFORMED the code of the document that was read. */
export function recode<T>(code: ErrorCode, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw isJoineryError(cause, 'ERR_DER_MALFORMED') ? new JoineryError(code, cause.message, { cause }) : cause;
  }
}

function readCertificate(der: Uint8Array, what: string): Certificate {
  const { tbs, algorithm, signature } = readSigned(der, what);
  const fields = readTbs(tbs, what);
  // RFC 5280 section 4.1.1.2: both fields hold the same identifier; otherwise the signed one could be a stronger algorithm.
  if (!equalBytes(fields.algorithm.der, algorithm.der))
    throw derError(what, 'expected the signed and the outer signature algorithm equal, found two');
  return {
    der,
    tbs,
    ...fields,
    fingerprint: fingerprintOf(der),
    pin: pinOf(fields.spki),
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    signature,
    selfIssued: equalNames(fields.issuer, fields.subject),
  };
}

/** The three parts of a signed structure: certificate, certification request, revocation list. @throws ERR_DER_MALFORMED */
export function readSigned(der: Uint8Array, what: string): { tbs: Uint8Array; algorithm: AlgorithmIdentifier; signature: Uint8Array } {
  const reader = enterDer(der, TAG.sequence, what);
  const tbs = reader.next(TAG.sequence, 'toBeSigned').bytes;
  const algorithm = readAlgorithm(reader, what);
  const signature = octetBitsOf(reader.next(TAG.bitString, 'signature'), `${what} signature`);
  reader.end();
  return { tbs, algorithm, signature };
}

type TbsFields = Pick<
  Certificate,
  | 'version'
  | 'serialNumber'
  | 'algorithm'
  | 'issuer'
  | 'notBefore'
  | 'notAfter'
  | 'validity'
  | 'subject'
  | 'spki'
  | 'publicKey'
  | 'extensions'
>;

function readTbs(tbs: Uint8Array, what: string): TbsFields {
  const reader = enterDer(tbs, TAG.sequence, `${what} tbsCertificate`);
  const version = readVersion(reader, what);
  const serialNumber = toHex(integerOf(reader.next(TAG.integer, 'serialNumber'), `${what} serialNumber`));
  const algorithm = readAlgorithm(reader, what);
  const issuer = readName(reader.next(TAG.sequence, 'issuer'), `${what} issuer`);
  const validity = reader.next(TAG.sequence, 'validity');
  const times = reader.inside(validity, 'validity');
  const notBefore = timeOf(times.any('notBefore'), `${what} notBefore`);
  const notAfter = timeOf(times.any('notAfter'), `${what} notAfter`);
  times.end();
  const subject = readName(reader.next(TAG.sequence, 'subject'), `${what} subject`);
  const publicKey = readSpki(reader, `${what} subjectPublicKeyInfo`);
  skipUniqueIds(reader, version, what);
  const extensions = readTbsExtensions(reader, version, what);
  reader.end();
  return {
    version,
    serialNumber,
    algorithm,
    issuer,
    notBefore,
    notAfter,
    validity: validity.bytes,
    subject,
    spki: publicKey.der,
    publicKey,
    extensions,
  };
}

function readVersion(reader: DerReader, what: string): 1 | 2 | 3 {
  const explicit = reader.optional(contextTag(0), 'version');
  if (explicit === undefined) return 1;
  const inner = reader.inside(explicit, 'version');
  const version = smallIntegerOf(inner.next(TAG.integer, 'version'), `${what} version`);
  inner.end();
  if (version !== 1 && version !== 2) throw derError(`${what} version`, `expected v2 or v3 (v1 is left out), found ${version}`);
  return version === 1 ? 2 : 3;
}

function skipUniqueIds(reader: DerReader, version: number, what: string): void {
  const ids = [1, 2].map((number) => reader.optional(contextTag(number, 'primitive'), 'uniqueID'));
  if (version === 1 && ids.some((id) => id !== undefined)) throw derError(what, 'expected no unique identifiers in version 1, found some');
}

function readTbsExtensions(reader: DerReader, version: number, what: string): Extensions {
  const explicit = reader.optional(contextTag(3), 'extensions');
  if (explicit === undefined) return readExtensions([], what);
  if (version !== 3) throw derError(what, `expected version 3 for extensions, found version ${version}`);
  const inner = reader.inside(explicit, 'extensions');
  const list = readExtensionList(inner, what);
  inner.end();
  return readExtensions(list, what);
}

/** True when `issuerSpki`'s key made the certificate's signature by an algorithm that joinery accepts. */
export function isSignedBy(
  certificate: Pick<Certificate, 'signatureAlgorithm' | 'tbs' | 'signature'>,
  issuerSpki: Uint8Array,
  verifySignature: VerifySignature,
): boolean {
  const { signatureAlgorithm: algorithm, tbs, signature } = certificate;
  return algorithm !== undefined && verifySignature({ algorithm, spki: issuerSpki, data: tbs, signature, encoding: 'der' });
}
