import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hmacSigner } from '../../src/adapters/hmac-key.ts';
import { consumeToken } from '../../src/app/consume-token.ts';
import { type MintSecretTokenInput, mintSecretToken, type SecretDialect } from '../../src/app/mint-secret-token.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { idOf, verifyGrant, type VerifyGrantInput, verifyOmnirelayOffline } from '../../src/app/verify-grant.ts';
import { digestOf, fingerprintOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { seconds } from '../../src/core/time.ts';
import { parseHmacKey } from '../../src/core/token/hmac-key.ts';
import { auditOf, codeOf, put, tokenRealm } from './token-realm.ts';

const signer = hmacSigner(parseHmacKey('a key shared with OmniRelay', 'key', 1));
const mac = (data: Uint8Array) => signer.sign(data);
const omnirelay = { mac, issuers: ['omnirelay-bootstrap'] };
const dialects: readonly SecretDialect[] = [
  { format: 'secure', caFingerprint: fingerprintOf(utf8('ca')) },
  { format: 'k3s', caHash: digestOf(utf8('ca')) },
  { format: 'kubeadm' },
  { format: 'omnirelay', mac },
];
const base = { cluster: 'prod', role: 'worker' };

describe.each(dialects)('a $format token', (dialect) => {
  const setUp = async (extra: Partial<MintSecretTokenInput> = {}) => {
    const realm = await tokenRealm({ withoutKey: true });
    const minted = await mintSecretToken(realm, { ...base, dialect, ...extra });
    const verify = (changes: Partial<VerifyGrantInput> = {}) =>
      verifyGrant(realm, { token: minted.token.reveal(), cluster: 'prod', omnirelay, ...changes });
    return { realm, ...minted, verify };
  };

  test('is registered by what it grants, and verifies by it', async () => {
    const extra = dialect.format === 'omnirelay' ? {} : { node: 'n1', allowReentry: true, labels: { rack: 'a7' }, keyThumbprint: 'thumb' };
    const { realm, token, grant, verify } = await setUp(extra);
    const verified = await verify({ role: 'worker', node: 'n1', keyThumbprint: 'thumb' });
    const { environment: _, ...signed } = grant;
    expect(verified.grant).toEqual(dialect.format === 'omnirelay' ? signed : grant);
    expect([verified.decision, verified.unchecked]).toEqual(['accepted', []]);
    const stored = JSON.stringify(realm.store.dump()) + JSON.stringify(auditOf(realm));
    expect(stored).not.toContain(token.reveal());
    expect(stored).not.toContain(token.reveal().split(/[.:]/).at(-1));
    expect(auditOf(realm).at(-1)).toMatchObject({
      event: 'token.mint',
      subject: grant.id,
      details: { format: dialect.format, sha256: digestOf(utf8(token.reveal())) },
    });
  });

  test('is refused after any change of one character', async () => {
    const { token, verify } = await setUp();
    const text = token.reveal();
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: text.length - 1 }), fc.constantFrom(...'aA0f9z.:=/K'.split('')), async (at, character) => {
        fc.pre(text[at] !== character);
        const changed = text.slice(0, at) + character + text.slice(at + 1);
        expect(await codeOf(verify({ token: changed }))).toMatch(/^ERR_TOKEN_(MALFORMED|UNKNOWN|SIGNATURE)$/);
      }),
      { numRuns: 100 },
    );
  });

  test('is bound to its cluster, role, time and uses', async () => {
    const { realm, grant, verify, token } = await setUp();
    expect(await codeOf(verify({ cluster: 'edge' }))).toBe('ERR_TOKEN_AUDIENCE');
    expect(await codeOf(verify({ role: 'control-plane' }))).toBe('ERR_TOKEN_ROLE');
    expect(await codeOf(verify({ cluster: 'nowhere' }))).toBe('ERR_CLUSTER_UNKNOWN');
    const use = { ...base, token: token.reveal(), omnirelay, node: 'n1', keyThumbprint: 'key-1' };
    await consumeToken(realm, use, () => Promise.resolve({ result: 'certificate' }));
    expect((await consumeToken(realm, use, () => Promise.reject(new Error('not again')))).decision).toBe('same-request');
    expect(await codeOf(verify())).toBe('ERR_TOKEN_REPLAYED');
    realm.clock.set(((grant.expiresAt ?? 0) + 60) as never);
    expect(await codeOf(verify())).toBe('ERR_TOKEN_EXPIRED');
  });

  test('is not minted for what is not configured, or for too long', async () => {
    const realm = await tokenRealm({ withoutKey: true });
    const mint = (extra: Partial<MintSecretTokenInput>) => codeOf(mintSecretToken(realm, { ...base, dialect, ...extra }));
    expect(await mint({ cluster: 'nowhere' })).toBe('ERR_CLUSTER_UNKNOWN');
    expect(await mint({ role: 'queen' })).toBe('ERR_ROLE_UNKNOWN');
    expect(await mint({ environment: 'other' })).toBe('ERR_TOKEN_ENVIRONMENT');
    expect(await mint({ ttl: seconds(86401) })).toBe('ERR_TOKEN_LIFETIME');
    expect(await mint({ node: 'a/b' })).toBe('ERR_INPUT_MALFORMED');
    expect(await mint({ allowReentry: true })).toBe('ERR_INPUT_MALFORMED');
    expect(await mint({ ttl: null })).toBe(dialect.format === 'omnirelay' ? 'ERR_TOKEN_LIFETIME' : 'ok');
  });
});

