import { describe, expect, test } from 'vitest';
import { collectTokens } from '../../src/app/collect-tokens.ts';
import { consumeToken } from '../../src/app/consume-token.ts';
import { listTokens } from '../../src/app/list-tokens.ts';
import { mintSecretToken } from '../../src/app/mint-secret-token.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { reissueToken } from '../../src/app/reissue-token.ts';
import { revokeToken, revokeTokensOfNode } from '../../src/app/revoke-token.ts';
import { verifyToken } from '../../src/app/verify-token.ts';
import { fingerprintOf, pinOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { type Instant, plus, seconds } from '../../src/core/time.ts';
import { auditOf, codeOf, put, type TokenRealm, tokenRealm } from './token-realm.ts';

const worker = { clusters: ['prod'], role: 'worker' };
const THUMBPRINT = 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k';
const issue = () => Promise.resolve({ result: 'certificate' });
const consume = (realm: TokenRealm, token: string, keyThumbprint = 'key-1') =>
  consumeToken(realm, { token, cluster: 'prod', role: 'worker', node: 'n1', keyThumbprint }, issue);

describe('a revocation that would not revoke is refused', () => {
  const id = '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a';

  test('an end that has passed, which gc would forget at once', async () => {
    const realm = await tokenRealm();
    const now = realm.clock.now();
    expect(await codeOf(revokeToken(realm, { id, expiresAt: now }))).toBe('ERR_INPUT_MALFORMED');
    expect(await codeOf(revokeToken(realm, { id, expiresAt: plus(now, 1) }))).toBe('ok');
  });

  test('a reason longer than its record holds, which would make the record unreadable', async () => {
    const realm = await tokenRealm();
    expect(await codeOf(revokeToken(realm, { id, reason: 'x'.repeat(1025) }))).toBe('ERR_INPUT_MALFORMED');
    expect(await codeOf(revokeToken(realm, { id, reason: 'x'.repeat(1024) }))).toBe('ok');
  });

  test('an omnirelay token without its issuer; its GUID counts in either case', async () => {
    const realm = await tokenRealm();
    const input = { id: id.toUpperCase(), format: 'omnirelay' } as const;
    expect(await codeOf(revokeToken(realm, input))).toBe('ERR_INPUT_MALFORMED');
    expect(await codeOf(revokeToken(realm, { ...input, issuer: 'omnirelay-cli' }))).toBe('ok');
    expect(Object.keys(realm.store.dump())).toContain(`token-revoked/omnirelay/omnirelay-cli/${id}`);
  });
});

describe('revoking', () => {
  test('stops a registered token, once', async () => {
    const realm = await tokenRealm();
    const { token, claims } = await mintToken(realm, worker);
    const expected = { id: claims.jti, format: 'jwt', registered: true };
    expect(await revokeToken(realm, { id: claims.jti, reason: 'lost laptop' })).toEqual({ ...expected, already: false });
    expect(auditOf(realm).at(-1)).toMatchObject({ event: 'token.revoke', subject: claims.jti, reason: 'lost laptop' });
    const records = realm.store.audit.length;
    expect(await revokeToken(realm, { id: claims.jti })).toEqual({ ...expected, already: true });
    expect(realm.store.audit.length).toBe(records);
    expect(await codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod' }))).toBe('ERR_TOKEN_REVOKED');
  });

  test('denies an id that was never registered, until its end or the longest life', async () => {
    const realm = await tokenRealm();
    const id = '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a';
    expect(await revokeToken(realm, { id })).toEqual({ id, format: 'jwt', registered: false, already: false });
    expect(realm.store.dump()[`token-revoked/jwt/control.example.internal/${id}`]).toMatchObject({
      until: realm.clock.now() + 86400 + 3600,
    });
    const expiresAt = plus(realm.clock.now(), 60);
    await revokeToken(realm, { id: 'abcdef', format: 'kubeadm', issuer: 'a/b', expiresAt, reason: 'leaked' });
    expect(realm.store.dump()['token-revoked/kubeadm/a%2Fb/abcdef']).toMatchObject({ until: expiresAt + 3600, reason: 'leaked' });
    await expect(revokeToken(realm, { id: 'slip' })).rejects.toMatchObject({ code: 'ERR_TOKEN_NOT_FOUND', hint: 'see joinery token list' });
    for (const format of ['jwt', 'secure', 'k3s', 'kubeadm', 'omnirelay'] as const) {
      expect(await codeOf(revokeToken(realm, { id: 'slip', format }))).toBe('ERR_TOKEN_NOT_FOUND');
    }
  });

  test('everything of a node needs no id, and later tokens are good', async () => {
    const realm = await tokenRealm();
    const mine = await mintToken(realm, { ...worker, node: 'n1' });
    const open = await mintToken(realm, worker);
    expect(await revokeTokensOfNode(realm, { node: 'n1', reason: 'stolen' })).toEqual({ notBefore: realm.clock.now() + 1 });
    expect(auditOf(realm).at(-1)).toMatchObject({
      event: 'token.revoke',
      subject: 'n1',
      reason: 'stolen',
      details: { all_for_node: true },
    });
    const verify = (token: typeof mine, node?: string) =>
      codeOf(verifyToken(realm, { token: token.token.reveal(), cluster: 'prod', ...(node && { node }) }));
    expect(await verify(mine)).toBe('ERR_TOKEN_SUPERSEDED');
    expect([await verify(open), await verify(open, 'n1'), await verify(open, 'n2')]).toEqual(['ok', 'ERR_TOKEN_SUPERSEDED', 'ok']);
    realm.clock.advance(1);
    expect(await verify(await mintToken(realm, { ...worker, node: 'n1' }))).toBe('ok');
    await revokeTokensOfNode(realm, { node: 'n1' });
    expect(await codeOf(revokeTokensOfNode(realm, { node: 'a/b' }))).toBe('ERR_INPUT_MALFORMED');
  });
});

describe('reissuing', () => {
  test('revokes the old and mints one with the same bindings in one commit', async () => {
    const realm = await tokenRealm();
    const bindings = {
      clusters: ['prod', 'edge'],
      role: 'worker',
      ttl: seconds(600),
      maxUses: 3,
      node: 'n1',
      allowReentry: true,
      labels: { rack: 'a7' },
      keyThumbprint: THUMBPRINT,
      pins: [pinOf(utf8('spki'))],
      urls: ['https://boot.example.internal'],
    };
    const old = await mintToken(realm, bindings);
    realm.clock.advance(100);
    let commits = 0;
    realm.store.beforeCommit = () => void commits++;
    const { claims, token } = await reissueToken(realm, { id: old.claims.jti });
    expect(commits).toBe(1);
    const { jti, iat, nbf, exp } = claims;
    expect(claims).toEqual({ ...old.claims, jti, iat, nbf, exp });
    expect([jti === old.claims.jti, iat, exp - iat]).toEqual([false, old.claims.iat + 100, 600]);
    expect(await codeOf(verifyToken(realm, { token: old.token.reveal(), cluster: 'prod' }))).toBe('ERR_TOKEN_REVOKED');
    expect(await codeOf(verifyToken(realm, { token: token.reveal(), cluster: 'prod' }))).toBe('ok');
    expect(
      auditOf(realm)
        .slice(-2)
        .map((event) => [event.event, event.subject]),
    ).toEqual([
      ['token.revoke', old.claims.jti],
      ['token.mint', jti],
    ]);
    expect(await codeOf(reissueToken(realm, { id: old.claims.jti }))).toBe('ERR_TOKEN_REVOKED');
  });

  test('works for the plainest token, may change the life, and needs a registered jwt', async () => {
    const realm = await tokenRealm();
    const old = await mintToken(realm, worker);
    await put(realm, `token/jwt/${old.claims.jti}`, {
      schema: 'joinery/token/1',
      format: 'jwt',
      algorithm: 'ES256',
      claims: { iss: 'i', aud: 'prod', jti: old.claims.jti, iat: old.claims.iat, exp: old.claims.exp, role: 'worker' },
    });
    const { claims } = await reissueToken(realm, { id: old.claims.jti, ttl: seconds(60) });
    expect(claims).toMatchObject({ aud: 'prod', max_uses: 1, exp: claims.iat + 60 });
    const kubeadm = await mintSecretToken(realm, { dialect: { format: 'kubeadm' }, cluster: 'prod', role: 'worker' });
    expect(await codeOf(reissueToken(realm, { id: kubeadm.grant.id }))).toBe('ERR_TOKEN_NOT_FOUND');
    expect(await codeOf(reissueToken(realm, { id: 'x' }))).toBe('ERR_TOKEN_NOT_FOUND');
  });
});

describe('the list of tokens', () => {
  test('shows each as it stands now', async () => {
    const realm = await tokenRealm();
    const now = realm.clock.now();
    const ids = new Map<string, string>();
    const mint = async (label: string, extra: object = {}) => {
      const minted = await mintToken(realm, { ...worker, ...extra });
      ids.set(minted.claims.jti, label);
      return minted;
    };
    await mint('expired', { ttl: seconds(1) });
    await mint('early', { notBefore: plus(now, 600) });
    await mint('usable', { maxUses: 2 });
    await consume(realm, (await mint('exhausted')).token.reveal());
    await revokeToken(realm, { id: (await mint('revoked')).claims.jti });
    await mint('superseded', { node: 'n9' });
    await revokeTokensOfNode(realm, { node: 'n9' });
    realm.clock.advance(61);
    const { tokens, next } = await listTokens(realm, { limit: 100 });
    expect(next).toBeUndefined();
    expect(tokens).toHaveLength(6);
    for (const { grant, status } of tokens) expect(status).toBe(ids.get(grant.id));
    expect(tokens.find((token) => token.status === 'exhausted')?.used).toBe(1);
  });

  test('comes in pages over all dialects', async () => {
    const realm = await tokenRealm();
    for (let index = 0; index < 3; index++) {
      await mintToken(realm, worker);
      await mintSecretToken(realm, { dialect: { format: 'kubeadm' }, cluster: 'prod', role: 'worker', ttl: null, maxUses: null });
      await mintSecretToken(realm, {
        dialect: { format: 'secure', caFingerprint: fingerprintOf(utf8('ca')) },
        cluster: 'prod',
        role: 'worker',
      });
    }
    const seen: string[] = [];
    let page = await listTokens(realm, { limit: 2 });
    for (; page.next !== undefined; page = await listTokens(realm, { limit: 2, after: page.next })) {
      expect(page.tokens).toHaveLength(2);
      seen.push(...page.tokens.map(({ grant }) => `${grant.format}/${grant.id}`));
    }
    seen.push(...page.tokens.map(({ grant }) => `${grant.format}/${grant.id}`));
    expect(seen).toHaveLength(9);
    expect(seen).toEqual([...new Set(seen)].sort());
  });

  test('reports a damaged record', async () => {
    const realm = await tokenRealm();
    await put(realm, 'token/jwt/x', { format: 'jwt' });
    expect(await codeOf(listTokens(realm, { limit: 10 }))).toBe('ERR_REALM_MALFORMED');
  });
});

describe('collecting', () => {
  test('removes what has meant nothing for an hour after its end, and keeps audit records and tokens without end', async () => {
    const realm = await tokenRealm();
    const { token, claims } = await mintToken(realm, worker);
    await consume(realm, token.reveal());
    await revokeToken(realm, { id: claims.jti });
    await mintSecretToken(realm, { dialect: { format: 'kubeadm' }, cluster: 'prod', role: 'worker', ttl: null });
    const short = await mintSecretToken(realm, { dialect: { format: 'kubeadm' }, cluster: 'prod', role: 'worker' });
    await revokeTokensOfNode(realm, { node: 'n9' });
    const records = realm.store.audit.length;
    realm.clock.set((claims.exp + 3599) as Instant);
    expect(await collectTokens(realm)).toEqual({ removed: 0, kept: 6 });
    expect(realm.store.audit.length).toBe(records);
    realm.clock.advance(1);
    expect(await collectTokens(realm)).toEqual({ removed: 5, kept: 1 });
    const left = Object.keys(realm.store.dump());
    expect(left.filter((key) => key.includes(claims.jti) || key.includes(short.grant.id))).toEqual([]);
    expect(left).toContain('token-not-before/n9');
    expect(
      auditOf(realm)
        .filter((event) => event.event === 'token.collect')
        .map((event) => event.details),
    ).toEqual([{ removed: 2 }, { removed: 1 }, { removed: 1 }, { removed: 1 }]);
    expect(await codeOf(consume(realm, token.reveal(), 'key-2'))).toBe('ERR_TOKEN_EXPIRED');
    realm.clock.set(claims.iat as Instant);
    expect(await codeOf(consume(realm, token.reveal(), 'key-2'))).toBe('ERR_CLOCK_BEHIND');
    expect(await codeOf(collectTokens(realm))).toBe('ERR_CLOCK_BEHIND');
  });
});
