import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { fromPlainError, plainError } from '../../src/adapters/plain-error.ts';
import { SqliteEngine } from '../../src/adapters/sqlite-engine.ts';
import { createDatabase, openDatabase, upgradeDatabase } from '../../src/adapters/sqlite-file.ts';
import { STORE_FORMAT, type StoreFormat } from '../../src/adapters/sqlite-format.ts';
import { StoreService } from '../../src/adapters/sqlite-protocol.ts';
import { openSqliteStore, sqliteEngine } from '../../src/adapters/sqlite-store.ts';
import { parseAuditRecord } from '../../src/core/audit/record.ts';
import type { Commit, Store } from '../../src/core/ports.ts';
import { testEvent } from '../contract/store.contract.ts';

const directory = await mkdtemp(join(tmpdir(), 'joinery-sqlite-'));
afterAll(() => rm(directory, { recursive: true }));

let count = 0;
const newPath = (): string => join(directory, `${count++}.db`);
const put = (key: string, value: number): Commit => ({ checks: [], writes: [{ key, value }], audit: [testEvent(key)] });

/** A closed state file with one entry and one record in it. */
async function oneEntry(): Promise<string> {
  const path = newPath();
  const store = await openSqliteStore({ path, create: true });
  await store.commit(put('a', 1));
  await store.close();
  return path;
}

const opening = (path: string): Promise<Store> => openSqliteStore({ path });
/** The same without a thread, closed again. */
const openingHere = async (path: string, format = STORE_FORMAT): Promise<void> => Promise.resolve(openDatabase(path, format, 100).close());
const pragma = (path: string, name: string): unknown => {
  const db = new DatabaseSync(path);
  try {
    return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  } finally {
    db.close();
  }
};

const NEXT_FORMAT: StoreFormat = {
  version: 2,
  schema: [...STORE_FORMAT.schema, 'CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT'],
  migrations: [{ from: 1, sql: ['CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT'] }],
};

