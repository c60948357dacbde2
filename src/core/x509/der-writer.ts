/** A small writer of DER (X.690). What it writes, {@link DerReader} reads: a property test shows it. */
import { concat } from '../encoding.ts';
import { type Instant, toCivil } from '../time.ts';
import { contextTag, TAG } from './der.ts';

/** Identifier octet and minimal length of a value whose contents follow. */
export function header(tag: number, length: number): Uint8Array {
  const octets = lengthOctets(length);
  const out = new Uint8Array(2 + octets);
  writeHeader(out, tag, length, octets);
  return out;
}

/** One value: identifier octet, minimal length, contents. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of contents) length += part.length;
  // Written into one array: certificates are made of many small values, and most of their cost is here.
  const octets = lengthOctets(length);
  const out = allocate(2 + octets + length);
  writeHeader(out, tag, length, octets);
  let offset = 2 + octets;
  for (const part of contents) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** An array that the caller fills. Larger ones come from Buffer's pool: each array of its own costs a memory allocation and a collection. */
function allocate(length: number): Uint8Array {
  if (length < 64) return new Uint8Array(length);
  const { buffer, byteOffset } = Buffer.allocUnsafe(length);
  return new Uint8Array(buffer, byteOffset, length);
}

/** Octets of a length beyond the first. */
function lengthOctets(length: number): number {
  return length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(length)) / 8);
}

function writeHeader(out: Uint8Array, tag: number, length: number, octets: number): void {
  out[0] = tag;
  out[1] = octets === 0 ? length : 0x80 | octets;
  for (let index = 1 + octets, rest = length; index > 1; index--, rest >>>= 8) out[index] = rest & 0xff;
}

export function sequence(...members: readonly Uint8Array[]): Uint8Array {
  return tlv(TAG.sequence, ...members);
}

/** SET OF: the members ascend (X.690 section 11.6). */
export function setOf(...members: readonly Uint8Array[]): Uint8Array {
  return tlv(TAG.set, ...(members.length < 2 ? members : members.toSorted((a, b) => Buffer.compare(a, b))));
}

/** A constructed context-specific tag around `members`: EXPLICIT, or IMPLICIT over a SEQUENCE's contents. */
export function tagged(number: number, ...members: readonly Uint8Array[]): Uint8Array {
  return tlv(contextTag(number), ...members);
}

/** A non-negative INTEGER from a number or from its octets, the most significant first. */
export function integer(value: number | Uint8Array): Uint8Array {
  return tlv(TAG.integer, minimal(typeof value === 'number' ? numberOctets(value) : value));
}

function numberOctets(value: number): Uint8Array {
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.from(octets);
}

function minimal(octets: Uint8Array): Uint8Array {
  const start = octets.findIndex((octet) => octet !== 0);
  if (start === -1) return Uint8Array.of(0);
  const significant = octets.subarray(start);
  return (significant[0] as number) >= 0x80 ? concat(Uint8Array.of(0), significant) : significant;
}

export const TRUE = Uint8Array.of(TAG.boolean, 1, 0xff);
export const NULL = Uint8Array.of(TAG.null, 0);

const encodedOids = new Map<string, Uint8Array>();

/** An OBJECT IDENTIFIER from dotted decimal with arcs below 2^53. Each is encoded once: the caller does not change it. */
export function oid(dotted: string): Uint8Array {
  const encoded = encodedOids.get(dotted) ?? encodeOid(dotted);
  encodedOids.set(dotted, encoded);
  return encoded;
}

function encodeOid(dotted: string): Uint8Array {
  const [root, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]];
  return tlv(TAG.oid, Uint8Array.from([root * 40 + second, ...rest].flatMap(arcOctets)));
}

function arcOctets(arc: number): number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift(0x80 | (rest % 128));
  return octets;
}

export function octetString(content: Uint8Array): Uint8Array {
  return tlv(TAG.octetString, content);
}

/** A BIT STRING of whole octets. */
export function bitString(content: Uint8Array): Uint8Array {
  return tlv(TAG.bitString, Uint8Array.of(0), content);
}

/** A BIT STRING with named bits, without zero bits at the end (X.690 section 11.2.2). */
export function namedBits(bits: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...bits);
  const octets = new Uint8Array(Math.ceil((last + 1) / 8));
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] as number) | (0x80 >> (bit & 7));
  return tlv(TAG.bitString, Uint8Array.of((8 - ((last + 1) % 8)) % 8), octets);
}

const encoder = new TextEncoder();

/** Text in a string type, or under an implicit tag. The caller has checked the character set. */
export function text(tag: number, value: string): Uint8Array {
  const length = Buffer.byteLength(value);
  const octets = lengthOctets(length);
  const out = allocate(2 + octets + length);
  writeHeader(out, tag, length, octets);
  encoder.encodeInto(value, out.subarray(2 + octets));
  return out;
}

const FIRST_GENERALIZED_YEAR = 2050;

/** RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on. */
export function time(at: Instant): Uint8Array {
  const { year, month, day, hour, minute, second } = toCivil(at);
  const [tag, written] = year < FIRST_GENERALIZED_YEAR ? [TAG.utcTime, year % 100] : [TAG.generalizedTime, year];
  return text(tag, `${[written, month, day, hour, minute, second].map((field) => String(field).padStart(2, '0')).join('')}Z`);
}
