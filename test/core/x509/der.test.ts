import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, fromHex, toHex } from '../../../src/core/encoding.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import { contextTag, DerReader, type DerValue, enterDer, readDer, TAG } from '../../../src/core/x509/der.ts';
import {
  asciiOf,
  bitStringOf,
  booleanOf,
  integerOf,
  namedBitsOf,
  octetBitsOf,
  oidOf,
  smallIntegerOf,
  timeOf,
} from '../../../src/core/x509/der-values.ts';
import { bitString, integer, namedBits, octetString, oid, sequence, setOf, time, tlv, TRUE } from '../../../src/core/x509/der-writer.ts';
import { formatInstant, type Instant, LAST_INSTANT } from '../../../src/core/time.ts';

const hex = (text: string) => fromHex(text.replaceAll(' ', ''));
const value = (text: string): DerValue => new DerReader(hex(text), 'test').any('value');
function bytesOrCode(read: () => Uint8Array): Uint8Array | string {
  try {
    return read();
  } catch (error) {
    return isJoineryError(error) ? error.code : String(error);
  }
}

const malformed = expect.objectContaining({ code: 'ERR_DER_MALFORMED' }) as Error;

describe('DerReader', () => {
  it.each([
    ['nothing', ''],
    ['a tag without a length', '30'],
    ['a high tag number', '1f8101 00'],
    ['an indefinite length', '3080 0000'],
    ['a length of five octets', '3085 0000000001 00'],
    ['a long length that fits in one octet', '3081 7f'],
    ['a padded length', '3082 0080'],
    ['a value that is cut', '3003 0000'],
    ['a length that is cut', '3082 01'],
    ['a trailing octet', '3000 00'],
    ['another tag', '3100'],
  ])('refuses %s', (_, text) => {
    expect(() => readDer(hex(text), TAG.sequence, 'test')).toThrow(malformed);
  });

  it('names the place', () => {
    expect(() => enterDer(hex('3003 020100'), TAG.sequence, 'certificate').next(TAG.oid, 'algorithm')).toThrow(
      'certificate.value.algorithm: expected tag 0x06, found 0x02',
    );
    expect(() => enterDer(hex('3000'), TAG.sequence, 'c').next(TAG.oid, 'a')).toThrow('expected tag 0x06, found the end');
  });

  it('reads lengths up to four octets', () => {
    for (const length of [0, 127, 128, 255, 256, 65535, 65536]) {
      const der = octetString(new Uint8Array(length).fill(7));
      expect(readDer(der, TAG.octetString, 'test').content.length).toBe(length);
    }
  });

  it('bounds nesting', () => {
    let der = sequence();
    for (let level = 0; level < 40; level++) der = sequence(der);
    const descend = () => {
      let reader = new DerReader(der, 'deep');
      while (!reader.done) reader = reader.enter(TAG.sequence, 's');
    };
    expect(descend).toThrow('at most 32 levels');
  });

  it('counts items and looks ahead', () => {
    const reader = enterDer(sequence(TRUE, integer(5)), TAG.sequence, 'test');
    expect(reader.tag).toBe(TAG.boolean);
    expect(reader.optional(TAG.integer, 'no')).toBeUndefined();
    expect(reader.all((inner) => inner.any('item').tag, 2)).toEqual([TAG.boolean, TAG.integer]);
    expect(() => enterDer(sequence(), TAG.sequence, 'test').all((inner) => inner.any('item'), 1)).toThrow('at least 1 items');
    expect(contextTag(3)).toBe(0xa3);
    expect(contextTag(3, 'primitive')).toBe(0x83);
  });

  it('gives back the very bytes, or a coded error, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const rewritten = () => {
          const items = new DerReader(bytes, 'random').all((inner) => inner.any('item'));
          return concat(...items.map((item) => tlv(item.tag, item.content)));
        };
        expect(bytesOrCode(rewritten)).toEqual(expect.toBeOneOf([bytes, 'ERR_DER_MALFORMED']));
      }),
      { numRuns: 500 },
    );
  });
});