describe('the state file', () => {
  it('is 0600 with its companions, whatever the umask', async () => {
    const path = newPath();
    const before = process.umask(0);
    try {
      const store = await openSqliteStore({ path, create: true });
      await store.commit(put('a', 1));
      for (const name of [path, `${path}-wal`, `${path}-shm`]) expect((await stat(name)).mode & 0o777).toBe(0o600);
      await store.close();
    } finally {
      process.umask(before);
    }
  });

  it('is a WAL database with incremental vacuum, our application id and our format version', async () => {
    const path = await oneEntry();
    expect(pragma(path, 'journal_mode')).toBe('wal');
    expect(pragma(path, 'auto_vacuum')).toBe(2);
    expect(pragma(path, 'application_id')).toBe(0x6a6f696e);
    expect(pragma(path, 'user_version')).toBe(1);
  });

  it('keeps everything over a close', async () => {
    const store = await opening(await oneEntry());
    expect((await store.get('a'))?.value).toBe(1);
    expect((await store.auditRecords(0, 9)).map((record) => parseAuditRecord(record.bytes).subject)).toEqual(['a']);
    await store.close();
  });

  it('is never made over another file', async () => {
    await expect(openSqliteStore({ path: await oneEntry(), create: true })).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
  });

  it('is not made where there is no directory', async () => {
    await expect(openSqliteStore({ path: join(directory, 'none', 'x.db'), create: true })).rejects.toMatchObject({
      code: 'ERR_FILE_NOT_FOUND',
    });
  });

  it('is refused when it is not there', async () => {
    await expect(opening(newPath())).rejects.toMatchObject({ code: 'ERR_REALM_NOT_FOUND', hint: expect.stringContaining('joinery init') });
  });

  it('is refused when others can read it', async () => {
    const path = await oneEntry();
    await chmod(path, 0o640);
    await expect(openingHere(path)).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS', message: expect.stringContaining('found 0640') });
  });

  it('is refused as a symbolic link and as a directory', async () => {
    const link = newPath();
    await symlink(await oneEntry(), link);
    await expect(openingHere(link)).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS', message: expect.stringContaining('a symbolic link') });
    await expect(openingHere(directory)).rejects.toMatchObject({
      code: 'ERR_FILE_ACCESS',
      message: expect.stringContaining('something else'),
    });
  });

  it.each([
    ['text', (path: string) => writeFile(path, 'hello, this is no database at all'.repeat(100), { mode: 0o600 })],
    ['nothing', (path: string) => writeFile(path, '', { mode: 0o600 })],
  ])('is refused when it holds %s', async (_, make) => {
    const path = newPath();
    await make(path);
    await expect(openingHere(path)).rejects.toMatchObject({ code: 'ERR_REALM_MALFORMED' });
  });

  it("is refused when it is another application's, or somebody planted a trigger", async () => {
    const foreign = newPath();
    await writeFile(foreign, '', { mode: 0o600 });
    const db = new DatabaseSync(foreign);
    db.exec('CREATE TABLE t (x)');
    db.close();
    await expect(openingHere(foreign)).rejects.toMatchObject({
      code: 'ERR_REALM_MALFORMED',
      message: expect.stringContaining('another application'),
    });
    const planted = await oneEntry();
    const edit = new DatabaseSync(planted);
    edit.exec('CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM audit WHERE seq = NEW.seq; END');
    edit.close();
    await expect(openingHere(planted)).rejects.toMatchObject({
      code: 'ERR_REALM_MALFORMED',
      message: expect.stringContaining('other tables'),
    });
  });

  it('is refused when pages of it are damaged', async () => {
    const path = await oneEntry();
    await truncate(path, 4096 * 2);
    await expect(openingHere(path)).rejects.toMatchObject({ code: 'ERR_REALM_MALFORMED', hint: expect.stringContaining('realm restore') });
  });

  it('leaves nothing when it cannot be made whole', () => {
    const path = newPath();
    const broken = { ...STORE_FORMAT, schema: [...STORE_FORMAT.schema, 'CREATE TABLE'] };
    expect(() => createDatabase(path, broken, 100)).toThrow(expect.objectContaining({ code: 'ERR_FILE_ACCESS' }));
    for (const name of [path, `${path}-wal`, `${path}-shm`]) expect(existsSync(name)).toBe(false);
  });

  it('is refused as tampered with, not as a bug, when a row holds what joinery never writes', async () => {
    const path = await oneEntry();
    const edit = new DatabaseSync(path);
    edit.exec("UPDATE entries SET value = '{oops'; INSERT INTO audit VALUES (9223372036854775807, x'00', x'00')");
    edit.close();
    const store = await opening(path);
    const refusal = { code: 'ERR_REALM_MALFORMED', message: expect.stringContaining(path) };
    await expect(store.get('a')).rejects.toMatchObject(refusal);
    await expect(store.list('')).rejects.toMatchObject(refusal);
    await expect(store.auditRecords(0, 9)).rejects.toMatchObject(refusal);
    await store.close();
  });

  it('is refused with a hint when it is older or newer than this release', async () => {
    const path = await oneEntry();
    await expect(openingHere(path, NEXT_FORMAT)).rejects.toMatchObject({
      code: 'ERR_REALM_VERSION',
      hint: 'run joinery realm upgrade',
      details: { found: 1, expected: 2 },
    });
    await sqliteEngine({ format: NEXT_FORMAT }).upgrade(path, testEvent('upgrade'));
    await expect(openingHere(path)).rejects.toMatchObject({ code: 'ERR_REALM_VERSION', hint: expect.stringContaining('later one') });
    await expect(sqliteEngine().upgrade(path, testEvent('down'))).rejects.toMatchObject({ code: 'ERR_REALM_VERSION' });
  });
});

