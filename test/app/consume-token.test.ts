import { describe, expect, test } from 'vitest';
import { consumeToken, type ConsumeTokenInput } from '../../src/app/consume-token.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { revokeToken, revokeTokensOfNode } from '../../src/app/revoke-token.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { seconds } from '../../src/core/time.ts';
import { auditOf, codeOf, type TokenRealm, tokenRealm } from './token-realm.ts';

async function setUp(options: { maxUses?: number; node?: string } = {}) {
  const realm = await tokenRealm();
  const { token, claims } = await mintToken(realm, { clusters: ['prod'], role: 'worker', ...options });
  let issued = 0;
  const input: ConsumeTokenInput = { token: token.reveal(), cluster: 'prod', role: 'worker', node: 'n1', keyThumbprint: 'key-1' };
  const issue = () => {
    issued += 1;
    return Promise.resolve({ result: { certificate: issued }, writes: [{ key: `issued/${issued}`, value: issued }] });
  };
  const consume = (changes: Partial<ConsumeTokenInput> = {}, target: TokenRealm = realm) =>
    consumeToken(target, { ...input, ...changes }, issue);
  return { realm, claims, consume, issue, input, issues: () => issued };
}

const used = (realm: TokenRealm, id: string) =>
  (realm.store.dump()[`token-use/jwt/control.example.internal/${id}`] as { used: number } | undefined)?.used;

test('a use, what it gave, and its audit record are one commit', async () => {
  const { realm, claims, consume } = await setUp();
  let commits = 0;
  realm.store.beforeCommit = () => void commits++;
  const result = await consume();
  expect(result).toMatchObject({ decision: 'accepted', result: { certificate: 1 }, grant: { id: claims.jti } });
  expect(commits).toBe(1);
  expect(realm.store.dump()).toMatchObject({ 'issued/1': 1, 'token/clock': { at: claims.iat } });
  expect(used(realm, claims.jti)).toBe(1);
  expect(auditOf(realm).at(-1)).toMatchObject({
    event: 'token.use',
    subject: claims.jti,
    details: { format: 'jwt', node: 'n1', role: 'worker', key: 'key-1', used: 1, max_uses: 1 },
  });
});

describe('after the first use', () => {
  test('the same request gets the same answer, and nothing is written', async () => {
    const { realm, claims, consume, issues } = await setUp();
    await consume();
    const before = realm.store.dump();
    const records = realm.store.audit.length;
    realm.clock.advance(claims.exp - claims.iat + 3599);
    expect(await consume()).toMatchObject({ decision: 'same-request', result: { certificate: 1 } });
    expect([realm.store.dump(), realm.store.audit.length, issues()]).toEqual([before, records, 1]);
    realm.clock.advance(1);
    expect(await codeOf(consume())).toBe('ERR_TOKEN_EXPIRED');
  });

  test('another key is a replay; the same key for another node or role is a conflict', async () => {
    const { consume, issues } = await setUp();
    await consume();
    expect(await codeOf(consume({ keyThumbprint: 'key-2' }))).toBe('ERR_TOKEN_REPLAYED');
    expect(await codeOf(consume({ node: 'n2' }))).toBe('ERR_TOKEN_USE_CONFLICT');
    expect(issues()).toBe(1);
  });

  test('a revocation, of the token or of everything of the node, stops the same request too', async () => {
    for (const revoke of [
      (realm: TokenRealm, id: string) => revokeToken(realm, { id }),
      (realm: TokenRealm) => revokeTokensOfNode(realm, { node: 'n1' }),
    ]) {
      const { realm, claims, consume } = await setUp({ maxUses: 5 });
      await consume();
      await revoke(realm, claims.jti);
      expect(await codeOf(consume())).toMatch(/ERR_TOKEN_(REVOKED|SUPERSEDED)/);
      expect(await codeOf(consume({ keyThumbprint: 'key-2' }))).toMatch(/ERR_TOKEN_(REVOKED|SUPERSEDED)/);
    }
  });

  test('several uses are counted to the last', async () => {
    const { consume } = await setUp({ maxUses: 2 });
    await consume();
    await consume({ keyThumbprint: 'key-2', node: 'n2' });
    expect(await codeOf(consume({ keyThumbprint: 'key-3', node: 'n3' }))).toBe('ERR_TOKEN_EXHAUSTED');
  });
});

