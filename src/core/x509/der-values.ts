/** What the contents of DER values mean (X.690 sections 8 and 11). Every function throws ERR_DER_MALFORMED. */
import { fromCivil, type Instant } from '../time.ts';
import { derError, type DerValue, TAG } from './der.ts';
import { oid } from './der-writer.ts';
import { OID } from './oids.ts';

/** X.690 section 11.1: TRUE is 0xFF. */
export function booleanOf({ content }: DerValue, what: string): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
    throw derError(what, 'expected a boolean of 00 or ff, found another');
  return content[0] === 0xff;
}

/** The content octets of an INTEGER in two's complement, checked to be minimal (X.690 section 8.3.2). */
export function integerOf({ content }: DerValue, what: string): Uint8Array {
  const [first, second] = content;
  if (first === undefined) throw derError(what, 'expected an integer, found no octets');
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw derError(what, 'expected a minimal integer, found a longer form');
  }
  return content;
}

/** A non-negative INTEGER that fits in 31 bits. */
export function smallIntegerOf(value: DerValue, what: string): number {
  const content = integerOf(value, what);
  if (content.length > 4 || (content[0] as number) >= 0x80) throw derError(what, 'expected an integer from 0 to 2147483647, found another');
  return content.reduce((total, octet) => total * 256 + octet, 0);
}

/** Nobody needs longer ones, and decimal text of long arcs takes quadratic time. */
const MAX_OID_OCTETS = 64;

const latin1 = ({ buffer, byteOffset, byteLength }: Uint8Array): string => Buffer.from(buffer, byteOffset, byteLength).toString('latin1');

/** Contents of the object identifiers that everything is full of: looked up, because arcs are slow. */
const KNOWN: ReadonlyMap<string, string> = new Map(Object.values(OID).map((dotted) => [latin1(oid(dotted).subarray(2)), dotted]));

/** Dotted decimal. */
export function oidOf({ content }: DerValue, what: string): string {
  return KNOWN.get(latin1(content)) ?? readOid(content, what);
}

function readOid(content: Uint8Array, what: string): string {
  if (content.length === 0 || content.length > MAX_OID_OCTETS || (content.at(-1) as number) >= 0x80) {
    throw derError(what, `expected an object identifier of 1 to ${MAX_OID_OCTETS} octets, found another`);
  }
  const arcs: (number | bigint)[] = [];
  let start = 0;
  for (const [index, octet] of content.entries()) {
    if (index === start && octet === 0x80) throw derError(what, 'expected minimal arcs of an object identifier, found a padded one');
    if (octet >= 0x80) continue;
    arcs.push(arcOf(content.subarray(start, index + 1)));
    start = index + 1;
  }
  const [first, ...rest] = arcs as [number | bigint, ...(number | bigint)[]];
  // An arc that needs BigInt is far above 80.
  if (typeof first === 'bigint') return [2, first - 80n, ...rest].join('.');
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...rest].join('.');
}

/** Seven octets hold 49 bits, which a number holds too; BigInt is slow. */
function arcOf(octets: Uint8Array): number | bigint {
  if (octets.length <= 7) return octets.reduce((arc, octet) => arc * 128 + (octet & 0x7f), 0);
  return octets.reduce((arc, octet) => arc * 128n + BigInt(octet & 0x7f), 0n);
}

export interface BitString {
  readonly bytes: Uint8Array;
  /** Bits at the end of the last octet that do not count. */
  readonly unused: number;
}

export function bitStringOf({ content }: DerValue, what: string): BitString {
  const unused = content[0];
  const bytes = content.subarray(1);
  const last = bytes.at(-1);
  if (unused === undefined || unused > 7 || (last === undefined && unused > 0))
    throw derError(what, 'expected a bit string, found a wrong count of unused bits');
  // X.690 section 11.2.1
  if (last !== undefined && (last & ((1 << unused) - 1)) !== 0) throw derError(what, 'expected unused bits to be zero, found one set');
  return { bytes, unused };
}

/** A BIT STRING of whole octets. */
export function octetBitsOf(value: DerValue, what: string): Uint8Array {
  const { bytes, unused } = bitStringOf(value, what);
  if (unused > 0) throw derError(what, 'expected whole octets in a bit string, found a part of one');
  return bytes;
}

/** Positions of the bits that are set in a BIT STRING with named bits, which ends in a set bit (X.690 section 11.2.2). */
export function namedBitsOf(value: DerValue, what: string): number[] {
  const { bytes, unused } = bitStringOf(value, what);
  const length = bytes.length * 8 - unused;
  if (length > 64) throw derError(what, `expected at most 64 named bits, found ${length}`);
  const set: number[] = [];
  for (let bit = 0; bit < length; bit++) if (((bytes[bit >> 3] as number) & (0x80 >> (bit & 7))) !== 0) set.push(bit);
  if (length > 0 && set.at(-1) !== length - 1) throw derError(what, 'expected no zero bits at the end, found some');
  return set;
}

const MAX_TEXT = 16384;

/** Text of one octet a character: IA5String and what RFC 5280 makes of it. */
export function asciiOf(content: Uint8Array, what: string): string {
  const bad = content.length > MAX_TEXT || content.some((octet) => octet > 0x7f);
  if (bad) throw derError(what, `expected at most ${MAX_TEXT} ASCII characters, found other text`);
  return String.fromCharCode(...content);
}

const TIMES: Readonly<Record<number, RegExp>> = {
  [TAG.utcTime]: /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/,
  [TAG.generalizedTime]: /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/,
};

/** Multiple of the calendar's 400-year cycle: a year moved by it has the same days. */
const CYCLE = 2000;

/**
 * UTCTime or GeneralizedTime in the one form of RFC 5280 section 4.1.2.5 (seconds, `Z`, no fraction). Both are accepted for
 * any year, as that section asks of readers. An instant before 1970 is read as 1970-01-01T00:00:00Z: no clock of joinery is
 * before it. Nothing after 9999-12-31T23:59:59Z can be written.
 */
export function timeOf({ tag, content }: DerValue, what: string): Instant {
  const fields = TIMES[tag]?.exec(asciiOf(content, what))?.slice(1).map(Number);
  if (fields === undefined) throw derError(what, 'expected UTCTime or GeneralizedTime with seconds and Z, found another form');
  const [written, month, day, hour, minute, second] = fields as [number, number, number, number, number, number];
  const year = tag === TAG.generalizedTime ? written : written < 50 ? 2000 + written : 1900 + written;
  const before1970 = year < 1970;
  const at = fromCivil({ year: before1970 ? year + CYCLE : year, month, day, hour, minute, second });
  if (at === undefined) throw derError(what, 'expected a date of the calendar, found another');
  return before1970 ? (0 as Instant) : at;
}
