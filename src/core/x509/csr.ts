/** Certification requests (PKCS #10, RFC 2986): strict reading. What one asks for is a wish; see profiles.ts for what is given. */
import { type Pin, pinOf } from '../digest.ts';
import { JoineryError } from '../errors.ts';
import type { SignatureAlgorithm, VerifySignature } from '../key-ports.ts';
import { readSpki, signatureAlgorithmOf, type SubjectPublicKeyInfo } from './algorithms.ts';
import { isSignedBy, readSigned, recode } from './certificate.ts';
import { contextTag, derError, type DerReader, enterDer, TAG } from './der.ts';
import { oidOf, smallIntegerOf } from './der-values.ts';
import { type Extensions, readExtensionList, readExtensions } from './extensions.ts';
import { type Name, readName } from './names.ts';
import { OID } from './oids.ts';

export interface CertificationRequest {
  readonly der: Uint8Array;
  /** DER of CertificationRequestInfo: what is signed. */
  readonly tbs: Uint8Array;
  readonly subject: Name;
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  readonly publicKey: SubjectPublicKeyInfo;
  readonly pin: Pin;
  /** undefined for an algorithm that joinery does not accept. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
  /** Of the extensionRequest attribute (RFC 2985 section 5.4.2). */
  readonly extensions: Extensions;
  /** Object identifiers of all other attributes, a challengePassword among them: never read. */
  readonly otherAttributes: readonly string[];
}

/** Far above any request of a node, far below what would take time. */
export const MAX_CSR_OCTETS = 64 * 1024;

/** @param what names it in errors. @throws ERR_CSR_MALFORMED */
export function parseCsr(der: Uint8Array, what = 'certification request'): CertificationRequest {
  return recode('ERR_CSR_MALFORMED', () => {
    if (der.length > MAX_CSR_OCTETS) throw derError(what, `expected at most ${MAX_CSR_OCTETS} octets, found ${der.length}`);
    return readCsr(der, what);
  });
}

function readCsr(der: Uint8Array, what: string): CertificationRequest {
  const { tbs, algorithm, signature } = readSigned(der, what);
  const reader = enterDer(tbs, TAG.sequence, `${what} certificationRequestInfo`);
  if (smallIntegerOf(reader.next(TAG.integer, 'version'), what) !== 0) throw derError(what, 'expected version 1, found another');
  const subject = readName(reader.next(TAG.sequence, 'subject'), `${what} subject`);
  const publicKey = readSpki(reader, `${what} subjectPKInfo`);
  const attributes = reader.enter(contextTag(0), 'attributes').all((list) => readAttribute(list, what));
  reader.end();
  const requests = attributes.filter(({ type }) => type === OID.extensionRequest);
  if (requests.length > 1) throw derError(what, `expected at most one extensionRequest, found ${requests.length}`);
  return {
    der,
    tbs,
    subject,
    spki: publicKey.der,
    publicKey,
    pin: pinOf(publicKey.der),
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    signature,
    extensions: readExtensions(
      requests.flatMap(({ values }) => readExtensionList(values, what)),
      what,
    ),
    otherAttributes: attributes.map(({ type }) => type).filter((type) => type !== OID.extensionRequest),
  };
}

function readAttribute(list: DerReader, what: string): { type: string; values: DerReader } {
  const attribute = list.enter(TAG.sequence, 'attribute');
  const type = oidOf(attribute.next(TAG.oid, 'type'), `${what} attribute`);
  const values = attribute.enter(TAG.set, 'values');
  attribute.end();
  return { type, values };
}

/**
 * Proof that the requester holds the private key (RFC 2986 section 3).
 * @throws ERR_CSR_SIGNATURE
 */
export function assertCsrSignature(csr: CertificationRequest, verifySignature: VerifySignature, what = 'certification request'): void {
  if (isSignedBy(csr, csr.spki, verifySignature)) return;
  throw new JoineryError('ERR_CSR_SIGNATURE', `${what}: expected a signature by its own key, found another`, {
    hint: 'whoever made the request does not hold its private key, or it was changed on the way',
  });
}
