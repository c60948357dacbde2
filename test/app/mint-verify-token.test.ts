import * as fc from 'fast-check';
import { jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { hmacSigner } from '../../src/adapters/hmac-key.ts';
import { verifyJws } from '../../src/adapters/jose.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { exportTokenKeys } from '../../src/app/token-keys.ts';
import { verifyToken, verifyTokenOffline } from '../../src/app/verify-token.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { digestOf, pinOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { plus, seconds } from '../../src/core/time.ts';
import { parseHmacKey } from '../../src/core/token/hmac-key.ts';
import { parseJwks } from '../../src/core/token/jwks.ts';
import { auditOf, codeOf, put, tokenRealm } from './token-realm.ts';

const THUMBPRINT = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';
const secret = parseHmacKey('a shared secret of more than 32 bytes', 'key');

describe.each(['ES256', 'ES384', 'EdDSA'] as const)('a realm that signs with %s', (algorithm) => {
  test('mints a token that it verifies itself, that a JWKS verifies, and that jose verifies', async () => {
    const realm = await tokenRealm({ algorithm });
    const { token, claims, kid } = await mintToken(realm, { clusters: ['prod'], role: 'worker' });
    const verified = await verifyToken(realm, { token: token.reveal(), cluster: 'prod', role: 'worker' });
    expect(verified).toMatchObject({ algorithm, kid, claims, unknown: {}, decision: 'accepted', unchecked: [] });
    expect(claims).toEqual({
      iss: 'control.example.internal',
      aud: 'prod',
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      iat: realm.clock.now(),
      nbf: realm.clock.now(),
      exp: realm.clock.now() + 900,
      role: 'worker',
      max_uses: 1,
      env: 'control',
    });
    const jwks = await exportTokenKeys(realm);
    const offline = await verifyTokenOffline(realm, {
      token: token.reveal(),
      cluster: 'prod',
      keys: parseJwks(JSON.stringify(jwks), 'keys.json'),
    });
    expect(offline.unchecked).toEqual(['issuer', 'environment', 'role', 'uses', 'revocation']);
    const [jwk] = jwks['keys'] as JsonObject[];
    const { payload, protectedHeader } = await jwtVerify(token.reveal(), jwk as never, {
      typ: 'join+jwt',
      audience: 'prod',
      currentDate: new Date(realm.clock.now() * 1000),
    });
    expect(payload).toEqual(claims);
    expect(protectedHeader).toEqual({ alg: algorithm, kid, typ: 'join+jwt' });
  });
});

test('a token is registered by its claims, never by its text, in one commit with its audit record', async () => {
  const realm = await tokenRealm();
  let commits = 0;
  realm.store.beforeCommit = () => void commits++;
  const { token, claims, algorithm, kid } = await mintToken(realm, { clusters: ['prod'], role: 'worker', node: 'n1' });
  expect(commits).toBe(1);
  const dump = JSON.stringify(realm.store.dump()) + JSON.stringify(auditOf(realm));
  expect(dump).not.toContain(token.reveal().split('.')[2]);
  expect(realm.store.dump()[`token/jwt/${claims.jti}`]).toEqual({ schema: 'joinery/token/1', format: 'jwt', algorithm, kid, claims });
  expect(auditOf(realm).at(-1)).toMatchObject({
    event: 'token.mint',
    subject: claims.jti,
    actor: { name: 'tester', verified: false },
    correlation_id: 'c-1',
    result: 'ok',
    details: { aud: 'prod', role: 'worker', node: 'n1', sha256: digestOf(utf8(token.reveal())) },
  });
});

test('an HMAC key of one’s own signs instead of the realm’s key', async () => {
  const realm = await tokenRealm({ withoutKey: true });
  const { token, kid } = await mintToken(realm, { clusters: ['prod'], role: 'worker', signer: hmacSigner(secret) });
  expect(kid).toBeUndefined();
  const keys = [{ algorithm: 'HS256', secret }] as const;
  expect((await verifyToken(realm, { token: token.reveal(), cluster: 'prod', extraKeys: keys })).algorithm).toBe('HS256');
  expect(await codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod' }))).toBe('ERR_TOKEN_ALGORITHM');
  const other = [{ algorithm: 'HS256', secret: parseHmacKey('another secret that is also longer than 32 bytes', 'key') }] as const;
  expect(await codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod', extraKeys: other }))).toBe('ERR_TOKEN_SIGNATURE');
});

test('the digests of the active trust manifests travel in the token', async () => {
  const realm = await tokenRealm();
  const digest = digestOf(utf8('manifest'));
  await put(realm, 'trust/control-plane-https/active', { version: 2, digest });
  expect((await mintToken(realm, { clusters: ['prod'], role: 'worker' })).claims.trust).toEqual({ 'control-plane-https': digest });
  await put(realm, 'trust/node-cert-lifecycle/active', { version: 1, digest: 'short' });
  expect(await codeOf(mintToken(realm, { clusters: ['prod'], role: 'worker' }))).toBe('ERR_INPUT_MALFORMED');
  await put(realm, 'trust/node-cert-lifecycle/active', { version: 'one', digest });
  expect(await codeOf(mintToken(realm, { clusters: ['prod'], role: 'worker' }))).toBe('ERR_REALM_MALFORMED');
});

describe('minting is refused, and the key is not even opened,', () => {
  const worker = { clusters: ['prod'], role: 'worker' };
  test.each([
    ['an unknown cluster', { ...worker, clusters: ['prod', 'prodd'] }, 'ERR_CLUSTER_UNKNOWN'],
    ['a role that one of the clusters does not have', { clusters: ['prod', 'edge'], role: 'control-plane' }, 'ERR_ROLE_UNKNOWN'],
    ['another environment', { ...worker, environment: 'staging' }, 'ERR_TOKEN_ENVIRONMENT'],
    ['a life of 25 hours', { ...worker, ttl: seconds(90000) }, 'ERR_TOKEN_LIFETIME'],
    ['re-entry without a node', { ...worker, allowReentry: true }, 'ERR_INPUT_MALFORMED'],
    ['no uses', { ...worker, maxUses: 0 }, 'ERR_INPUT_MALFORMED'],
    ['no cluster', { ...worker, clusters: [] }, 'ERR_INPUT_MALFORMED'],
    ['the same cluster twice', { ...worker, clusters: ['prod', 'prod'] }, 'ERR_INPUT_MALFORMED'],
    ['a node name with a slash', { ...worker, node: 'a/b' }, 'ERR_INPUT_MALFORMED'],
    ['a key thumbprint of the wrong form', { ...worker, keyThumbprint: 'x' }, 'ERR_INPUT_MALFORMED'],
    ['a plain http URL', { ...worker, urls: ['http://boot.example.internal'] }, 'ERR_INPUT_MALFORMED'],
  ])('for %s', async (_, input, code) => {
    const realm = await tokenRealm();
    realm.vault.keys.clear();
    const before = realm.store.dump();
    expect(await codeOf(mintToken(realm, input))).toBe(code);
    expect(realm.store.dump()).toEqual(before);
  });

  test('for more labels than fit into a token', async () => {
    const realm = await tokenRealm();
    const labels = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`label-${index}`, 'v'.repeat(250)]));
    expect(await codeOf(mintToken(realm, { clusters: ['prod'], role: 'worker', labels }))).toBe('ERR_TOKEN_TOO_LARGE');
  });
});

