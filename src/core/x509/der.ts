/**
 * A strict reader of DER (X.690): definite minimal lengths, minimal integers, canonical booleans, no trailing bytes. One value
 * has one spelling, so bytes that were changed are either refused or mean the same.
 */
import { JoineryError } from '../errors.ts';

/** Identifier octets of the universal types that X.509 uses. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The identifier octet of a context-specific tag. */
export function contextTag(number: number, form: 'primitive' | 'constructed' = 'constructed'): number {
  return (form === 'constructed' ? 0xa0 : 0x80) | number;
}

/** One value: its identifier octet, its contents, and both with the length between them. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly bytes: Uint8Array;
}

/** Most values are asked for their contents only: each view of bytes costs more than the reading of a header. */
class ReadValue implements DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly #source: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor(source: Uint8Array, start: number, header: Header) {
    this.tag = header.tag;
    this.content = source.subarray(header.start, header.end);
    this.#source = source;
    this.#start = start;
    this.#end = header.end;
  }

  get bytes(): Uint8Array {
    return this.#source.subarray(this.#start, this.#end);
  }
}

const MAX_DEPTH = 32;

/** Reads values one after the other. Every error names where it is. */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  readonly #depth: number;
  #offset = 0;

  constructor(bytes: Uint8Array, what: string, depth = 0) {
    if (depth > MAX_DEPTH) throw derError(what, `expected at most ${MAX_DEPTH} levels of nesting`);
    this.#bytes = bytes;
    this.#what = what;
    this.#depth = depth;
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** The identifier octet of the next value, undefined at the end. */
  get tag(): number | undefined {
    return this.#bytes[this.#offset];
  }

  /** The next value, whatever its type. @throws ERR_DER_MALFORMED */
  any(what: string): DerValue {
    const where = `${this.#what}.${what}`;
    const header = readHeader(this.#bytes, this.#offset, where);
    const value = new ReadValue(this.#bytes, this.#offset, header);
    this.#offset = header.end;
    return value;
  }

  /** The next value, which must have this identifier octet. @throws ERR_DER_MALFORMED */
  next(tag: number, what: string): DerValue {
    if (this.tag !== tag) throw derError(`${this.#what}.${what}`, `expected tag ${hexTag(tag)}, found ${hexTag(this.tag)}`);
    return this.any(what);
  }

  /** The next value if it has this identifier octet. @throws ERR_DER_MALFORMED */
  optional(tag: number, what: string): DerValue | undefined {
    return this.tag === tag ? this.any(what) : undefined;
  }

  /** A reader of the contents of the next value. @throws ERR_DER_MALFORMED */
  enter(tag: number, what: string): DerReader {
    return this.inside(this.next(tag, what), what);
  }

  /** A reader of the contents of a value that this reader gave. @throws ERR_DER_MALFORMED for nesting that is too deep. */
  inside(value: DerValue, what: string): DerReader {
    return new DerReader(value.content, `${this.#what}.${what}`, this.#depth + 1);
  }

  /** Reads until the end; there must be at least `minimum` items. @throws ERR_DER_MALFORMED */
  all<T>(read: (reader: DerReader) => T, minimum = 0): T[] {
    const items: T[] = [];
    while (!this.done) items.push(read(this));
    if (items.length < minimum) throw derError(this.#what, `expected at least ${minimum} items, found ${items.length}`);
    return items;
  }

  /** @throws ERR_DER_MALFORMED when something is left. */
  end(): void {
    if (!this.done) throw derError(this.#what, `expected the end, found ${this.#bytes.length - this.#offset} more bytes`);
  }
}

/** A reader of the contents of the one value that `bytes` are. @throws ERR_DER_MALFORMED */
export function enterDer(bytes: Uint8Array, tag: number, what: string): DerReader {
  const reader = new DerReader(bytes, what);
  const inner = reader.enter(tag, 'value');
  reader.end();
  return inner;
}

/** The one value that `bytes` are. @throws ERR_DER_MALFORMED */
export function readDer(bytes: Uint8Array, tag: number, what: string): DerValue {
  const reader = new DerReader(bytes, what);
  const value = reader.next(tag, 'value');
  reader.end();
  return value;
}

export function derError(where: string, message: string): JoineryError {
  return new JoineryError('ERR_DER_MALFORMED', `${where}: ${message}`);
}

function hexTag(tag: number | undefined): string {
  return tag === undefined ? 'the end' : `0x${tag.toString(16).padStart(2, '0')}`;
}

interface Header {
  readonly tag: number;
  /** Of the contents. */
  readonly start: number;
  readonly end: number;
}

function readHeader(bytes: Uint8Array, offset: number, where: string): Header {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw derError(where, 'expected a value, found the end');
  if ((tag & 0x1f) === 0x1f) throw derError(where, 'expected a tag number below 31, found a larger one');
  const start = offset + 2 + (first < 0x80 ? 0 : first & 0x7f);
  const length = first < 0x80 ? first : longLength(bytes.subarray(offset + 2, start), first, where);
  if (start + length > bytes.length) throw derError(where, `expected ${length} octets, found ${Math.max(0, bytes.length - start)}`);
  return { tag, start, end: start + length };
}

/** X.690 sections 8.1.3.5 and 10.1: definite, and in the fewest octets. */
function longLength(octets: Uint8Array, first: number, where: string): number {
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw derError(where, 'expected a definite length of at most 4 octets, found another');
  const length = octets.reduce((total, octet) => total * 256 + octet, 0);
  if (length < (count === 1 ? 0x80 : 256 ** (count - 1))) throw derError(where, 'expected a minimal length, found a longer form');
  return length;
}
