/** What a realm remembers of tokens does not grow for ever: ten thousand used tokens in a real file, and then gc. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, test } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { collectTokens } from '../../src/app/collect-tokens.ts';
import { mintBatch } from '../../src/app/mint-batch.ts';
import type { BatchToken } from '../../src/app/token-steps.ts';
import { auditEvent } from '../../src/app/realm.ts';
import { firstTokenKey } from '../../src/app/token-keys.ts';
import { counterKey, useKey } from '../../src/app/token-state.ts';
import { plus, seconds } from '../../src/core/time.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { realmOver, spend } from './token-consumer.ts';

const TOKENS = 10_000;
const directory = mkdtempSync(join(tmpdir(), 'joinery-token-gc-'));
const path = join(directory, 'state.db');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Size {
  readonly pages: number;
  readonly free: number;
  readonly tokenBytes: number;
  readonly audit: number;
}

const nameOf = (id: string) => ({ format: 'jwt' as const, issuer: 'lab.example.internal', id });

/** As another process sees it, the log of SQLite included. */
function sizeOf(): Size {
  const db = new DatabaseSync(path);
  const number = (sql: string) => Object.values(db.prepare(sql).get() as Record<string, number>)[0] as number;
  const size = {
    pages: number('PRAGMA page_count'),
    free: number('PRAGMA freelist_count'),
    tokenBytes: number("SELECT coalesce(sum(length(value)), 0) FROM entries WHERE key LIKE 'token%'"),
    audit: number('SELECT count(*) FROM audit'),
  };
  db.close();
  return size;
}

test(`after ${TOKENS} used tokens and gc the file is smaller, and every audit record is there`, async () => {
  const store = await openSqliteStore({ path, create: true });
  const realm = realmOver(store, fakeKeyVault());
  const record = { schema: 'joinery/realm/1', realm_id: 'r', created_at: realm.clock.now(), plaintext_keys: true };
  const { writes, audit } = await firstTokenKey(realm);
  await store.commit({ checks: [], writes: [{ key: 'realm', value: record }, ...writes], audit });
  for await (const step of (await mintBatch(realm, { clusters: ['prod'], role: 'worker', count: TOKENS })).steps) {
    // One is spent by the use case itself; the others as it records them, all in one commit.
    const [first, ...others] = step as [BatchToken, ...BatchToken[]];
    expect(await spend(store, first.token, first.id)).toMatch(/^accepted/);
    const until = realm.clock.now() + 4500;
    const use = { node: 'n1', role: 'worker', used_at: realm.clock.now(), until, result: 'certificate '.repeat(60) };
    await store.commit({
      checks: [],
      writes: others.flatMap(({ id }) => [
        { key: counterKey(nameOf(id)), value: { used: 1, until } },
        { key: useKey(nameOf(id), 'x'.repeat(43)), value: use },
      ]),
      audit: others.map(({ id }) => auditEvent(realm, { event: 'token.use', subject: id })),
    });
  }
  const before = sizeOf();
  expect(before.audit).toBeGreaterThan(2 * TOKENS);
  const now = realm.clock.now();
  const later = { ...realm, clock: { now: () => plus(now, seconds(2 * 3600)) } };
  const { removed, kept } = await collectTokens(later);
  expect([removed, kept]).toEqual([3 * TOKENS, 0]);
  const after = sizeOf();
  await store.close();
  expect(after.audit).toBeGreaterThan(before.audit);
  expect(after.tokenBytes).toBeLessThan(before.tokenBytes / 1000);
  // The keys of what was removed stay for a while, for watchers in other processes; their values are gone at once.
  expect(before.pages - after.pages).toBeGreaterThan((before.tokenBytes / 4096) * 0.6);
  expect(after.free).toBeLessThan(257);
  expect(statSync(path).size).toBe(after.pages * 4096);
}, 120_000);
