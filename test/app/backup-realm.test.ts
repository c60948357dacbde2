import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { STORE_FORMAT } from '../../src/adapters/sqlite-format.ts';
import { openSqliteStore, sqliteEngine } from '../../src/adapters/sqlite-store.ts';
import { backupRealm } from '../../src/app/backup-realm.ts';
import { auditEvent, commit, type Realm } from '../../src/app/realm.ts';
import { backupAge, restoreRealm } from '../../src/app/restore-realm.ts';
import { appendRevocations } from '../../src/app/revocation-log.ts';
import { revocationsSince } from '../../src/app/revocations.ts';
import { upgradeRealm } from '../../src/app/upgrade-realm.ts';
import { parseAuditRecord } from '../../src/core/audit/record.ts';
import { sha256 } from '../../src/core/digest.ts';
import { toHex } from '../../src/core/encoding.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { backupFile, backupManifestBytes, parseBackupManifest } from '../../src/core/realm/backup.ts';
import type { Store } from '../../src/core/ports.ts';
import { fakeClock } from '../fakes/clock.ts';

const base = await mkdtemp(join(tmpdir(), 'joinery-backup-'));
afterAll(() => rm(base, { recursive: true }));

const domain = 'lab.example.internal';
const config = parseRealmConfig(
  { schema: 'joinery/realm-config/1', environment: { name: 'lab', domain }, trust_domain: domain, clusters: [] },
  'test',
);
const engine = sqliteEngine();
const NEXT = {
  version: 2,
  schema: [...STORE_FORMAT.schema, 'CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT'],
  migrations: [{ from: 1, sql: ['CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT'] }],
};

let count = 0;
let home: string;
let realm: Realm & { clock: ReturnType<typeof fakeClock> };
beforeEach(async () => {
  home = join(base, `${count++}`);
  const directory = join(home, 'realm');
  await mkdir(join(directory, 'keys', 'offline'), { recursive: true });
  await mkdir(join(directory, 'ca'));
  await writeFile(join(directory, 'keys', 'offline', 'root-1.key'), 'encrypted');
  await writeFile(join(directory, 'ca', 'root.crt'), 'certificate');
  await writeFile(join(directory, 'joinery.yaml'), 'schema: x');
  const store = await openSqliteStore({ path: join(directory, 'state.db'), create: true });
  const unused = undefined as never;
  const ports = { vault: unused, random: unused, verifySignature: unused, verifyJws: unused, certificates: unused };
  const caller = { actor: { name: 'alice', verified: false }, correlationId: 'c-1' };
  realm = { ...ports, directory, config, store, files: systemFiles, clock: fakeClock(), caller };
  const value = { schema: 'joinery/realm/1', realm_id: 'r-1', created_at: 1, plaintext_keys: false };
  const audit = [auditEvent(realm, { event: 'realm.create', subject: 'r-1' })];
  await commit(store, { checks: [], writes: [{ key: 'realm', value }], audit });
  return () => store.close();
});

const restore = (backup: string, to: string, stores = engine) => restoreRealm(realm, stores, { backup, to, config });
const events = async (store: Store): Promise<string[]> =>
  (await store.auditRecords(0, 99)).map((record) => parseAuditRecord(record.bytes).event);