test('mint, then verify, is the identity for every option', async () => {
  const realm = await tokenRealm();
  const names = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
  const options = fc.record(
    {
      ttl: fc.integer({ min: 1, max: 86400 }).map(seconds),
      maxUses: fc.integer({ min: 1, max: 1000000 }),
      environment: fc.constant('control'),
      node: names,
      labels: fc.dictionary(names, fc.string({ unit: 'grapheme', maxLength: 20 }), { maxKeys: 5 }),
      keyThumbprint: fc.constant(THUMBPRINT),
      pins: fc.array(fc.uint8Array().map(pinOf), { minLength: 1, maxLength: 3 }),
      urls: fc.constant(['https://boot.example.internal:9443']),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(options, fc.constantFrom(['prod'], ['edge', 'prod']), async (extra, clusters) => {
      const { token, claims } = await mintToken(realm, { clusters, role: 'worker', allowReentry: extra.node !== undefined, ...extra });
      const verified = await verifyToken(realm, {
        token: token.reveal(),
        cluster: 'prod',
        role: 'worker',
        ...(extra.node && { node: extra.node }),
      });
      expect(verified.claims).toEqual(claims);
      expect(claims).toMatchObject({ iss: 'control.example.internal', role: 'worker', max_uses: extra.maxUses ?? 1 });
      expect(claims.exp - claims.iat).toBe(extra.ttl ?? 900);
      expect([claims.node, claims.cnf?.jkt, claims.pins, claims.urls]).toEqual([extra.node, extra.keyThumbprint, extra.pins, extra.urls]);
      expect(claims.labels ?? {}).toEqual({ ...extra.labels });
    }),
    { numRuns: 60 },
  );
});

describe('verification in the realm', () => {
  const worker = { clusters: ['prod'], role: 'worker' };

  test('is exact at every boundary of time', async () => {
    const realm = await tokenRealm();
    const start = realm.clock.now();
    const { token, claims } = await mintToken(realm, { ...worker, notBefore: plus(start, 600), ttl: seconds(300) });
    const at = async (instant: number) => {
      const later = { ...realm, clock: { now: () => plus(start, instant - start) } };
      return codeOf(verifyToken(later, { token: token.reveal(), cluster: 'prod' }));
    };
    expect(await at(claims.iat - 61)).toBe('ERR_CLOCK_BEHIND');
    expect(await at(claims.iat - 60)).toBe('ERR_TOKEN_NOT_YET_VALID');
    expect(await at(claims.nbf! - 61)).toBe('ERR_TOKEN_NOT_YET_VALID');
    expect(await at(claims.nbf! - 60)).toBe('ok');
    expect(await at(claims.exp + 59)).toBe('ok');
    expect(await at(claims.exp + 60)).toBe('ERR_TOKEN_EXPIRED');
  });

  test('names an unknown cluster or role before it looks at the token', async () => {
    const realm = await tokenRealm();
    expect(await codeOf(verifyToken(realm, { token: 'x', cluster: 'nowhere' }))).toBe('ERR_CLUSTER_UNKNOWN');
    expect(await codeOf(verifyToken(realm, { token: 'x', cluster: 'prod', role: 'queen' }))).toBe('ERR_ROLE_UNKNOWN');
    expect(await codeOf(verifyToken(realm, { token: 'x', cluster: 'prod' }))).toBe('ERR_TOKEN_MALFORMED');
  });

  test('refuses what the realm has revoked, used up or superseded', async () => {
    const realm = await tokenRealm();
    const { token, claims } = await mintToken(realm, { ...worker, node: 'n1', maxUses: 2 });
    const verify = () => codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod' }));
    const named = `jwt/control.example.internal/${claims.jti}`;
    await put(realm, `token-use/${named}`, { used: 1 });
    expect(await verify()).toBe('ok');
    await put(realm, `token-use/${named}`, { used: 2 });
    expect(await verify()).toBe('ERR_TOKEN_EXHAUSTED');
    await put(realm, 'token-not-before/n1', { not_before: claims.iat });
    expect(await verify()).toBe('ERR_TOKEN_EXHAUSTED');
    await put(realm, 'token-not-before/n1', { not_before: claims.iat + 1 });
    expect(await verify()).toBe('ERR_TOKEN_SUPERSEDED');
    await put(realm, `token-revoked/${named}`, { revoked_at: claims.iat });
    expect(await verify()).toBe('ERR_TOKEN_REVOKED');
    await put(realm, `token-revoked/${named}`, { revoked: true });
    expect(await verify()).toBe('ERR_REALM_MALFORMED');
  });

  test('refuses every token from before a restore', async () => {
    const realm = await tokenRealm();
    const { token, claims } = await mintToken(realm, worker);
    const record = realm.store.dump()['realm'] as JsonObject;
    await put(realm, 'realm', { ...record, token_not_before: claims.iat + 1 });
    expect(await codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod' }))).toBe('ERR_TOKEN_SUPERSEDED');
  });

  test('refuses a key bound to another node key, and a use that was spent by another key', async () => {
    const realm = await tokenRealm();
    const { token, claims } = await mintToken(realm, { ...worker, keyThumbprint: THUMBPRINT });
    const verify = (keyThumbprint: string) => codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod', keyThumbprint }));
    expect(await verify('other')).toBe('ERR_TOKEN_KEY_BOUND');
    expect(await verify(THUMBPRINT)).toBe('ok');
    const named = `token-use/jwt/control.example.internal/${claims.jti}`;
    await put(realm, named, { used: 1 });
    expect(await verify(THUMBPRINT)).toBe('ERR_TOKEN_REPLAYED');
  });
});

describe('the clock mark', () => {
  test('moves with each mint and stops a clock that is set back', async () => {
    const realm = await tokenRealm();
    const { token } = await mintToken(realm, { clusters: ['prod'], role: 'worker' });
    const first = realm.clock.now();
    await mintToken(realm, { clusters: ['prod'], role: 'worker' });
    expect(realm.store.dump()['token/clock']).toEqual({ at: first });
    realm.clock.advance(30);
    await mintToken(realm, { clusters: ['prod'], role: 'worker' });
    expect(realm.store.dump()['token/clock']).toEqual({ at: first + 30 });
    realm.clock.advance(-60);
    expect(await codeOf(mintToken(realm, { clusters: ['prod'], role: 'worker' }))).toBe('ok');
    expect(realm.store.dump()['token/clock']).toEqual({ at: first + 30 });
    realm.clock.advance(-31);
    expect(await codeOf(mintToken(realm, { clusters: ['prod'], role: 'worker' }))).toBe('ERR_CLOCK_BEHIND');
    expect(await codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod' }))).toBe('ERR_CLOCK_BEHIND');
  });
});

test('offline verification names an issuer where it is told one, and may be told a longest life', async () => {
  const realm = await tokenRealm();
  const { token } = await mintToken(realm, { clusters: ['prod'], role: 'worker' });
  const keys = parseJwks(JSON.stringify(await exportTokenKeys(realm)), 'keys.json');
  const input = { token: token.reveal(), cluster: 'prod', keys };
  const world = { clock: realm.clock, verifyJws };
  expect(await codeOf(verifyTokenOffline(world, { ...input, issuer: 'other.example' }))).toBe('ERR_TOKEN_ISSUER');
  expect(await codeOf(verifyTokenOffline(world, { ...input, maxLifetime: seconds(899) }))).toBe('ERR_TOKEN_LIFETIME');
  expect(await codeOf(verifyTokenOffline(world, { ...input, maxLifetime: seconds(900), issuer: 'control.example.internal' }))).toBe('ok');
});
