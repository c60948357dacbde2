/** Says what a file is: certificates, requests, revocation lists, keys and PKCS #12, in PEM or DER. Opens nothing that is encrypted. */
import { type Pin, pinOf } from '../digest.ts';
import { decodeUtf8, parsePem, type PemBlock } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { parseSpki, type SubjectPublicKeyInfo } from './algorithms.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { parseRevocationList, type RevocationList } from './crl.ts';
import { type CertificationRequest, parseCsr } from './csr.ts';
import { enterDer, readDer, TAG } from './der.ts';
import { type Pkcs12Outline, readPkcs12Outline } from './pkcs12-outline.ts';

export type X509Document =
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'request'; readonly csr: CertificationRequest }
  | { readonly kind: 'revocation-list'; readonly list: RevocationList }
  | { readonly kind: 'public-key'; readonly publicKey: SubjectPublicKeyInfo; readonly pin: Pin }
  | { readonly kind: 'private-key'; readonly encrypted: boolean }
  | { readonly kind: 'pkcs12'; readonly outline: Pkcs12Outline };

/** Larger than any list of trust anchors. */
export const MAX_DOCUMENT_OCTETS = 32 * 1024 * 1024;

/** @param what names the file. @throws ERR_INPUT_MALFORMED for something else, and what the reader of each kind throws. */
export function readDocuments(bytes: Uint8Array, what: string): readonly X509Document[] {
  if (bytes[0] === TAG.sequence) return [readDerDocument(bytes, what)];
  const blocks = parsePem(textOf(bytes, what), what);
  if (blocks.length > 0) return blocks.map((block) => readPemDocument(block, `${what}, line ${block.line}`));
  throw unknown(what, 'text without a PEM block');
}

function textOf(bytes: Uint8Array, what: string): string {
  try {
    return decodeUtf8(bytes, what);
  } catch {
    throw unknown(what, 'other bytes');
  }
}

function readPemDocument({ label, der }: PemBlock, what: string): X509Document {
  switch (label) {
    case 'CERTIFICATE':
    case 'X509 CERTIFICATE':
      return { kind: 'certificate', certificate: parseCertificate(der, what) };
    case 'CERTIFICATE REQUEST':
    case 'NEW CERTIFICATE REQUEST':
      return { kind: 'request', csr: parseCsr(der, what) };
    case 'X509 CRL':
      return { kind: 'revocation-list', list: parseRevocationList(der, what) };
    case 'PUBLIC KEY':
      return publicKey(der, what);
    case 'ENCRYPTED PRIVATE KEY':
      return { kind: 'private-key', encrypted: true };
    case 'PRIVATE KEY':
    case 'EC PRIVATE KEY':
    case 'RSA PRIVATE KEY':
      return { kind: 'private-key', encrypted: false };
    default:
      throw unknown(what, `a PEM block ${label}`);
  }
}

function publicKey(der: Uint8Array, what: string): X509Document {
  const parsed = parseSpki(der, what);
  return { kind: 'public-key', publicKey: parsed, pin: pinOf(parsed.der) };
}

type Shape = 'pkcs12' | 'private-key' | 'encrypted-key' | 'public-key' | 'request' | 'revocation-list' | 'certificate';

function readDerDocument(der: Uint8Array, what: string): X509Document {
  switch (shapeOf(der, what)) {
    case 'pkcs12':
      return { kind: 'pkcs12', outline: readPkcs12Outline(der, what) };
    case 'private-key':
      return { kind: 'private-key', encrypted: false };
    case 'encrypted-key':
      return { kind: 'private-key', encrypted: true };
    case 'public-key':
      return publicKey(der, what);
    case 'request':
      return { kind: 'request', csr: parseCsr(der, what) };
    case 'revocation-list':
      return { kind: 'revocation-list', list: parseRevocationList(der, what) };
    case 'certificate':
      return { kind: 'certificate', certificate: parseCertificate(der, what) };
  }
}

/** Told by the types of the first values: each kind begins in its own way. */
function shapeOf(der: Uint8Array, what: string): Shape {
  const outer = enterDer(der, TAG.sequence, what);
  const first = outer.any('first');
  const second = outer.tag;
  if (first.tag === TAG.integer) return first.content[0] === 3 ? 'pkcs12' : 'private-key';
  if (second === TAG.bitString) return 'public-key';
  if (second === TAG.octetString) return 'encrypted-key';
  return signedShape(readDer(first.bytes, TAG.sequence, what).bytes, what);
}

/**
 * tbsCertificate begins with [0] or with two INTEGER-led fields; CertificationRequestInfo with version 0 and a Name and key of
 * SEQUENCEs up to [0]; tbsCertList has a time where a certificate has its validity.
 */
function signedShape(tbs: Uint8Array, what: string): Shape {
  const tags = enterDer(tbs, TAG.sequence, what).all((reader) => reader.any('field').tag);
  if (tags.includes(TAG.utcTime) || tags.includes(TAG.generalizedTime)) return 'revocation-list';
  const request = tags[0] === TAG.integer && tags.length <= 4;
  return request ? 'request' : 'certificate';
}

function unknown(what: string, found: string): JoineryError {
  return new JoineryError(
    'ERR_INPUT_MALFORMED',
    `${what}: expected a certificate, request, revocation list, key or PKCS #12 in PEM or DER, found ${found}`,
  );
}
