import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  digestAfter,
  digestOf,
  digestOfText,
  equalSecret,
  fingerprintOf,
  isDigest,
  isPin,
  parseDigest,
  pinOf,
  sha256,
} from '../../src/core/digest.ts';
import { toHex, utf8 } from '../../src/core/encoding.ts';

test('SHA-256 as FIPS 180-4 has it', () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(digestOf(utf8('abc'))).toBe(abc);
  expect(fingerprintOf(utf8('abc'))).toBe(abc);
  expect(pinOf(utf8('abc'))).toBe(`sha256:${abc}`);
  expect(toHex(sha256(utf8('abc')))).toBe(abc);
});

test('and for any bytes as Node has it', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(digestOf(bytes)).toBe(createHash('sha256').update(bytes).digest('hex'));
    }),
  );
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => digestOfText(text) === digestOf(utf8(text))));
});

test('what many share is hashed once, and each is the digest of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.uint8Array()), (head, tails) => {
      const after = digestAfter(head);
      for (const tail of tails) expect(after(tail)).toBe(digestOf(Buffer.concat([head, tail])));
    }),
  );
});

test('digests and pins have one spelling', () => {
  const digest = digestOf(utf8('x'));
  expect(parseDigest(digest)).toBe(digest);
  expect(() => parseDigest(digest.toUpperCase(), '--trust-digest')).toThrow(expect.objectContaining({ code: 'ERR_INPUT_MALFORMED' }));
  expect(isDigest(digest.slice(1))).toBe(false);
  expect(isPin(`sha256:${digest}`)).toBe(true);
  expect(isPin(digest)).toBe(false);
});

test('secrets are compared whole, whatever their lengths', () => {
  expect(equalSecret(utf8('abc'), utf8('abc'))).toBe(true);
  expect(equalSecret(utf8('abc'), utf8('abd'))).toBe(false);
  expect(equalSecret(utf8('abc'), utf8('abcd'))).toBe(false);
});