describe('values', () => {
  it('reads booleans of 00 and ff only', () => {
    expect(booleanOf(value('0101ff'), 'b')).toBe(true);
    expect(booleanOf(value('010100'), 'b')).toBe(false);
    for (const bad of ['010101', '0100', '0102ffff']) expect(() => booleanOf(value(bad), 'b')).toThrow(malformed);
  });

  it('reads minimal integers only', () => {
    expect(toHex(integerOf(value('02020080'), 'i'))).toBe('0080');
    expect(toHex(integerOf(value('0201ff'), 'i'))).toBe('ff');
    for (const bad of ['0200', '0202007f', '0202ff80']) expect(() => integerOf(value(bad), 'i')).toThrow(malformed);
    expect(smallIntegerOf(value('02047fffffff'), 'i')).toBe(2147483647);
    for (const bad of ['0201ff', '02050080000000']) expect(() => smallIntegerOf(value(bad), 'i')).toThrow(malformed);
  });

  it('writes integers that it reads', () => {
    fc.assert(
      fc.property(fc.nat(), (number) => {
        expect(smallIntegerOf(readDer(integer(number), TAG.integer, 'i'), 'i')).toBe(number);
      }),
      { numRuns: 200 },
    );
    expect(toHex(integer(Uint8Array.of(0, 0, 0x80)))).toBe('02020080');
    expect(toHex(integer(new Uint8Array(3)))).toBe('020100');
  });

  it('reads and writes object identifiers', () => {
    for (const dotted of ['0.9.2342.19200300.100.1.1', '1.2.840.113549', '2.5.29.15', '2.999.3', '1.39.0', '2.0']) {
      expect(oidOf(readDer(oid(dotted), TAG.oid, 'o'), 'o')).toBe(dotted);
    }
    expect(oidOf(value('0613 6983a6bdbfd5d7d9fbf8f2f0a0c4e0f0f8fc01'.replaceAll(' ', '')), 'o')).toMatch(/^2\.25\.\d{30,}$/);
    for (const bad of ['0600', '060180', '0603 2a8001', `0641${'01'.repeat(65)}`]) expect(() => oidOf(value(bad), 'o')).toThrow(malformed);
  });

  it('reads bit strings with zero unused bits', () => {
    expect(bitStringOf(value('0302 06c0'), 'b')).toEqual({ bytes: Uint8Array.of(0xc0), unused: 6 });
    expect(bitStringOf(value('030100'), 'b').bytes.length).toBe(0);
    for (const bad of ['0300', '030107', '03020800', '030206c1']) expect(() => bitStringOf(value(bad), 'b')).toThrow(malformed);
    expect(octetBitsOf(readDer(bitString(Uint8Array.of(1)), TAG.bitString, 'b'), 'b')).toEqual(Uint8Array.of(1));
    expect(() => octetBitsOf(value('030206c0'), 'b')).toThrow('whole octets');
  });

  it('reads and writes named bits without zero bits at the end', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(20)), (bits) => {
        const sorted = bits.toSorted((a, b) => a - b);
        expect(namedBitsOf(readDer(namedBits(sorted), TAG.bitString, 'b'), 'b')).toEqual(sorted);
      }),
      { numRuns: 100 },
    );
    expect(() => namedBitsOf(value('03020004'), 'b')).toThrow('no zero bits at the end');
    expect(() => namedBitsOf(value(`030a00${'01'.repeat(9)}`), 'b')).toThrow('at most 64');
  });

  it('reads ASCII only', () => {
    expect(asciiOf(hex('616263'), 't')).toBe('abc');
    expect(() => asciiOf(hex('80'), 't')).toThrow(malformed);
    expect(() => asciiOf(new Uint8Array(20000), 't')).toThrow(malformed);
  });

  it('writes sets in order', () => {
    expect(toHex(setOf(integer(2), integer(1)))).toBe('3106020101020102');
  });
});

describe('times', () => {
  const read = (tag: number, written: string) => timeOf({ tag, content: Buffer.from(written), bytes: new Uint8Array(0) }, 'time');

  it('reads UTCTime as 1950 to 2049 and GeneralizedTime as written', () => {
    expect(formatInstant(read(TAG.utcTime, '491231235959Z'))).toBe('2049-12-31T23:59:59Z');
    expect(formatInstant(read(TAG.utcTime, '700101000001Z'))).toBe('1970-01-01T00:00:01Z');
    expect(formatInstant(read(TAG.generalizedTime, '20020101120000Z'))).toBe('2002-01-01T12:00:00Z');
    expect(read(TAG.generalizedTime, '99991231235959Z')).toBe(LAST_INSTANT);
  });

  it('reads an instant before 1970 as the first one', () => {
    expect(read(TAG.utcTime, '500101000000Z')).toBe(0);
    expect(read(TAG.generalizedTime, '00000229000000Z')).toBe(0);
    expect(() => read(TAG.utcTime, '510229000000Z')).toThrow(malformed);
  });

  it.each([
    [TAG.utcTime, '2601010000Z'],
    [TAG.utcTime, '260101000000+0000'],
    [TAG.utcTime, '261301000000Z'],
    [TAG.generalizedTime, '20260101000000.5Z'],
    [TAG.generalizedTime, '20260101000060Z'],
    [TAG.generalizedTime, '260101000000Z'],
    [TAG.integer, '260101000000Z'],
  ])('refuses %i %s', (tag, written) => {
    expect(() => read(tag, written)).toThrow(malformed);
  });

  it('writes the form that RFC 5280 wants, and reads it back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LAST_INSTANT }), (seconds) => {
        const der = time(seconds as Instant);
        expect(der[0]).toBe(seconds < 2524608000 ? TAG.utcTime : TAG.generalizedTime);
        expect(timeOf(new DerReader(der, 't').any('t'), 't')).toBe(seconds);
      }),
      { numRuns: 200 },
    );
  });
});
