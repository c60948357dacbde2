/** Distinguished names: reading, RFC 4514 text, and comparison by RFC 5280 section 7.1. */
import { toHex } from '../encoding.ts';
import { derError, type DerReader, type DerValue, enterDer, readDer, TAG } from './der.ts';
import { oidOf } from './der-values.ts';

export interface NameAttribute {
  readonly type: string;
  /** Text of a string type; undefined for another type. */
  readonly value: string | undefined;
  /** DER of the value. */
  readonly der: Uint8Array;
}

export interface Name {
  readonly der: Uint8Array;
  /** RFC 4514: the most specific part first; empty for an empty name. */
  readonly text: string;
  /** Relative distinguished names, as in the certificate: the least specific first. */
  readonly rdns: readonly (readonly NameAttribute[])[];
  /** Two names match (RFC 5280 section 7.1) exactly when these are equal, part by part. */
  readonly keys: readonly string[];
}

/** RFC 4514 section 3 and RFC 4519; PKCS #9's emailAddress for people. */
export const ATTRIBUTE_TYPES = {
  CN: '2.5.4.3',
  SN: '2.5.4.4',
  serialNumber: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  title: '2.5.4.12',
  name: '2.5.4.41',
  givenName: '2.5.4.42',
  initials: '2.5.4.43',
  generationQualifier: '2.5.4.44',
  dnQualifier: '2.5.4.46',
  pseudonym: '2.5.4.65',
  DC: '0.9.2342.19200300.100.1.25',
  UID: '0.9.2342.19200300.100.1.1',
  emailAddress: '1.2.840.113549.1.9.1',
} as const;

const SHORT_NAMES: ReadonlyMap<string, string> = new Map(Object.entries(ATTRIBUTE_TYPES).map(([short, oid]) => [oid, short]));

/** Reads a Name from DER. @throws ERR_DER_MALFORMED */
export function readName(value: DerValue, what: string): Name {
  const reader = enterDer(value.bytes, TAG.sequence, what);
  const rdns = reader.all((rdn) => readRdn(rdn, what));
  return {
    der: value.bytes,
    text: rdns.map(rdnText).reverse().join(','),
    rdns,
    keys: rdns.map((rdn) => JSON.stringify(rdn.map(attributeKey).sort())),
  };
}

/** Reads a Name that stands alone. @throws ERR_DER_MALFORMED */
export function parseName(der: Uint8Array, what: string): Name {
  return readName(readDer(der, TAG.sequence, what), what);
}

function readRdn(reader: DerReader, what: string): NameAttribute[] {
  const set = reader.enter(TAG.set, 'relativeDistinguishedName');
  let previous: Uint8Array | undefined;
  return set.all((inner) => {
    const attribute = inner.next(TAG.sequence, 'attribute');
    // X.690 section 11.6: the members of a SET OF ascend.
    if (previous !== undefined && Buffer.compare(previous, attribute.bytes) >= 0)
      throw derError(what, 'expected attributes of a set in order, found another order');
    previous = attribute.bytes;
    return readAttribute(inner.inside(attribute, 'attribute'), what);
  }, 1);
}

function readAttribute(reader: DerReader, what: string): NameAttribute {
  const type = oidOf(reader.next(TAG.oid, 'type'), what);
  const value = reader.any('value');
  reader.end();
  return { type, value: stringOf(value, what), der: value.bytes };
}

/** The text of a string type of X.520, undefined for another type. */
function stringOf({ tag, content }: DerValue, what: string): string | undefined {
  switch (tag) {
    case TAG.utf8String:
      return decode(content, 'utf-8', what);
    case TAG.printableString:
    case TAG.ia5String:
    case TAG.numericString:
    case TAG.visibleString:
      if (content.some((octet) => octet > 0x7f)) throw derError(what, 'expected ASCII, found another character');
      return Buffer.from(content).toString('latin1');
    case TAG.teletexString:
      return Buffer.from(content).toString('latin1');
    case TAG.bmpString:
      return decode(content, 'utf-16be', what);
    case TAG.universalString:
      return universal(content, what);
    default:
      return undefined;
  }
}

function decode(content: Uint8Array, encoding: 'utf-8' | 'utf-16be', what: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw derError(what, `expected ${encoding} text, found other octets`);
  }
}

function universal(content: Uint8Array, what: string): string {
  const points = Array.from({ length: content.length / 4 }, (_, index) => Buffer.from(content).readUInt32BE(index * 4));
  if (content.length % 4 !== 0 || points.some((point) => point > 0x10ffff)) throw derError(what, 'expected UCS-4 text, found other octets');
  return String.fromCodePoint(...points);
}

/**
 * What RFC 5280 section 7.1 compares: the type, and the text without its string type, case and repeated spaces (RFC 4518,
 * with NFKC); other values by their octets.
 */
function attributeKey({ type, value, der }: NameAttribute): string {
  return value === undefined ? `${type}#${toHex(der)}` : `${type}=${prepare(value)}`;
}

function prepare(value: string): string {
  return value.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}

export function equalNames(a: Name, b: Name): boolean {
  return a.keys.length === b.keys.length && startsWithName(a, b);
}

/** True when `name` is `base` or below it in the directory tree (RFC 5280 section 4.2.1.10, directoryName). */
export function startsWithName(name: Name, base: Name): boolean {
  return base.keys.every((key, index) => name.keys[index] === key);
}

/** One string for a name, for maps. */
export function nameKey(name: Name): string {
  return JSON.stringify(name.keys);
}

function rdnText(rdn: readonly NameAttribute[]): string {
  return rdn
    .map(({ type, value, der }) => {
      const short = SHORT_NAMES.get(type);
      // RFC 4514 section 2.4: a type in dotted form goes with the octets of its value.
      return short === undefined || value === undefined ? `${short ?? type}=#${toHex(der)}` : `${short}=${escapeText(value)}`;
    })
    .join('+');
}

/** RFC 4514 section 2.4; control characters in hex too, because the text is shown on terminals. */
function escapeText(value: string): string {
  return value
    .replace(/["+,;<>\\]/g, '\\$&')
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ')
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\${toHex(Buffer.from(character)).match(/../g)?.join('\\')}`);
}
