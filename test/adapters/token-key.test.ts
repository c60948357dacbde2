import { generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { signingKeyOfText } from '../../src/adapters/token-key.ts';
import { Secret } from '../../src/core/secret.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const never = () => Promise.reject(new Error('not asked'));
const data = Buffer.from('data');

async function works(text: string, passphrase: () => Promise<Secret> = never): Promise<boolean> {
  const key = await signingKeyOfText(text, 'key', passphrase);
  return verify('sha256', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, await key.sign(data, 'ieee-p1363'));
}

test('a private key is read from PKCS#8, SEC 1 and a JWK', async () => {
  expect(await works(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)).toBe(true);
  expect(await works(privateKey.export({ type: 'sec1', format: 'pem' }) as string)).toBe(true);
  expect(await works(JSON.stringify(privateKey.export({ format: 'jwk' })))).toBe(true);
});

test('an encrypted one asks for its passphrase', async () => {
  const text = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' }) as string;
  expect(await works(text, () => Promise.resolve(new Secret('open sesame')))).toBe(true);
  await expect(works(text, () => Promise.resolve(new Secret('wrong')))).rejects.toMatchObject({ code: 'ERR_KEY_PASSPHRASE' });
});

test('what is no private key is refused without being quoted', async () => {
  for (const text of ['secret text', '{"secret":1}', '{secret', publicKey.export({ type: 'spki', format: 'pem' }) as string]) {
    await expect(works(text)).rejects.toMatchObject({
      code: 'ERR_KEY_MALFORMED',
      message: 'key: expected a private key as PEM or JWK, found another form',
    });
  }
});
