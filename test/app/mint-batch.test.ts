import { describe, expect, test } from 'vitest';
import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { verifyJws } from '../../src/adapters/jose.ts';
import { mintBatch } from '../../src/app/mint-batch.ts';
import { mintStateless } from '../../src/app/mint-stateless.ts';
import type { Batch, BatchToken } from '../../src/app/token-steps.ts';
import { verifyToken, verifyTokenOffline } from '../../src/app/verify-token.ts';
import { publicJwk } from '../../src/core/jwk.ts';
import { seconds } from '../../src/core/time.ts';
import { batchSigner, pooledRandom } from '../../src/core/token/batch.ts';
import { signClaims } from '../../src/core/token/jwt.ts';
import { buildClaims } from '../../src/core/token/mint.ts';
import { signerOf, verificationKeyOf } from '../../src/core/token/signer.ts';
import { fakeRandom } from '../fakes/random.ts';
import { auditOf, codeOf, tokenRealm } from './token-realm.ts';

const worker = { clusters: ['prod'], role: 'worker' };

async function all({ steps }: Batch): Promise<BatchToken[]> {
  const tokens: BatchToken[] = [];
  for await (const step of steps) tokens.push(...step);
  return tokens;
}

describe.each(['p256', 'ed25519'] as const)('without a realm, a key of type %s', (type) => {
  const key = signingKey(generatePrivateKey(type));
  const keys = [verificationKeyOf(publicJwk(key.spki))];

  test('mints tokens that jose verifies, each with its own id', async () => {
    const { clock, random } = await tokenRealm({ withoutKey: true });
    const batch = mintStateless({ clock, random }, { request: worker, issuer: 'ci', signer: signerOf(key), count: 300 });
    const tokens = await all(batch);
    expect(new Set(tokens.map((token) => token.id)).size).toBe(300);
    for (const { id, token } of tokens) {
      const { claims } = await verifyTokenOffline({ clock, verifyJws }, { token, keys, cluster: 'prod', issuer: 'ci', role: 'worker' });
      expect(claims).toEqual({ ...batch.template, jti: id });
    }
  });

  test('mints as well with a key that takes its time', async () => {
    const { clock, random } = await tokenRealm({ withoutKey: true });
    const signer = signerOf(key);
    const slow = { ...signer, sign: async (data: Uint8Array) => signer.sign(data) };
    const [made] = await all(mintStateless({ clock, random }, { request: { ...worker, node: 'n1' }, issuer: 'ci', signer: slow }));
    expect((await verifyTokenOffline({ clock, verifyJws }, { token: made?.token ?? '', keys, cluster: 'prod' })).grant.node).toBe('n1');
  });

  test('mints the very bytes that single minting would', async () => {
    const facts = { issuer: 'ci', id: '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a', now: 1_800_000_000 as never, maxLifetime: seconds(86400) };
    const deterministic = { ...signerOf(key), sign: (data: Uint8Array) => data.slice(0, 64) };
    for (const extra of [{}, { node: 'n1', labels: { a: 'ü "x" \\', jti: 'jti' }, environment: 'e' }]) {
      const claims = buildClaims({ ...worker, ...extra }, facts);
      const template = { ...claims, jti: 'other' };
      expect(await batchSigner(deterministic, template)(claims.jti, claims.node ?? '')).toBe(await signClaims(deterministic, claims));
    }
  });
});

test('a token for each node is bound to it', async () => {
  const realm = await tokenRealm();
  const tokens = await all(await mintBatch(realm, { ...worker, nodes: ['n1', 'node-2'], count: 2 }));
  expect(tokens.map((token) => token.node)).toEqual(['n1', 'n1', 'node-2', 'node-2']);
  for (const { node, token, id } of tokens) {
    expect((await verifyToken(realm, { token, cluster: 'prod', ...(node && { node }) })).claims).toMatchObject({ node, jti: id });
    expect(await codeOf(verifyToken(realm, { token, cluster: 'prod', node: 'other' }))).toBe('ERR_TOKEN_NODE');
  }
});

test('in a realm every step is registered in one commit before it is given out', async () => {
  const realm = await tokenRealm();
  let commits = 0;
  realm.store.beforeCommit = () => void commits++;
  const { steps } = await mintBatch(realm, { ...worker, count: 300 });
  const first = (await steps.next()).value as BatchToken[];
  expect([first.length, commits]).toEqual([256, 1]);
  const second = (await steps.next()).value as BatchToken[];
  expect([second.length, commits, (await steps.next()).done]).toEqual([44, 2, true]);
  for (const { id } of [...first, ...second]) expect(realm.store.dump()[`token/jwt/${id}`]).toMatchObject({ claims: { jti: id } });
  const minted = auditOf(realm).filter((event) => event.event === 'token.mint');
  expect(minted.map((event) => event.subject)).toEqual([...first, ...second].map((token) => token.id));
});

test('what cannot be minted once cannot be minted often', async () => {
  const realm = await tokenRealm();
  expect(await codeOf(mintBatch(realm, { ...worker, role: 'queen', count: 2 }))).toBe('ERR_ROLE_UNKNOWN');
  const labels = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`label-${index}`, 'v'.repeat(250)]));
  expect(await codeOf(mintBatch(realm, { ...worker, labels, count: 2 }).then(all))).toBe('ERR_TOKEN_TOO_LARGE');
  for (const label of ['\u0001', '\u0002']) {
    expect(await codeOf(mintBatch(realm, { ...worker, labels: { label }, count: 2 }).then(all))).toBe('ERR_INPUT_MALFORMED');
    expect(await codeOf(mintBatch(realm, { ...worker, labels: { label }, nodes: ['n1'] }).then(all))).toBe('ERR_INPUT_MALFORMED');
  }
  const input = {
    request: { ...worker, ttl: seconds(86401) },
    issuer: 'ci',
    signer: signerOf(signingKey(generatePrivateKey('p256'))),
    nodes: ['n1'],
  };
  expect(() => mintStateless(realm, input)).toThrow(/--ttl: expected an end at most 1d from now/);
});

test('the pool gives no byte twice, and large requests pass it by', () => {
  const [pool, plain] = [pooledRandom(fakeRandom('a')), fakeRandom('a')];
  const bytes = Array.from({ length: 256 }, () => pool.bytes(16));
  expect(Buffer.concat(bytes)).toEqual(Buffer.from(plain.bytes(4096)));
  expect(new Set(bytes.map((part) => Buffer.from(part).toString('hex'))).size).toBe(256);
  expect(pool.bytes(5000)).toEqual(plain.bytes(5000));
  expect(pool.bytes(16)).toEqual(plain.bytes(4096).slice(0, 16));
});