describe('locks and full disks', () => {
  it('undoes one bad commit of a group and keeps the others', () => {
    const path = newPath();
    const engine = new SqliteEngine(path, createDatabase(path, STORE_FORMAT, 100));
    const commit = (key: string, event: string) => ({
      checks: [],
      writes: [{ key, text: '1' }],
      audit: [testEvent(key), testEvent(key, { event })],
    });
    const outcomes = engine.commitAll([commit('a', 'realm.create'), commit('b', 'NONE'), commit('c', 'realm.create')]);
    expect(outcomes).toMatchObject([{ audit: [0, 1] }, { error: { code: 'ERR_INPUT_MALFORMED' } }, { audit: [2, 3] }]);
    expect(engine.list('', '', 9).map((entry) => [entry.key, entry.version])).toEqual([
      ['a', 1],
      ['c', 2],
    ]);
    expect(engine.commitAll([{ checks: [{ key: 'a', version: 9 }], writes: [], audit: [] }])).toEqual([{ conflict: 'a' }]);
    expect(engine.changes(2)).toEqual({ version: 2, auditSize: 4, keys: [] });
    engine.close();
  });

  it('tells a lock that was held too long', () => {
    const path = newPath();
    const holder = createDatabase(path, STORE_FORMAT, 100);
    const engine = new SqliteEngine(path, openDatabase(path, STORE_FORMAT, 10));
    holder.exec('BEGIN IMMEDIATE');
    expect(() => engine.commitAll([])).toThrow(expect.objectContaining({ code: 'ERR_STORE_BUSY' }));
    holder.close();
    engine.close();
  });

  it('waits for another process, and gives up with ERR_STORE_BUSY', async () => {
    const path = await oneEntry();
    const store = await openSqliteStore({ path, busyTimeoutMs: 100 });
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.commit(put('b', 1))).rejects.toMatchObject({ code: 'ERR_STORE_BUSY', hint: 'run the command again' });
    expect((await store.get('a'))?.value).toBe(1);
    other.exec('COMMIT');
    expect((await store.commit(put('b', 1))).ok).toBe(true);
    other.close();
    await store.close();
  });

  it('fails every commit of a group on a full disk, writes nothing half, and goes on', () => {
    const path = newPath();
    const db = createDatabase(path, STORE_FORMAT, 100);
    const engine = new SqliteEngine(path, db);
    const commit = (key: string, length: number) => ({
      checks: [],
      writes: [{ key, text: JSON.stringify('x'.repeat(length)) }],
      audit: [testEvent(key)],
    });
    engine.commitAll([commit('a', 1)]);
    db.exec(`PRAGMA max_page_count = ${(db.prepare('PRAGMA page_count').get() as { page_count: number }).page_count + 2}`);
    expect(() => engine.commitAll([commit('b', 1), commit('c', 100_000)])).toThrow(expect.objectContaining({ code: 'ERR_FILE_DISK_FULL' }));
    expect(engine.get('b')).toBeUndefined();
    expect(engine.auditSize()).toBe(1);
    db.exec('PRAGMA max_page_count = 1000000');
    expect(engine.commitAll([commit('b', 1)])).toEqual([{ audit: [1] }]);
    engine.close();
  });

  it('reports other errors of SQLite by number, and a bug as a bug', () => {
    const path = newPath();
    const db = createDatabase(path, STORE_FORMAT, 100);
    const engine = new SqliteEngine(path, db);
    db.exec('PRAGMA query_only = ON');
    expect(() => engine.commitAll([{ checks: [], writes: [{ key: 'a', text: '1' }], audit: [] }])).toThrow(
      expect.objectContaining({ code: 'ERR_FILE_ACCESS', message: expect.stringContaining('SQLite error 8') }),
    );
    const bug = { checks: [], writes: [{ key: 'a', text: {} as string }], audit: [] };
    db.exec('PRAGMA query_only = OFF');
    expect(() => engine.commitAll([bug])).toThrow(TypeError);
    expect(engine.get('a')).toBeUndefined();
    engine.close();
  });
});

describe('housekeeping', () => {
  it('forgets deletions after many writes, and no sooner', () => {
    const path = newPath();
    const db = createDatabase(path, STORE_FORMAT, 100);
    const engine = new SqliteEngine(path, db);
    const tombstones = (): unknown => db.prepare('SELECT count(*) AS n FROM entries WHERE value IS NULL').get();
    engine.commitAll([{ checks: [], writes: [{ key: 'old', text: null }], audit: [] }]);
    db.exec("INSERT INTO entries (version, key, value) VALUES (100000, 'far', '1')");
    const more = Array.from({ length: 1500 }, (_, index) => ({ key: `k${index}`, text: '1' }));
    engine.commitAll([{ checks: [], writes: more.slice(0, 100), audit: [] }]);
    expect(tombstones()).toEqual({ n: 1 });
    engine.commitAll([{ checks: [], writes: more.slice(100), audit: [] }]);
    expect(tombstones()).toEqual({ n: 0 });
    engine.close();
  });
});

describe('watching another process', () => {
  it('hears of its writes, its deletes and its audit records', async () => {
    const path = await oneEntry();
    const [watcher, writer] = [await opening(path), await opening(path)];
    const seen: string[] = [];
    const stop = watcher.watch('', (keys) => seen.push(...keys));
    const stopOther = watcher.watch('nothing/', () => seen.push('wrong'));
    await watcher.get('a');
    await writer.commit(put('b', 1));
    await writer.commit({ checks: [], writes: [{ key: 'a', delete: true }], audit: [] });
    await vi.waitFor(() => expect([...new Set(seen)].sort()).toEqual(['a', 'audit-log', 'b']), { timeout: 10_000 });
    stop();
    stopOther();
    const again: string[] = [];
    watcher.watch('c', (keys) => again.push(...keys));
    await watcher.get('a');
    await writer.commit(put('c', 1));
    await vi.waitFor(() => expect(again).toEqual(['c']), { timeout: 10_000 });
    await watcher.close();
    await writer.close();
  });
});

