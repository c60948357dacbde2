import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { firstTokenKey } from '../../src/app/token-keys.ts';
import type { Store } from '../../src/core/ports.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { type Fault, realmOver, spend, type Step, STEPS } from './token-consumer.ts';

const consumer = fileURLToPath(new URL('token-consumer.ts', import.meta.url));
const directory = await mkdtemp(join(tmpdir(), 'joinery-token-use-'));
const path = join(directory, 'state.db');
let store: Store;
let mint: (maxUses: number) => Promise<{ token: string; id: string }>;

beforeAll(async () => {
  store = await openSqliteStore({ path, create: true });
  const realm = realmOver(store, fakeKeyVault());
  const record = { schema: 'joinery/realm/1', realm_id: 'r', created_at: realm.clock.now(), plaintext_keys: true };
  const { writes, audit } = await firstTokenKey(realm);
  await store.commit({ checks: [], writes: [{ key: 'realm', value: record }, ...writes], audit });
  mint = async (maxUses) => {
    const { token, claims } = await mintToken(realm, { clusters: ['prod'], role: 'worker', maxUses });
    return { token: token.reveal(), id: claims.jti };
  };
});
afterAll(async () => {
  await store.close();
  await rm(directory, { recursive: true });
});

/** What a process of its own says, or the signal that ended it. */
function spendElsewhere(token: string, key: string, ...fault: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [consumer, path, key, ...fault], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.end(token);
  return new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal ?? said)));
}

const usesOf = async (id: string) =>
  ((await store.get(`token-use/jwt/lab.example.internal/${id}`))?.value as { used: number } | undefined)?.used ?? 0;

test('64 processes at once spend exactly max_uses, never more and never fewer', async () => {
  const { token, id } = await mint(20);
  const outcomes = await Promise.all(Array.from({ length: 64 }, (_, index) => spendElsewhere(token, `race-${index}`)));
  const tally = (outcome: string) => outcomes.filter((other) => other.startsWith(outcome)).length;
  expect({ accepted: tally('accepted'), exhausted: tally('ERR_TOKEN_EXHAUSTED'), used: await usesOf(id) }).toEqual({
    accepted: 20,
    exhausted: 44,
    used: 20,
  });
  for (const [index, outcome] of outcomes.entries()) {
    expect((await store.get(`issued/race-${index}`)) !== undefined).toBe(outcome.startsWith('accepted'));
  }
});

describe('a process that dies, or whose disk fails, at any step of a use', () => {
  const table: string[][] = [['step', 'fault', 'it says', 'same key again', 'then another key', 'other key first']];
  afterAll(() => {
    console.log(table.map((row) => row.map((cell) => cell.padEnd(20)).join('')).join('\n'));
  });

  test.each(STEPS.flatMap((step) => (['kill', 'fail'] as const).map((fault): [Step, Fault] => [step, fault])))(
    '%s, %s',
    async (step, fault) => {
      const spent = step === 'reply';
      const name = `${step}-${fault}`;
      const [one, two] = [await mint(1), await mint(1)];
      const said = await Promise.all([
        spendElsewhere(one.token, `${name}-a`, step, fault),
        spendElsewhere(two.token, `${name}-b`, step, fault),
      ]);
      expect(said).toEqual(Array.from({ length: 2 }, () => (fault === 'kill' ? 'SIGKILL' : 'ERR_FILE_DISK_FULL')));
      expect([await usesOf(one.id), await usesOf(two.id)]).toEqual(spent ? [1, 1] : [0, 0]);
      const same = await spend(store, one.token, `${name}-a`);
      expect(same).toBe(`${spent ? 'same-request' : 'accepted'}: certificate of ${name}-a`);
      const later = await spend(store, one.token, `${name}-x`);
      expect(later).toBe('ERR_TOKEN_REPLAYED');
      const other = await spend(store, two.token, `${name}-y`);
      expect(other).toBe(spent ? 'ERR_TOKEN_REPLAYED' : `accepted: certificate of ${name}-y`);
      expect([await usesOf(one.id), await usesOf(two.id)]).toEqual([1, 1]);
      table.push([step, fault, said[0] as string, same.split(':')[0] as string, later, other.split(':')[0] as string]);
    },
  );
});
