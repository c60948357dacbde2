import { expect, test } from 'vitest';
import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { fetchTokenKey, forgetTokenKey, keepTokenKey } from '../../src/app/keychain-token-key.ts';
import { Secret } from '../../src/core/secret.ts';
import { codeOf } from './token-realm.ts';

test('a key is kept by its issuer, fetched and forgotten', async () => {
  const held = new Map<string, Secret>();
  const keychain = {
    library: 'memory',
    get: (account: string) => Promise.resolve(held.get(account)),
    set: (account: string, secret: Secret) => Promise.resolve(void held.set(account, secret)),
    delete: (account: string) => Promise.resolve(held.delete(account)),
  };
  const key = signingKey(generatePrivateKey('ed25519'));
  const kept = await keepTokenKey({ keychain, issuer: 'ci', text: new Secret('PEM'), key });
  expect(kept).toEqual({ kid: expect.stringMatching(/^[\w-]{43}$/) as string, algorithm: 'EdDSA' });
  expect([...held.keys()]).toEqual(['token-key/ci']);
  expect((await fetchTokenKey(keychain, 'ci')).reveal()).toBe('PEM');
  expect(await codeOf(fetchTokenKey(keychain, 'other'))).toBe('ERR_KEYCHAIN_EMPTY');
  await forgetTokenKey(keychain, 'ci');
  expect(await codeOf(forgetTokenKey(keychain, 'ci'))).toBe('ERR_KEYCHAIN_EMPTY');
});
