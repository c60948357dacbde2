/** CMS SignedData (RFC 5652 section 5) with its content inside and one signature: PKCS #7 as AWS signs instance identity documents. */
import { sha256 } from '../digest.ts';
import { equalBytes } from '../encoding.ts';
import type { SignatureAlgorithm } from '../key-ports.ts';
import { readAlgorithm, signatureAlgorithmOf } from '../x509/algorithms.ts';
import { contextTag, derError, type DerReader, type DerValue, enterDer, readDer, TAG } from '../x509/der.ts';
import { oidOf, smallIntegerOf } from '../x509/der-values.ts';
import { tlv } from '../x509/der-writer.ts';
import { OID } from '../x509/oids.ts';
import { derOfBer } from './ber.ts';

export interface SignedContent {
  readonly content: Uint8Array;
  /** What the signature is over: the content, or attributes that hold its digest. */
  readonly signed: Uint8Array;
  readonly algorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

/** RFC 5652 sections 11.1 and 11.2. */
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';

/**
 * Reads; the signature is the caller's to verify, under a key of his own: certificates inside are not looked at, because whoever signs
 * can put in what he likes. Digests are SHA-256.
 * @param ber BER or DER. @throws ERR_DER_MALFORMED, also for signed attributes that are not about the content
 */
export function readSignedData(ber: Uint8Array, what: string): SignedContent {
  const info = enterDer(derOfBer(ber, what), TAG.sequence, what);
  expectOid(info, OID.pkcs7SignedData, `${what} contentType`);
  const explicit = info.enter(contextTag(0), 'content');
  info.end();
  const data = explicit.enter(TAG.sequence, 'signedData');
  explicit.end();
  data.next(TAG.integer, 'version');
  data.next(TAG.set, 'digestAlgorithms');
  const content = readContent(data.enter(TAG.sequence, 'encapContentInfo'), what);
  data.optional(contextTag(0), 'certificates');
  data.optional(contextTag(1), 'crls');
  const signers = data.enter(TAG.set, 'signerInfos').all((reader) => reader.enter(TAG.sequence, 'signerInfo'), 1);
  data.end();
  const [signer, ...others] = signers as [DerReader, ...DerReader[]];
  if (others.length > 0) throw derError(what, `expected one signature, found ${signers.length}`);
  return { content, ...readSigner(signer, content, what) };
}

function readContent(info: DerReader, what: string): Uint8Array {
  expectOid(info, OID.pkcs7Data, `${what} eContentType`);
  const explicit = info.enter(contextTag(0), 'eContent');
  info.end();
  const { content } = explicit.next(TAG.octetString, 'eContent');
  explicit.end();
  return content;
}

function readSigner(signer: DerReader, content: Uint8Array, what: string): Omit<SignedContent, 'content'> {
  smallIntegerOf(signer.next(TAG.integer, 'version'), what);
  signer.any('sid');
  const digest = readAlgorithm(signer, `${what} digestAlgorithm`);
  if (digest.oid !== OID.sha256) throw derError(what, `expected SHA-256 as digest algorithm, found ${digest.oid}`);
  const attributes = signer.optional(contextTag(0), 'signedAttrs');
  const signed = attributes === undefined ? content : signedAttributes(attributes, content, what);
  const algorithm = readAlgorithm(signer, `${what} signatureAlgorithm`);
  // RFC 3370 section 3.2: rsaEncryption, with the hash of the digest algorithm, and sha256WithRSAEncryption are both in use.
  const known = algorithm.oid === OID.rsaEncryption ? 'rsa-sha256' : signatureAlgorithmOf(algorithm);
  if (known?.endsWith('-sha256') !== true) throw derError(what, `expected a signature with SHA-256, found algorithm ${algorithm.oid}`);
  const signature = signer.next(TAG.octetString, 'signature').content;
  signer.optional(contextTag(1), 'unsignedAttrs');
  signer.end();
  return { signed, algorithm: known, signature };
}

/** RFC 5652 section 5.4: what is signed is the SET, and it says what it is about. */
function signedAttributes({ content: members }: DerValue, content: Uint8Array, what: string): Uint8Array {
  const set = tlv(TAG.set, members);
  const found = new Map<string, Uint8Array>();
  for (const { type, value } of enterDer(set, TAG.set, what).all(readAttribute)) {
    if (found.has(type)) throw derError(what, `expected each signed attribute once, found ${type} twice`);
    found.set(type, value);
  }
  const [type, digest] = [found.get(CONTENT_TYPE), found.get(MESSAGE_DIGEST)];
  if (type === undefined || digest === undefined)
    throw derError(what, 'expected contentType and messageDigest among the signed attributes');
  if (oidOf(readDer(type, TAG.oid, what), what) !== OID.pkcs7Data) throw derError(what, 'expected contentType data, found another');
  if (!equalBytes(readDer(digest, TAG.octetString, what).content, sha256(content)))
    throw derError(what, 'expected messageDigest of the content, found another');
  return set;
}

function readAttribute(reader: DerReader): { type: string; value: Uint8Array } {
  const attribute = reader.enter(TAG.sequence, 'attribute');
  const type = oidOf(attribute.next(TAG.oid, 'type'), 'attribute');
  const value = attribute.next(TAG.set, 'values').content;
  attribute.end();
  return { type, value };
}

function expectOid(reader: DerReader, expected: string, what: string): void {
  const found = oidOf(reader.next(TAG.oid, 'type'), what);
  if (found !== expected) throw derError(what, `expected ${expected}, found ${found}`);
}