describe('state files for backup and upgrade', () => {
  it('are copied as they are between two commits, 0600, while they are in use', async () => {
    const path = await oneEntry();
    const store = await opening(path);
    await store.commit(put('b', 2));
    const copy = newPath();
    await sqliteEngine().copy(path, copy);
    await store.commit(put('c', 3));
    expect((await stat(copy)).mode & 0o777).toBe(0o600);
    const copied = await sqliteEngine().open(copy);
    expect((await copied.list('')).map((entry) => entry.key)).toEqual(['a', 'b']);
    expect(await copied.auditSize()).toBe(2);
    await copied.close();
    expect(pragma(copy, 'auto_vacuum')).toBe(2);
    await expect(sqliteEngine().copy(path, copy)).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
    await store.close();
  });

  it('tell their format', async () => {
    const path = await oneEntry();
    expect(await sqliteEngine().formatOf(path)).toEqual({ found: 1, current: 1 });
    expect(await sqliteEngine({ format: NEXT_FORMAT }).formatOf(path)).toEqual({ found: 1, current: 2 });
  });

  it('are upgraded with their audit record in one step, once', async () => {
    const path = await oneEntry();
    const engine = sqliteEngine({ format: NEXT_FORMAT });
    expect(upgradeDatabase(path, NEXT_FORMAT, 100, testEvent('up', { event: 'realm.upgrade' }))).toBe(1);
    expect(await engine.upgrade(path, testEvent('again'))).toBe(2);
    const store = await engine.open(path);
    const records = await store.auditRecords(0, 9);
    expect(records.map((record) => parseAuditRecord(record.bytes).event)).toEqual(['realm.create', 'realm.upgrade']);
    expect((await store.get('a'))?.value).toBe(1);
    await store.close();
  });

  it.each([
    ['a migration is missing', { ...NEXT_FORMAT, migrations: [] }, 'ERR_REALM_VERSION'],
    ['a migration does not lead to the format', { ...NEXT_FORMAT, migrations: [{ from: 1, sql: [] }] }, 'ERR_REALM_MALFORMED'],
    ['a migration fails', { ...NEXT_FORMAT, migrations: [{ from: 1, sql: ['CREATE TABLE audit (x)'] }] }, 'ERR_FILE_ACCESS'],
  ])('are left as they were when %s', async (_, format, code) => {
    const path = await oneEntry();
    expect(() => upgradeDatabase(path, format, 100, testEvent('up'))).toThrow(expect.objectContaining({ code }));
    const store = await opening(path);
    expect(await store.auditSize()).toBe(1);
    await store.close();
  });
});

describe('the two threads', () => {
  it('carry errors with code, hint and details', () => {
    const service = new StoreService();
    const reply = service.answer({ id: 7, request: { op: 'formatOf', path: newPath(), timeoutMs: 1 } });
    expect(reply).toMatchObject({ id: 7, error: { code: 'ERR_REALM_NOT_FOUND', hint: expect.any(String) } });
    expect(fromPlainError(plainError(new TypeError('x')))).toMatchObject({
      code: 'ERR_INTERNAL',
      message: 'TypeError: x',
      hint: undefined,
    });
  });

  it('answer every request over one open file', async () => {
    const service = new StoreService();
    const path = newPath();
    const ask = (request: Parameters<StoreService['answer']>[0]['request']): unknown => service.answer({ id: 1, request });
    const ok = (value: unknown): unknown => ({ id: 1, value });
    expect(ask({ op: 'open', path, create: true, format: STORE_FORMAT, timeoutMs: 100 })).toEqual(ok(undefined));
    const commits = [{ checks: [], writes: [{ key: 'a', text: '1' }], audit: [testEvent('a')] }];
    expect(ask({ op: 'commit', commits })).toEqual(ok([{ audit: [0] }]));
    expect(ask({ op: 'get', key: 'a' })).toEqual(ok(expect.objectContaining({ text: '1', version: 1 })));
    expect(ask({ op: 'list', prefix: '', after: '', limit: 9 })).toEqual(ok([expect.objectContaining({ key: 'a' })]));
    expect(ask({ op: 'auditSize' })).toEqual(ok(1));
    expect(ask({ op: 'auditRecords', from: 0, limit: 9 })).toEqual(ok([expect.objectContaining({ seq: 0 })]));
    expect(ask({ op: 'changes', since: 0 })).toEqual(ok({ version: 1, auditSize: 1, keys: ['a'] }));
    expect(ask({ op: 'copy', from: path, to: `${path}.copy`, timeoutMs: 100 })).toEqual(ok(undefined));
    expect(ask({ op: 'upgrade', path: `${path}.copy`, format: STORE_FORMAT, timeoutMs: 100, event: testEvent('x') })).toEqual(ok(1));
    expect(ask({ op: 'close' })).toEqual(ok(undefined));
    expect(ask({ op: 'open', path, create: false, format: STORE_FORMAT, timeoutMs: 100 })).toEqual(ok(undefined));
    expect(ask({ op: 'close' })).toEqual(ok(undefined));
    expect(ask({ op: 'close' })).toEqual(ok(undefined));
    expect((await readFile(path)).subarray(0, 15).toString()).toBe('SQLite format 3');
  });
});
