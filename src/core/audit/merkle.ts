/** The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1) over the audit records, with SHA-256. */
import { sha256 } from '../digest.ts';
import { concat } from '../encoding.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Hash of one record. The prefix keeps a leaf from passing for a node. */
export function leafHash(record: Uint8Array): Uint8Array {
  return sha256(concat(LEAF, record));
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(NODE, left, right));
}
