import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  concat,
  decodeUtf8,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  parsePem,
  toBase64,
  toBase64Url,
  toHex,
  toPem,
  utf8,
} from '../../src/core/encoding.ts';
import { isJoineryError } from '../../src/core/errors.ts';

const bytes = fc.uint8Array({ maxLength: 300 });

test('every encoding reads back what it wrote', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      expect(equalBytes(fromHex(toHex(value)), value)).toBe(true);
      expect(equalBytes(fromBase64(toBase64(value)), value)).toBe(true);
      expect(equalBytes(fromBase64Url(toBase64Url(value)), value)).toBe(true);
      expect(parsePem(toPem('X', value))).toEqual([{ label: 'X', der: value, line: 1 }]);
    }),
  );
});

// RFC 4648 section 10
test.each([
  ['', ''],
  ['f', 'Zg=='],
  ['fo', 'Zm8='],
  ['foo', 'Zm9v'],
  ['foob', 'Zm9vYg=='],
  ['fooba', 'Zm9vYmE='],
  ['foobar', 'Zm9vYmFy'],
])('base64 of "%s" is %s', (text, encoded) => {
  expect(toBase64(utf8(text))).toBe(encoded);
  expect(toBase64Url(utf8(text))).toBe(encoded.replaceAll('=', ''));
});

test.each([
  ['hex in upper case', () => fromHex('AB')],
  ['odd hex', () => fromHex('abc')],
  ['no hex', () => fromHex('zz')],
  ['base64 without padding', () => fromBase64('Zg')],
  ['stray bits', () => fromBase64('Zh==')],
  ['blanks', () => fromBase64('Zg ==')],
  ['the other alphabet', () => fromBase64('-_8=')],
  ['padding in base64url', () => fromBase64Url('Zg==')],
  ['stray bits in base64url', () => fromBase64Url('Zh')],
  ['the standard alphabet', () => fromBase64Url('+/8')],
])('%s is refused', (_name, read) => {
  expect(read).toThrow(expect.objectContaining({ code: 'ERR_ENCODING_MALFORMED' }));
});

test('bytes that are no UTF-8 are refused, a BOM is kept', () => {
  expect(() => decodeUtf8(new Uint8Array([0xff]))).toThrow(expect.objectContaining({ code: 'ERR_ENCODING_MALFORMED' }));
  expect(decodeUtf8(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toBe('\ufeffa');
});

test('concat joins', () => {
  expect(concat(new Uint8Array([1]), new Uint8Array(), new Uint8Array([2, 3]))).toEqual(new Uint8Array([1, 2, 3]));
  expect(concat()).toEqual(new Uint8Array());
});

test('PEM is read with CRLF, text around it and several blocks', () => {
  const text = `subject=x\r\n${toPem('A', utf8('one')).replaceAll('\n', '\r\n')}\n  \n${toPem('B C', utf8('two'))}rest`;
  expect(parsePem(text).map(({ label, line }) => [label, line])).toEqual([
    ['A', 2],
    ['B C', 7],
  ]);
});

test.each([
  ['no end', '-----BEGIN A-----\nZg==\n', 1],
  ['another end', '-----BEGIN A-----\nZg==\n-----END B-----\n', 3],
  ['an end alone', '\n-----END A-----\n', 2],
  ['a begin in a block', '-----BEGIN A-----\n-----BEGIN A-----\n', 2],
  ['no base64', 'x\n-----BEGIN A-----\n!!\n-----END A-----\n', 2],
])('PEM with %s is refused with its line', (_name, text, line) => {
  expect(() => parsePem(text, 'ca.pem')).toThrow(expect.objectContaining({ code: 'ERR_PEM_MALFORMED', details: { line } }));
});

test('the PEM reader throws nothing but coded errors', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constantFrom('-----BEGIN A-----', '-----END A-----', 'Zg==', ''), fc.string())), (lines) => {
      try {
        parsePem(lines.join('\n'));
      } catch (error) {
        expect(isJoineryError(error, 'ERR_PEM_MALFORMED')).toBe(true);
      }
    }),
  );
});