describe('a backup', () => {
  it('holds the realm and nothing else, 0600, and its digest is in the audit log', async () => {
    const out = join(home, 'backup');
    await writeFile(join(realm.directory, 'notes.txt'), 'mine');
    const result = await backupRealm(realm, engine, out);
    expect(result).toMatchObject({ directory: out, files: 4, auditSize: 1 });
    const bytes = await readFile(join(out, 'backup.json'));
    expect(toHex(sha256(bytes))).toBe(result.digest);
    const manifest = parseBackupManifest(bytes, 'backup.json');
    expect(manifest.files.map(({ path }) => path)).toEqual(['state.db', 'joinery.yaml', 'keys/offline/root-1.key', 'ca/root.crt']);
    for (const { path } of manifest.files) expect((await stat(join(out, path))).mode & 0o777).toBe(0o600);
    const [, last] = await realm.store.auditRecords(0, 9);
    expect(parseAuditRecord(last?.bytes as Uint8Array)).toMatchObject({ event: 'realm.backup', details: { digest: result.digest } });
  });

  it('holds the policies of the realm, which come back readable as they were', async () => {
    await mkdir(join(realm.directory, 'policies'));
    await writeFile(join(realm.directory, 'policies', 'prod.yaml'), 'kind: JoinPolicy');
    const [out, to] = [join(home, 'backup'), join(home, 'new')];
    expect(await backupRealm(realm, engine, out)).toMatchObject({ files: 5 });
    await restore(out, to);
    expect(await readFile(join(to, 'policies', 'prod.yaml'), 'utf8')).toBe('kind: JoinPolicy');
    expect((await stat(join(to, 'policies', 'prod.yaml'))).mode & 0o777).toBe(0o644);
  });

  it('is never written over another', async () => {
    await backupRealm(realm, engine, join(home, 'backup'));
    await expect(backupRealm(realm, engine, join(home, 'backup'))).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
  });

  it('is refused among the keys, where it would copy itself', async () => {
    const out = join(realm.directory, 'keys', 'offline', 'backup');
    await expect(backupRealm(realm, engine, out)).rejects.toMatchObject({ code: 'ERR_USAGE', message: expect.stringContaining(out) });
    expect(await systemFiles.stat(out)).toBeUndefined();
    const elsewhere = join(realm.directory, 'backup');
    expect((await backupRealm(realm, engine, elsewhere)).directory).toBe(elsewhere);
  });

  it('refuses what is no file of a realm, and leaves no manifest', async () => {
    await symlink('/etc/passwd', join(realm.directory, 'keys', 'link.key'));
    await expect(backupRealm(realm, engine, join(home, 'a'))).rejects.toMatchObject({
      code: 'ERR_FILE_ACCESS',
      message: expect.stringContaining('found symlink'),
    });
    await expect(restore(join(home, 'a'), join(home, 'b'))).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
    await rm(join(realm.directory, 'keys', 'link.key'));
    await writeFile(join(realm.directory, 'ca', 'a b'), '');
    await expect(backupRealm(realm, engine, join(home, 'c'))).rejects.toMatchObject({
      message: expect.stringContaining('found another name'),
    });
  });
});

