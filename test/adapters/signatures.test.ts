import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { generatePrivateKey, keyTypeOf, signingKey, verifySignature } from '../../src/adapters/signatures.ts';
import { utf8 } from '../../src/core/encoding.ts';
import type { SignatureAlgorithm } from '../../src/core/key-ports.ts';

const data = utf8('data');

test.each([
  ['p256', 'ecdsa-sha256'],
  ['p384', 'ecdsa-sha384'],
  ['ed25519', 'ed25519'],
  ['rsa3072', 'rsa-sha256'],
] as const)('%s signs, %s verifies, in both encodings', async (type, algorithm) => {
  const key = signingKey(generatePrivateKey(type));
  expect(key.type).toBe(type);
  for (const encoding of ['der', 'ieee-p1363'] as const) {
    const signature = await key.sign(data, encoding);
    expect(verifySignature({ algorithm, spki: key.spki, data, signature, encoding })).toBe(true);
    expect(verifySignature({ algorithm, spki: key.spki, data: utf8('other'), signature, encoding })).toBe(false);
    const others = (
      ['ecdsa-sha256', 'ecdsa-sha512', 'ed25519', 'ed448', 'rsa-sha256', 'rsa-sha512', 'rsa-pss-sha256'] as SignatureAlgorithm[]
    ).filter((other) => other !== algorithm);
    for (const other of others) expect(verifySignature({ algorithm: other, spki: key.spki, data, signature, encoding })).toBe(false);
  }
  const der = await key.sign(data, 'der');
  if (type.startsWith('p'))
    expect(verifySignature({ algorithm, spki: key.spki, data, signature: der, encoding: 'ieee-p1363' })).toBe(false);
});

test('a key or signature that is none does not hold and does not throw', () => {
  const { spki } = signingKey(generatePrivateKey('p256'));
  expect(verifySignature({ algorithm: 'ecdsa-sha256', spki: utf8('none'), data, signature: data, encoding: 'der' })).toBe(false);
  expect(verifySignature({ algorithm: 'ecdsa-sha256', spki, data, signature: new Uint8Array(), encoding: 'der' })).toBe(false);
});

test('RSA-4096 keys are known, keys of other types are refused by name', () => {
  expect(keyTypeOf(generatePrivateKey('rsa4096'))).toBe('rsa4096');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
  expect(() => signingKey(privateKey)).toThrow(
    expect.objectContaining({ code: 'ERR_KEY_MALFORMED', message: expect.stringContaining('secp521r1') }),
  );
});