test('a token without end and limit is usable years later', async () => {
  const realm = await tokenRealm({ withoutKey: true });
  const { token } = await mintSecretToken(realm, { ...base, dialect: dialects[0] as SecretDialect, ttl: null, maxUses: null });
  const consume = (index: number) =>
    consumeToken(realm, { ...base, token: token.reveal(), node: `n${index}`, keyThumbprint: `k${index}` }, () =>
      Promise.resolve({ result: index }),
    );
  for (let index = 0; index < 5; index++) expect((await consume(index)).result).toBe(index);
  realm.clock.advance(10 * 31_536_000);
  expect((await consume(0)).decision).toBe('same-request');
});

test('an omnirelay token needs the shared key and one of the accepted issuers, and compares clusters without case', async () => {
  const realm = await tokenRealm({ withoutKey: true });
  const { token } = await mintSecretToken(realm, { ...base, dialect: { format: 'omnirelay', mac, issuer: 'omnirelay-cli' } });
  const verify = (keys?: VerifyGrantInput['omnirelay']) =>
    codeOf(verifyGrant(realm, { token: token.reveal(), cluster: 'prod', ...(keys && { omnirelay: keys }) }));
  expect(await verify()).toBe('ERR_TOKEN_KEY_UNKNOWN');
  expect(await verify(omnirelay)).toBe('ERR_TOKEN_ISSUER');
  expect(await verify({ mac, issuers: ['omnirelay-bootstrap', 'omnirelay-cli'] })).toBe('ok');
  const offline = { token: token.reveal(), cluster: 'Prod', omnirelay: { mac, issuers: ['omnirelay-cli'] }, maxLifetime: seconds(3600) };
  expect((await verifyOmnirelayOffline(realm.clock, offline)).unchecked).toEqual(['role', 'uses', 'revocation']);
  expect(await codeOf(verifyOmnirelayOffline(realm.clock, { ...offline, omnirelay }))).toBe('ERR_TOKEN_ISSUER');
  expect(await codeOf(verifyOmnirelayOffline(realm.clock, { ...offline, maxLifetime: seconds(3599) }))).toBe('ERR_TOKEN_LIFETIME');
});

test('a k3s token is known by the hash of its password, or by its bootstrap id', () => {
  const hash = digestOf(utf8('ca'));
  expect(idOf('k3s', `K10${hash}::node:password`)).toBe(digestOf(utf8('password')));
  expect(idOf('k3s', `K10${hash}::abcdef.0123456789abcdef`)).toBe('abcdef');
});

test('a jwt goes its own way, and a record without digest opens nothing', async () => {
  const realm = await tokenRealm();
  const { token, claims } = await mintToken(realm, { clusters: ['prod'], role: 'worker' });
  expect((await verifyGrant(realm, { token: token.reveal(), cluster: 'prod' })).grant.id).toBe(claims.jti);
  const record = realm.store.dump()[`token/jwt/${claims.jti}`];
  await put(realm, 'token/kubeadm/abcdef', record as never);
  expect(await codeOf(verifyGrant(realm, { token: 'abcdef.0123456789abcdef', cluster: 'prod' }))).toBe('ERR_TOKEN_UNKNOWN');
});
