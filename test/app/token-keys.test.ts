import { describe, expect, test } from 'vitest';
import { mintToken } from '../../src/app/mint-token.ts';
import { createTokenKey, exportTokenKeys, listTokenKeys, openTokenSigner, rotateTokenKey } from '../../src/app/token-keys.ts';
import { verifyToken } from '../../src/app/verify-token.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { auditOf, codeOf, put, tokenRealm } from './token-realm.ts';

const worker = { clusters: ['prod'], role: 'worker' };

test('a realm without keys says how to make one', async () => {
  const realm = await tokenRealm({ withoutKey: true });
  expect(await listTokenKeys(realm)).toEqual([]);
  expect(await exportTokenKeys(realm)).toEqual({ keys: [] });
  await expect(mintToken(realm, worker)).rejects.toMatchObject({
    code: 'ERR_TOKEN_KEY_NOT_FOUND',
    message: 'token keys: expected a token signing key of this realm, found none',
    hint: 'make one: joinery token keys create',
  });
});

test('the first key signs, the second stands by, published already', async () => {
  const realm = await tokenRealm({ withoutKey: true });
  const first = await createTokenKey(realm, {});
  const second = await createTokenKey(realm, { algorithm: 'EdDSA', custody: 'online' });
  expect(first).toEqual({ kid: first.kid, algorithm: 'ES256', custody: 'offline', state: 'active', createdAt: realm.clock.now() });
  expect(second).toMatchObject({ algorithm: 'EdDSA', custody: 'online', state: 'standby' });
  expect(await listTokenKeys(realm)).toEqual([first, second]);
  expect(await exportTokenKeys(realm)).toMatchObject({
    keys: [
      { kty: 'EC', crv: 'P-256', kid: first.kid, use: 'sig', alg: 'ES256' },
      { kty: 'OKP', crv: 'Ed25519', kid: second.kid, use: 'sig', alg: 'EdDSA' },
    ],
  });
  expect((await mintToken(realm, worker)).kid).toBe(first.kid);
  expect((await mintToken(realm, { ...worker, kid: second.kid })).algorithm).toBe('EdDSA');
  const events = auditOf(realm).filter((event) => event.event === 'token.key');
  expect(events.map((event) => [event.subject, event.details])).toEqual([
    [first.kid, { algorithm: 'ES256', custody: 'offline', state: 'active' }],
    [second.kid, { algorithm: 'EdDSA', custody: 'online', state: 'standby' }],
  ]);
});

describe('rotation', () => {
  test('keeps the old key verifying until the longest token that it may have signed has expired', async () => {
    const realm = await tokenRealm({ token: { max_lifetime: 3600 } });
    const [before] = await listTokenKeys(realm);
    const { token } = await mintToken(realm, { ...worker, ttl: 3600 as never });
    const next = await rotateTokenKey(realm, {});
    expect(next).toMatchObject({ algorithm: 'ES256', custody: 'offline', state: 'active' });
    const retiring = { ...before, state: 'retiring', verifiesUntil: realm.clock.now() + 3660 };
    expect(await listTokenKeys(realm)).toEqual([retiring, next]);
    expect((await mintToken(realm, worker)).kid).toBe(next.kid);
    const verify = () => codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod' }));
    realm.clock.advance(3659);
    expect(await verify()).toBe('ok');
    realm.clock.advance(1);
    expect(await verify()).toBe('ERR_TOKEN_KEY_UNKNOWN');
    expect((await listTokenKeys(realm))[0]?.state).toBe('retired');
    expect(await codeOf(openTokenSigner(realm, before?.kid))).toBe('ERR_TOKEN_KEY_NOT_FOUND');
  });

  test('after a leak closes the key and every one before it at once, and no standby', async () => {
    const realm = await tokenRealm({ token: { max_lifetime: 3600 } });
    const first = await mintToken(realm, worker);
    const standby = await createTokenKey(realm, {});
    await rotateTokenKey(realm, {});
    const second = await mintToken(realm, worker);
    const verify = (minted: typeof first) => codeOf(verifyToken(realm, { token: minted.token.reveal(), cluster: 'prod' }));
    expect(await verify(first)).toBe('ok');
    await rotateTokenKey(realm, { compromised: true });
    expect(auditOf(realm).at(-1)).toMatchObject({ event: 'token.key', details: { compromised: true } });
    expect([await verify(first), await verify(second)]).toEqual(['ERR_TOKEN_KEY_UNKNOWN', 'ERR_TOKEN_KEY_UNKNOWN']);
    expect((await listTokenKeys(realm)).map(({ state }) => state)).toEqual(['retired', 'standby', 'retired', 'active']);
    realm.clock.advance(10);
    expect(await rotateTokenKey(realm, { kid: standby.kid, compromised: true })).toMatchObject({ state: 'active' });
    const [oldest] = await listTokenKeys(realm);
    expect(oldest?.verifiesUntil).toBe(realm.clock.now() - 10);
  });

  test('to a standby key activates it, once', async () => {
    const realm = await tokenRealm();
    const [before] = await listTokenKeys(realm);
    const standby = await createTokenKey(realm, { algorithm: 'ES384' });
    expect(await rotateTokenKey(realm, { kid: standby.kid })).toEqual({ ...standby, state: 'active' });
    expect(auditOf(realm).at(-1)).toMatchObject({ event: 'token.key_activate', subject: standby.kid, details: { replaces: before?.kid } });
    expect(await codeOf(rotateTokenKey(realm, { kid: standby.kid }))).toBe('ERR_TOKEN_KEY_NOT_FOUND');
    expect(await codeOf(rotateTokenKey(realm, { kid: before!.kid }))).toBe('ERR_TOKEN_KEY_NOT_FOUND');
    await expect(rotateTokenKey(realm, { kid: 'nobody' })).rejects.toMatchObject({
      message: 'token keys: expected a token signing key of this realm, found none for nobody',
      hint: 'see joinery token keys list',
    });
  });

  test('to a new key may change algorithm and custody', async () => {
    const realm = await tokenRealm();
    expect(await rotateTokenKey(realm, { algorithm: 'EdDSA', custody: 'online' })).toMatchObject({ algorithm: 'EdDSA', custody: 'online' });
  });
});

test('a key whose record lost a race is discarded; after an unknown outcome its file stays', async () => {
  const realm = await tokenRealm();
  const files = [...realm.vault.keys.keys()];
  realm.store.beforeCommit = async () => {
    realm.store.beforeCommit = undefined;
    await put(realm, 'token/keys', realm.store.dump()['token/keys'] as never);
  };
  expect(await codeOf(createTokenKey(realm, {}))).toBe('ERR_STORE_CONFLICT');
  expect([...realm.vault.keys.keys()]).toEqual(files);
  realm.store.beforeCommit = () => {
    throw new JoineryError('ERR_STORE_BUSY', 'locked');
  };
  expect(await codeOf(createTokenKey(realm, {}))).toBe('ERR_STORE_BUSY');
  expect(realm.vault.keys.size).toBe(files.length + 1);
});

test('a damaged record is reported, not obeyed', async () => {
  const realm = await tokenRealm();
  await put(realm, 'token/keys', { schema: 'joinery/token-keys/1', active: 'x', keys: [{ kid: 'x' }] });
  expect(await codeOf(listTokenKeys(realm))).toBe('ERR_REALM_MALFORMED');
});
