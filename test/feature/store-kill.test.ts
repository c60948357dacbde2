import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { parseAuditRecord } from '../../src/core/audit/record.ts';
import { AuditVerifier } from '../../src/core/audit/verify.ts';
import type { Store, StoreEntry } from '../../src/core/ports.ts';

const directory = await mkdtemp(join(tmpdir(), 'joinery-kill-'));
afterAll(() => rm(directory, { recursive: true }));
const writer = fileURLToPath(new URL('store-writer.ts', import.meta.url));

const start = (...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [writer, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });

const ended = (child: ChildProcess): Promise<number | NodeJS.Signals | null> =>
  new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));

/** Lets a writer run until it has acknowledged so many commits, and some moment after kills it. @returns what it acknowledged. */
async function killAfter(file: string, acknowledged: number): Promise<string[]> {
  const child = start(file, 'pairs', '100000');
  const end = ended(child);
  const names: string[] = [];
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    names.push(line);
    if (names.length === acknowledged) setTimeout(() => child.kill('SIGKILL'), randomInt(8));
  }
  expect(await end).toBe('SIGKILL');
  return names;
}

async function listAll(store: Store, prefix: string): Promise<StoreEntry[]> {
  const all: StoreEntry[] = [];
  for (;;) {
    const last = all.at(-1);
    const page = await store.list(prefix, last && { after: last.key });
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** Names in the store, each of which must have both keys and one record. */
async function checkWhole(store: Store): Promise<Set<string>> {
  const verifier = new AuditVerifier([]);
  const recorded: string[] = [];
  for (const record of await store.auditRecords(0, 100_000)) {
    expect(verifier.add(record)).toBeUndefined();
    recorded.push(parseAuditRecord(record.bytes).subject);
  }
  expect(verifier.finish()).toMatchObject({ size: recorded.length });
  const left = (await listAll(store, 'left/')).map((entry) => entry.key.slice('left/'.length));
  const right = (await listAll(store, 'right/')).map((entry) => entry.key.slice('right/'.length));
  expect(left).toEqual(right);
  expect(recorded.toSorted()).toEqual(left.toSorted());
  return new Set(recorded);
}

describe('a store whose process is killed', () => {
  it('holds every acknowledged commit whole, and no commit half, after every kill', async () => {
    const file = join(directory, 'kill.db');
    await (await openSqliteStore({ path: file, create: true })).close();
    const acknowledged: string[] = [];
    for (let round = 0; acknowledged.length < 500; round++) {
      acknowledged.push(...(await killAfter(file, 1 + randomInt(80))));
      const store = await openSqliteStore({ path: file });
      const there = await checkWhole(store);
      expect(acknowledged.filter((name) => !there.has(name))).toEqual([]);
      await store.close();
    }
  });
});

describe('two processes at one store', () => {
  it('lose no update', async () => {
    const file = join(directory, 'two.db');
    const store = await openSqliteStore({ path: file, create: true });
    const children = [start(file, 'count', '150'), start(file, 'count', '150')];
    expect(await Promise.all(children.map(ended))).toEqual([0, 0]);
    expect((await store.get('counter'))?.value).toBe(300);
    const subjects = (await store.auditRecords(0, 1000)).map((record) => parseAuditRecord(record.bytes).subject);
    expect(subjects).toEqual(Array.from({ length: 300 }, (_, index) => `${index + 1}`));
    await store.close();
  });
});

describe('an idle store', () => {
  it('does not keep its process alive, and a pending commit does', async () => {
    const file = join(directory, 'idle.db');
    await (await openSqliteStore({ path: file, create: true })).close();
    const source = new URL('../../src/adapters/sqlite-store.ts', import.meta.url).href;
    const script = `
      const { openSqliteStore } = await import(${JSON.stringify(source)});
      const store = await openSqliteStore({ path: ${JSON.stringify(file)} });
      void store.commit({ checks: [], writes: [{ key: 'late', value: 1 }], audit: [] });
    `;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' });
    expect(await ended(child)).toBe(0);
    const store = await openSqliteStore({ path: file });
    expect((await store.get('late'))?.value).toBe(1);
    await store.close();
  });
});
