/** PKCS #7 files that hold certificates and nothing else: what Windows and Java administrators call p7b. */
import { TAG } from './der.ts';
import { integer, oid, sequence, tagged } from './der-writer.ts';
import { OID } from './oids.ts';

const VERSION_1 = integer(1);
const NO_CONTENT = sequence(oid(OID.pkcs7Data));
const EMPTY_SET = Uint8Array.of(TAG.set, 0);

/**
 * DER of ContentInfo with a SignedData that nobody signed (RFC 5652 section 5.1, "degenerate": certificates only). It has no order of its
 * own: DER sorts the members of a set, and readers put the path together by names.
 */
export function writeCertificateBundle(certificates: readonly Uint8Array[]): Uint8Array {
  const ascending = certificates.toSorted((a, b) => Buffer.compare(a, b));
  const signedData = sequence(VERSION_1, EMPTY_SET, NO_CONTENT, tagged(0, ...ascending), EMPTY_SET);
  return sequence(oid(OID.pkcs7SignedData), tagged(0, signedData));
}
