/** Tokens: minting in bulk against the raw signing rate, verification, and verify plus consume against a realm that fills up. */
import { type KeyObject, sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/clock.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { verifyJws } from '../../src/adapters/jose.ts';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { mintBatch } from '../../src/app/mint-batch.ts';
import { mintStateless } from '../../src/app/mint-stateless.ts';
import type { BatchToken } from '../../src/app/token-steps.ts';
import { firstTokenKey } from '../../src/app/token-keys.ts';
import { verifyTokenOffline } from '../../src/app/verify-token.ts';
import { publicJwk } from '../../src/core/jwk.ts';
import type { Store } from '../../src/core/ports.ts';
import { signerOf, verificationKeyOf } from '../../src/core/token/signer.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { realmOver, spend } from '../feature/token-consumer.ts';
import { type Bench, percent, perSecond, rate, type Row } from './measure.ts';

const world = { clock: systemClock, random: systemRandom, verifyJws };
const request = { clusters: ['prod'], role: 'worker' };
const BULK = 50_000;
/** 1 000 000 takes minutes to fill: ask for it with JOINERY_BENCH_TOKENS=1000000. */
const LARGEST = Number(process.env['JOINERY_BENCH_TOKENS'] ?? 100_000);
const USES = 300;

async function bulk(type: 'p256' | 'ed25519', name: string): Promise<Row[]> {
  const key = generatePrivateKey(type);
  const data = Buffer.alloc(330, 1);
  const raw = await rate(() => sign(type === 'p256' ? 'sha256' : null, data, rawKey(key, type)));
  const signer = signerOf(signingKey(key));
  const memory = process.memoryUsage().rss;
  const start = performance.now();
  let last: BatchToken | undefined;
  for await (const step of mintStateless(world, { request, issuer: 'bench', signer, count: BULK }).steps) last = step.at(-1);
  const minted = (BULK * 1000) / (performance.now() - start);
  const grown = (process.memoryUsage().rss - memory) / 1024 / 1024;
  const keys = [verificationKeyOf(publicJwk(signingKey(key).spki))];
  const token = last?.token as string;
  const [input, signature] = [
    Buffer.from(token.slice(0, token.lastIndexOf('.'))),
    Buffer.from(token.slice(token.lastIndexOf('.') + 1), 'base64url'),
  ];
  const rawVerify = await rate(() => verify(type === 'p256' ? 'sha256' : null, input, rawKey(key, type), signature));
  const verified = await rate(() => verifyTokenOffline(world, { token, keys, cluster: 'prod' }));
  return [
    {
      what: `${name}: mint ${BULK} (${grown.toFixed(0)} MiB more memory)`,
      value: perSecond(minted),
      limit: perSecond(raw),
      ratio: percent(minted / raw),
    },
    {
      what: `${name}: verify one after another, by jose`,
      value: perSecond(verified),
      limit: perSecond(rawVerify),
      ratio: percent(verified / rawVerify),
    },
  ];
}

function rawKey(key: KeyObject, type: 'p256' | 'ed25519') {
  return type === 'p256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
}

/** Fills the realm with used tokens up to `total`. @returns how many there are now. */
async function fill(store: Store, from: number, total: number): Promise<number> {
  let made = from;
  while (made < total) {
    const writes = Array.from({ length: Math.min(2000, total - made) }, (_, index) => ({
      key: `token-use/jwt/lab.example.internal/${String(made + index).padStart(36, '0')}`,
      value: { used: 1, until: 4_000_000_000 },
    }));
    await store.commit({ checks: [], writes, audit: [] });
    made += writes.length;
  }
  return made;
}

async function curve(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-bench-tokens-'));
  const store = await openSqliteStore({ path: join(directory, 'state.db'), create: true });
  const realm = realmOver(store, fakeKeyVault());
  const { writes, audit } = await firstTokenKey(realm);
  const record = { schema: 'joinery/realm/1', realm_id: 'r', created_at: realm.clock.now(), plaintext_keys: true };
  await store.commit({ checks: [], writes: [{ key: 'realm', value: record }, ...writes], audit });
  const rows: Row[] = [];
  let stored = 0;
  let first: number | undefined;
  for (let size = 1000; size <= LARGEST; size *= 10) {
    stored = await fill(store, stored, size);
    const tokens: BatchToken[] = [];
    for await (const step of (await mintBatch(realm, { ...request, count: USES })).steps) tokens.push(...step);
    const start = performance.now();
    for (let index = 0; index < USES; index += 32) {
      await Promise.all(tokens.slice(index, index + 32).map(({ token }, lane) => spend(store, token, `key-${size}-${index + lane}`)));
    }
    const speed = (USES * 1000) / (performance.now() - start);
    first ??= speed;
    rows.push({
      what: `verify and consume with ${stored} used tokens, 32 in flight`,
      value: perSecond(speed),
      limit: perSecond(first),
      ratio: percent(speed / first),
    });
  }
  await store.close();
  rmSync(directory, { recursive: true });
  return rows;
}

export const tokens: Bench = {
  title: 'tokens (limit: node:crypto alone; of the curve: its first point)',
  run: async () => [...(await bulk('p256', 'ES256')), ...(await bulk('ed25519', 'EdDSA')), ...(await curve())],
};
