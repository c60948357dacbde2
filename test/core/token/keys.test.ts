import { generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { generatePrivateKey, signingKey } from '../../../src/adapters/signatures.ts';
import { toBase64Url, utf8 } from '../../../src/core/encoding.ts';
import { publicJwk } from '../../../src/core/jwk.ts';
import { parseHmacKey } from '../../../src/core/token/hmac-key.ts';
import { jwksOf, parseJwks } from '../../../src/core/token/jwks.ts';
import { signerOf } from '../../../src/core/token/signer.ts';

const text = 'a shared secret of more than 32 bytes';
const reason = (read: () => unknown): string => {
  try {
    read();
    return 'accepted';
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};

describe('an HMAC key file', () => {
  test('is its text without one final newline, or the octets of a JWK', () => {
    expect(parseHmacKey(`${text}\n`, 'key').reveal()).toEqual(utf8(text));
    expect(parseHmacKey(`${text}\r\n`, 'key').reveal()).toEqual(utf8(text));
    expect(parseHmacKey(`${text}\n\n`, 'key').length).toBe(text.length + 1);
    expect(parseHmacKey(JSON.stringify({ kty: 'oct', k: toBase64Url(utf8(text)) }), 'key').reveal()).toEqual(utf8(text));
  });

  test('never prints', () => {
    const key = parseHmacKey(text, 'key');
    expect(inspect({ key })).toBe('{ key: [redacted] }');
    expect(JSON.stringify({ key })).toBe('{"key":"[redacted]"}');
  });

  test('is refused when it is short or another kind of key', () => {
    expect(reason(() => parseHmacKey('x'.repeat(31), '--hmac-key-file'))).toBe(
      'ERR_TOKEN_HMAC_KEY: --hmac-key-file: expected a key of at least 32 bytes, found 31',
    );
    expect(reason(() => parseHmacKey('x'.repeat(16), 'key', 16))).toBe('accepted');
    const spki = (type: 'spki', format: 'pem' | 'der') =>
      [
        generateKeyPairSync('ec', { namedCurve: 'P-256' }),
        generateKeyPairSync('ec', { namedCurve: 'P-384' }),
        generateKeyPairSync('ed25519'),
        generateKeyPairSync('rsa', { modulusLength: 1024 }),
      ].map(({ publicKey }) => publicKey.export({ type, format } as never) as string | Buffer);
    for (const key of [...spki('spki', 'pem'), ...spki('spki', 'der').map((der) => (der as Buffer).toString('base64'))]) {
      expect(reason(() => parseHmacKey(String(key), 'key'))).toBe(
        'ERR_TOKEN_HMAC_KEY: key: expected a shared secret, found a public or private key',
      );
    }
    expect(reason(() => parseHmacKey('{ not a JWK but a long enough text', 'key'))).toMatch(/ERR_TOKEN_HMAC_KEY: .*found neither/);
    expect(reason(() => parseHmacKey('{"kty":"EC","crv":"P-256","x":"x","y":"y"}', 'key'))).toMatch(/expected a JWK of kty oct/);
    expect(reason(() => parseHmacKey('{"kty":"oct"}', 'key'))).toMatch(/expected a JWK of kty oct/);
    expect(reason(() => parseHmacKey('{"kty":"oct","k":"=="}', 'key'))).toMatch(/ERR_ENCODING_MALFORMED: key: k/);
  });
});

describe('a JWK set', () => {
  const jwks = ['p256', 'p384', 'ed25519'].map((type) => publicJwk(signingKey(generatePrivateKey(type as 'p256')).spki));
  const [p256] = jwks as [(typeof jwks)[0]];
  const read = (keys: unknown) => parseJwks(JSON.stringify({ keys }), 'keys.json');

  test('that joinery writes is one that it reads', () => {
    const keys = parseJwks(JSON.stringify(jwksOf(jwks)), 'keys.json');
    expect(keys.map((key) => key.algorithm)).toEqual(['ES256', 'ES384', 'EdDSA']);
    expect(keys.map((key) => 'jwk' in key && key.jwk)).toEqual(jwks);
  });

  test('may name no kid, and other keys and uses are passed over', () => {
    const others = [
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      { kty: 'EC', crv: 'secp256k1', x: 'x', y: 'y' },
      { ...p256, use: 'enc' },
      { ...p256, alg: 'ES384' },
      { ...p256, key_ops: ['sign'] },
      { ...p256, key_ops: 'verify' },
    ];
    expect(read([...others, { ...p256, key_ops: ['verify'], x5t: 'ignored' }])).toEqual([{ algorithm: 'ES256', jwk: p256 }]);
    expect(reason(() => read(others))).toMatch(/keys.json: expected a public key on P-256, P-384 or Ed25519 for signatures, found none/);
  });

  test('is refused with a private or symmetric key in it, and when it is malformed', () => {
    expect(reason(() => read([p256, { ...p256, d: 'x' }]))).toMatch(
      /ERR_KEY_MALFORMED: keys.json: keys\[1\]: expected a public key, found .* member d/,
    );
    expect(reason(() => read([{ kty: 'oct', k: 'x' }]))).toMatch(/member k$/);
    expect(reason(() => read([{ ...p256, x: 'short' }]))).toMatch(/keys\[0\]: x: expected 43 to 64 characters/);
    expect(reason(() => read(['text']))).toMatch(/keys\[0\]: expected an object/);
    expect(reason(() => read({}))).toMatch(/expected a JWK set with keys/);
    expect(reason(() => parseJwks('[]', 'keys.json'))).toMatch(/expected a JWK set with keys/);
    expect(reason(() => parseJwks('{}', 'keys.json'))).toMatch(/expected a JWK set with keys/);
    expect(reason(() => read(Array.from({ length: 101 }, () => p256)))).toMatch(/at most 100 keys, found 101/);
    expect(reason(() => parseJwks('{', 'keys.json'))).toMatch(/ERR_JSON_MALFORMED/);
  });
});

test('an RSA key signs no token', () => {
  expect(reason(() => signerOf({ type: 'rsa3072', spki: new Uint8Array(300), sign: () => new Uint8Array() }))).toMatch(
    /ERR_KEY_MALFORMED: token signing key: expected a key on P-256/,
  );
});
