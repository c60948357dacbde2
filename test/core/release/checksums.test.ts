import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Digest } from '../../../src/core/digest.ts';
import { utf8 } from '../../../src/core/encoding.ts';
import { isInlineKey, parseChecksums, parseReleaseKey } from '../../../src/core/release/checksums.ts';

const digest = 'a'.repeat(64) as Digest;

test('the lines that sha256sum writes, in text and in binary mode', () => {
  const text = `${digest}  joinery-1.2.3-linux-x64\n${digest} *joinery.cdx.json\n${digest}  joinery_1.2.3~rc.1-1_amd64.deb\n`;
  expect(parseChecksums(utf8(text), 'SHA256SUMS')).toEqual([
    { name: 'joinery-1.2.3-linux-x64', digest },
    { name: 'joinery.cdx.json', digest },
    { name: 'joinery_1.2.3~rc.1-1_amd64.deb', digest },
  ]);
});

test('the name that a Debian package of a version before a release has', () => {
  const text = `${digest}  joinery_1.2.3~rc.1-1_amd64.deb\n`;
  expect(parseChecksums(utf8(text), 'SHA256SUMS')).toEqual([{ name: 'joinery_1.2.3~rc.1-1_amd64.deb', digest }]);
});

test.each([
  ['nothing', '', 'SHA256SUMS: expected a line feed at the end, found none'],
  ['a cut line', `${digest}  joinery`, 'SHA256SUMS: expected a line feed at the end, found none'],
  ['another digest', `${'a'.repeat(40)}  joinery\n`, 'SHA256SUMS: line 1: expected a SHA-256 digest'],
  ['upper case', `${'A'.repeat(64)}  joinery\n`, 'SHA256SUMS: line 1: expected a SHA-256 digest'],
  ['a directory', `${digest}  ../joinery\n`, 'SHA256SUMS: line 1: expected a SHA-256 digest'],
  ['an empty line', `${digest}  joinery\n\n`, 'SHA256SUMS: line 2: expected a SHA-256 digest'],
  ['a carriage return', `${digest}  joinery\r\n`, 'SHA256SUMS: line 1: expected a SHA-256 digest'],
])('refused: %s', (_name, text, message) => {
  expect(() => parseChecksums(utf8(text), 'SHA256SUMS')).toThrow(
    expect.objectContaining({ code: 'ERR_SELF_CHECKSUMS', message: expect.stringContaining(message) as string }),
  );
});

test('any other bytes are refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(() => parseChecksums(bytes, 'x')).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^ERR_(SELF|ENCODING)_/) as string }),
      );
    }),
    { numRuns: 200 },
  );
});

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const der = publicKey.export({ type: 'spki', format: 'der' });
const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }).toString();

test('a key as PEM, and in one line', () => {
  expect(Buffer.from(parseReleaseKey(pem, '--key'))).toEqual(der);
  expect(Buffer.from(parseReleaseKey(der.toString('base64'), '--key'))).toEqual(der);
  expect([isInlineKey(der.toString('base64')), isInlineKey('release.pub')]).toEqual([true, false]);
});

test.each([
  ['none', 'no key', 'expected one PEM block PUBLIC KEY, found none'],
  ['two', pem + pem, 'expected one PEM block PUBLIC KEY, found PUBLIC KEY, PUBLIC KEY'],
  ['a private one', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'found PRIVATE KEY'],
  ['another type', p256, 'expected an Ed25519 public key, found ec'],
])('a key that is no release key: %s', (_name, text, message) => {
  expect(() => parseReleaseKey(text, '--key')).toThrow(
    expect.objectContaining({ code: 'ERR_SELF_KEY', message: expect.stringContaining(message) as string }),
  );
});