describe('a refused request burns no use and writes nothing:', () => {
  test.each<[string, Partial<ConsumeTokenInput>, string]>([
    ['another cluster', { cluster: 'edge' }, 'ERR_TOKEN_AUDIENCE'],
    ['another role', { role: 'control-plane' }, 'ERR_TOKEN_ROLE'],
    ['another node than the token names', { node: 'n2' }, 'ERR_TOKEN_NODE'],
    ['no token at all', { token: 'x' }, 'ERR_TOKEN_MALFORMED'],
  ])('%s', async (_, changes, code) => {
    const { realm, consume, issues } = await setUp({ node: 'n1' });
    const before = realm.store.dump();
    expect(await codeOf(consume(changes))).toBe(code);
    expect([realm.store.dump(), issues()]).toEqual([before, 0]);
    expect(await codeOf(consume())).toBe('ok');
  });

  test('an issuing step that fails, for a policy or a full disk', async () => {
    const { realm, consume, input } = await setUp();
    const before = realm.store.dump();
    const refuse = () => Promise.reject(new JoineryError('ERR_ROLE_UNKNOWN', 'policy says no'));
    expect(await codeOf(consumeToken(realm, input, refuse))).toBe('ERR_ROLE_UNKNOWN');
    realm.store.beforeCommit = () => {
      throw new JoineryError('ERR_FILE_DISK_FULL', 'full');
    };
    expect(await codeOf(consume())).toBe('ERR_FILE_DISK_FULL');
    realm.store.beforeCommit = undefined;
    expect(realm.store.dump()).toEqual(before);
    expect(await codeOf(consume({ keyThumbprint: 'key-2' }))).toBe('ok');
  });
});

describe('races', () => {
  test('between 64 keys leave exactly max_uses accepted', async () => {
    const { realm, claims, consume } = await setUp({ maxUses: 20 });
    const outcomes = await Promise.all(
      Array.from({ length: 64 }, (_, index) => codeOf(consume({ keyThumbprint: `key-${index}`, node: `n${index}` }))),
    );
    expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(20);
    expect(outcomes.filter((outcome) => outcome === 'ERR_TOKEN_EXHAUSTED')).toHaveLength(44);
    expect(used(realm, claims.jti)).toBe(20);
    expect(auditOf(realm).filter((event) => event.event === 'token.use')).toHaveLength(20);
  });

  test('between two requests of one key give one use and the same answer twice', async () => {
    const { realm, claims, consume } = await setUp();
    const [first, second] = await Promise.all([consume(), consume()]);
    expect(first.result).toEqual(second.result);
    expect([first.decision, second.decision].sort()).toEqual(['accepted', 'same-request']);
    expect(used(realm, claims.jti)).toBe(1);
  });

  test('with other processes, which win again and again, end with a use when one is left', async () => {
    const { realm, claims, consume } = await setUp({ maxUses: 5 });
    let others = 0;
    realm.store.beforeCommit = async () => {
      if (others === 3) return;
      others += 1;
      const hook = realm.store.beforeCommit;
      realm.store.beforeCommit = undefined;
      await consume({ keyThumbprint: `other-${others}`, node: `other-${others}` });
      realm.store.beforeCommit = hook;
    };
    expect(await codeOf(consume())).toBe('ok');
    expect(used(realm, claims.jti)).toBe(4);
  });

  test('with a revocation between verification and commit are lost', async () => {
    const { realm, claims, consume } = await setUp();
    realm.store.beforeCommit = async () => {
      realm.store.beforeCommit = undefined;
      await revokeToken(realm, { id: claims.jti });
    };
    expect(await codeOf(consume())).toBe('ERR_TOKEN_REVOKED');
    expect(used(realm, claims.jti)).toBeUndefined();
  });

  test('that the issuing step loses are reported, and an endless one ends', async () => {
    const { realm, consume, input, claims } = await setUp();
    const issue = () => Promise.resolve({ result: null, checks: [{ key: 'serial', version: 99 }] });
    expect(await codeOf(consumeToken(realm, input, issue))).toBe('ERR_STORE_CONFLICT');
    const stuck = {
      ...realm,
      store: {
        ...realm.store,
        commit: () => Promise.resolve({ ok: false as const, conflict: `token-use/jwt/control.example.internal/${claims.jti}` }),
      },
    };
    expect(await codeOf(consumeToken(stuck, input, () => Promise.resolve({ result: null })))).toBe('ERR_STORE_CONFLICT');
    expect(await codeOf(consume())).toBe('ok');
  });
});

test('an expired token is refused, and a clock set back is noticed', async () => {
  const { realm, claims, consume } = await setUp();
  realm.clock.set((claims.exp + 60) as never);
  expect(await codeOf(consume())).toBe('ERR_TOKEN_EXPIRED');
  await mintToken(realm, { clusters: ['prod'], role: 'worker', ttl: seconds(60) });
  realm.clock.set(claims.iat as never);
  expect(await codeOf(consume())).toBe('ERR_CLOCK_BEHIND');
});
