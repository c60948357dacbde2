import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { equalBytes } from '../../src/core/encoding.ts';
import { isJwkThumbprint, joseAlgorithmOf, jwkThumbprint, parsePublicJwk, publicJwk, spkiOfJwk } from '../../src/core/jwk.ts';

const keys = {
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  Ed25519: generateKeyPairSync('ed25519'),
};
const spkiOf = (name: keyof typeof keys) => new Uint8Array(keys[name].publicKey.export({ type: 'spki', format: 'der' }));
const refusal = (value: unknown) => {
  try {
    parsePublicJwk(value as JsonObject, 'signer');
    return 'accepted';
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`;
  }
};

describe.each(['P-256', 'P-384', 'Ed25519'] as const)('a key on %s', (crv) => {
  const spki = spkiOf(crv);
  const jwk = publicJwk(spki);
  const { alg } = { 'P-256': { alg: 'ES256' }, 'P-384': { alg: 'ES384' }, Ed25519: { alg: 'EdDSA' } }[crv];

  test('is the same JWK as node:crypto writes, and goes back to the same SPKI', () => {
    expect(jwk).toEqual(keys[crv].publicKey.export({ format: 'jwk' }));
    expect(equalBytes(spkiOfJwk(jwk), spki)).toBe(true);
    expect(createPublicKey({ key: Buffer.from(spkiOfJwk(jwk)), format: 'der', type: 'spki' }).equals(keys[crv].publicKey)).toBe(true);
  });

  test('has the thumbprint that jose computes and one algorithm', async () => {
    expect(jwkThumbprint(jwk)).toBe(await calculateJwkThumbprint({ ...jwk }));
    expect(isJwkThumbprint(jwkThumbprint(jwk))).toBe(true);
    expect(joseAlgorithmOf(jwk)).toBe(alg);
  });

  test('is read strictly', () => {
    expect(parsePublicJwk({ ...jwk }, 'signer')).toEqual(jwk);
    const secret = keys[crv].privateKey.export({ format: 'jwk' }) as JsonObject;
    expect(refusal(secret)).toBe('ERR_KEY_MALFORMED signer: expected a public key, found the private or symmetric member d');
    expect(refusal({ ...jwk, kid: 'a' })).toMatch(/ERR_KEY_MALFORMED signer: kid: unknown member/);
    expect(refusal({ ...jwk, kty: jwk.kty === 'EC' ? 'OKP' : 'EC' })).toMatch(/expected kty/);
    expect(refusal({ ...jwk, x: `${jwk.x}=` })).toMatch(/base64url|characters/);
    expect(refusal({ ...jwk, x: `${jwk.x}A` })).toMatch(/canonical base64url|characters/);
  });
});

test('RFC 8037 appendix A.3 gives this thumbprint', () => {
  expect(jwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' })).toBe(
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
  );
});

test('what is not such a key is refused', () => {
  const jwk = publicJwk(spkiOf('P-256'));
  const { y: _, ...withoutY } = jwk as { y: string };
  expect(refusal(withoutY)).toMatch(/expected y for crv P-256/);
  expect(refusal({ ...publicJwk(spkiOf('Ed25519')), y: jwk.x })).toMatch(/expected no y/);
  expect(refusal({ kty: 'oct', k: 'c2VjcmV0' })).toMatch(/symmetric member k$/);
  expect(refusal('text')).toMatch(/expected an object/);
  expect(refusal(null)).toMatch(/expected an object/);
  expect(refusal({ ...jwk, crv: 'P-384' })).toMatch(/coordinates of 48 bytes/);
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'der' });
  expect(() => publicJwk(rsa, 'ca.pem')).toThrow(/ca.pem: expected a key on P-256, P-384, Ed25519/);
  const compressed = spkiOf('P-256').slice();
  compressed[26] = 2;
  expect(() => publicJwk(compressed)).toThrow(/another type of key/);
  expect(() => publicJwk(spkiOf('P-256').subarray(0, 90))).toThrow(/another type of key/);
  expect(isJwkThumbprint('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4l')).toBe(false);
});