describe('a restore', () => {
  it('gives the realm back, and refuses every token of before', async () => {
    const [out, to] = [join(home, 'backup'), join(home, 'new')];
    await backupRealm(realm, engine, out);
    realm.clock.advance(3600);
    const result = await restore(out, to);
    const now = realm.clock.now();
    expect(result).toEqual({ realmId: 'r-1', backupCreatedAt: '2026-11-22T10:00:00Z', tokenNotBefore: now + 1 });
    expect(backupAge(result, now)).toBe(3600);
    expect(await readFile(join(to, 'keys', 'offline', 'root-1.key'), 'utf8')).toBe('encrypted');
    expect((await stat(join(to, 'keys', 'offline', 'root-1.key'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(to, 'joinery.yaml'))).mode & 0o777).toBe(0o644);
    expect((await stat(to)).mode & 0o777).toBe(0o700);
    const store = await engine.open(join(to, 'state.db'));
    expect((await store.get('realm'))?.value).toMatchObject({ realm_id: 'r-1', token_not_before: now + 1 });
    expect(await events(store)).toEqual(['realm.create', 'realm.restore']);
    await store.close();
  });

  it('lets nobody who followed the revocations miss those that come, however far he was', async () => {
    const revoke = async (store: Store, serial: string): Promise<void> => {
      const { checks, writes } = await appendRevocations(store, [{ serial, at: realm.clock.now(), reason: 'keyCompromise' }]);
      await commit(store, { checks, writes, audit: [] });
    };
    const heard: string[] = [];
    let since = 0;
    const follow = async (store: Store): Promise<void> => {
      const { revocations, next } = await revocationsSince({ store }, since);
      heard.push(...revocations.map(({ serial }) => serial));
      since = next;
    };
    await revoke(realm.store, 'a1');
    await backupRealm(realm, engine, join(home, 'backup'));
    for (const serial of ['b1', 'b2', 'b3']) await revoke(realm.store, serial);
    await follow(realm.store);
    // Twice from the same backup: the second time the first one's end is lost.
    for (const [to, serials] of [
      ['one', ['c1', 'c2']],
      ['two', ['d1']],
    ] as const) {
      realm.clock.advance(1);
      await restore(join(home, 'backup'), join(home, to));
      const store = await engine.open(join(home, to, 'state.db'));
      await follow(store);
      for (const serial of serials) await revoke(store, serial);
      await follow(store);
      await store.close();
    }
    expect(heard).toEqual(['a1', 'b1', 'b2', 'b3', 'c1', 'c2', 'd1']);
  });

  it('never lowers the watermark', async () => {
    const high = realm.clock.now() + 9999;
    const value = { schema: 'joinery/realm/1', realm_id: 'r-1', created_at: 1, plaintext_keys: false, token_not_before: high };
    await commit(realm.store, { checks: [], writes: [{ key: 'realm', value }], audit: [] });
    await backupRealm(realm, engine, join(home, 'backup'));
    await mkdir(join(home, 'empty'), { mode: 0o700 });
    expect((await restore(join(home, 'backup'), join(home, 'empty'))).tokenNotBefore).toBe(high);
  });

  it('upgrades the state of an older release', async () => {
    await backupRealm(realm, engine, join(home, 'backup'));
    const next = sqliteEngine({ format: NEXT });
    await restore(join(home, 'backup'), join(home, 'new'), next);
    const store = await next.open(join(home, 'new', 'state.db'));
    expect(await events(store)).toEqual(['realm.create', 'realm.upgrade', 'realm.restore']);
    await store.close();
  });

  it('refuses an existing realm, a file in the way, a clock behind, and a damaged backup, and writes nothing', async () => {
    const [out, to] = [join(home, 'backup'), join(home, 'new')];
    await backupRealm(realm, engine, out);
    await expect(restore(out, realm.directory)).rejects.toMatchObject({ code: 'ERR_REALM_EXISTS' });
    await expect(restore(out, join(realm.directory, 'joinery.yaml'))).rejects.toMatchObject({ code: 'ERR_REALM_EXISTS' });
    realm.clock.advance(-1);
    await expect(restore(out, to)).rejects.toMatchObject({ code: 'ERR_CLOCK_BEHIND' });
    realm.clock.advance(1);
    await writeFile(join(out, 'keys', 'offline', 'root-1.key'), 'Encrypted');
    await expect(restore(out, to)).rejects.toMatchObject({ code: 'ERR_BACKUP_DIGEST', details: { path: 'keys/offline/root-1.key' } });
    expect(await systemFiles.stat(to)).toBeUndefined();
  });

  it('refuses a state without the record of a realm', async () => {
    const out = join(home, 'backup');
    await backupRealm(realm, engine, out);
    const store = await engine.open(join(out, 'state.db'));
    await store.commit({ checks: [], writes: [{ key: 'realm', delete: true }], audit: [] });
    await store.close();
    const old = parseBackupManifest(await readFile(join(out, 'backup.json')), 'x');
    const state = backupFile('state.db', await readFile(join(out, 'state.db')));
    await writeFile(join(out, 'backup.json'), backupManifestBytes({ ...old, files: [state, ...old.files.slice(1)] }));
    await expect(restore(out, join(home, 'new'))).rejects.toMatchObject({ code: 'ERR_REALM_MALFORMED' });
  });
});

describe('the manifest of a backup', () => {
  const files = [backupFile('state.db', new Uint8Array(1)), backupFile('joinery.json', new Uint8Array(2))];
  const good = {
    schema: 'joinery/realm-backup/1',
    realm_id: 'r',
    created_at: '2026-11-22T10:00:00Z',
    format_version: 1,
    audit_size: 0,
    files,
  } as const;

  it('comes back', () => {
    expect(parseBackupManifest(backupManifestBytes(good), 'x')).toEqual(good);
  });

  it.each([
    ['a path that leads out', { files: [...files, { ...files[0], path: 'keys/../../x' }] }],
    ['an absolute path', { files: [...files, { ...files[0], path: '/etc/passwd' }] }],
    ['a hidden file', { files: [...files, { ...files[0], path: 'keys/.x' }] }],
    ['a path twice', { files: [...files, files[0]] }],
    ['no state', { files: [files[1], { ...files[1], path: 'ca/x' }] }],
    ['no configuration', { files: [files[0], { ...files[1], path: 'ca/x' }] }],
    ['a time that is none', { created_at: 'now' }],
  ])('is refused with %s', (_, change) => {
    expect(() => backupManifestBytes({ ...good, ...change } as never)).toThrow(expect.objectContaining({ code: 'ERR_BACKUP_MALFORMED' }));
  });
});

describe('an upgrade', () => {
  it('leaves a current state alone', async () => {
    expect(await upgradeRealm(realm, engine)).toEqual({ from: 1, to: 1, copy: undefined });
    expect(await events(realm.store)).toEqual(['realm.create']);
  });

  it('copies the state, then migrates it', async () => {
    const next = sqliteEngine({ format: NEXT });
    const { from, to, copy } = await upgradeRealm(realm, next);
    expect([from, to]).toEqual([1, 2]);
    const [old, now] = [await engine.open(copy as string), await next.open(join(realm.directory, 'state.db'))];
    expect([await events(old), await events(now)]).toEqual([['realm.create'], ['realm.create', 'realm.upgrade']]);
    await old.close();
    await now.close();
    await expect(upgradeRealm(realm, engine)).rejects.toMatchObject({ code: 'ERR_REALM_VERSION' });
  });
});
