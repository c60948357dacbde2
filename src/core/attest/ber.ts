/**
 * BER (X.690 section 8) to DER, as far as CMS needs it: AWS writes its signatures with indefinite lengths and with octet strings in
 * pieces. The strict reader then sees the one spelling of what was written, in bounded work.
 */
import { derError, TAG } from '../x509/der.ts';
import { tlv } from '../x509/der-writer.ts';

const MAX_DEPTH = 32;
const CONSTRUCTED = 0x20;
const CONSTRUCTED_OCTETS = TAG.octetString | CONSTRUCTED;

interface Cursor {
  readonly bytes: Uint8Array;
  offset: number;
}

/** The one value that `bytes` are, in DER. Sets keep their order. @throws ERR_DER_MALFORMED */
export function derOfBer(bytes: Uint8Array, what: string): Uint8Array {
  const cursor = { bytes, offset: 0 };
  const der = readValue(cursor, what, 0);
  if (cursor.offset !== bytes.length) throw derError(what, `expected the end, found ${bytes.length - cursor.offset} more bytes`);
  return der;
}

function readValue(cursor: Cursor, what: string, depth: number): Uint8Array {
  if (depth > MAX_DEPTH) throw derError(what, `expected at most ${MAX_DEPTH} levels of nesting`);
  const tag = octet(cursor, what);
  if ((tag & 0x1f) === 0x1f) throw derError(what, 'expected a tag number below 31, found a larger one');
  const length = readLength(cursor, what);
  if ((tag & CONSTRUCTED) === 0) {
    if (length === undefined) throw derError(what, 'expected a definite length of a primitive value, found none');
    return tlv(tag, take(cursor, length, what));
  }
  const children = length === undefined ? openEnded(cursor, what, depth) : closed(cursor, cursor.offset + length, what, depth);
  return tag === CONSTRUCTED_OCTETS ? joined(children, what) : tlv(tag, ...children);
}

/** Until two zero octets (X.690 section 8.1.5). */
function openEnded(cursor: Cursor, what: string, depth: number): Uint8Array[] {
  const children: Uint8Array[] = [];
  while (cursor.bytes[cursor.offset] !== 0) children.push(readValue(cursor, what, depth + 1));
  cursor.offset += 1;
  if (octet(cursor, what) !== 0) throw derError(what, 'expected the end of contents, found another value');
  return children;
}

function closed(cursor: Cursor, end: number, what: string, depth: number): Uint8Array[] {
  const children: Uint8Array[] = [];
  while (cursor.offset < end) children.push(readValue(cursor, what, depth + 1));
  if (cursor.offset !== end) throw derError(what, 'expected contents of the length that was said, found another');
  return children;
}

/** An octet string in pieces (X.690 section 8.7.3) as one. */
function joined(children: readonly Uint8Array[], what: string): Uint8Array {
  if (children.some((child) => child[0] !== TAG.octetString))
    throw derError(what, 'expected octet strings inside one, found another value');
  return tlv(TAG.octetString, ...children.map(contentOf));
}

/** Of a value that {@link tlv} wrote. */
function contentOf(der: Uint8Array): Uint8Array {
  const first = der[1] as number;
  return der.subarray(2 + (first < 0x80 ? 0 : first & 0x7f));
}

function readLength(cursor: Cursor, what: string): number | undefined {
  const first = octet(cursor, what);
  if (first < 0x80) return first;
  const count = first & 0x7f;
  if (count === 0) return undefined;
  if (count > 4) throw derError(what, 'expected a length of at most 4 octets, found a longer one');
  return take(cursor, count, what).reduce((total, next) => total * 256 + next, 0);
}

function octet(cursor: Cursor, what: string): number {
  return take(cursor, 1, what)[0] as number;
}

function take(cursor: Cursor, length: number, what: string): Uint8Array {
  const end = cursor.offset + length;
  if (end > cursor.bytes.length) throw derError(what, `expected ${length} octets, found ${cursor.bytes.length - cursor.offset}`);
  const taken = cursor.bytes.subarray(cursor.offset, end);
  cursor.offset = end;
  return taken;
}
