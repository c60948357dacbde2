import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { openSqliteStore, sqliteEngine } from '../../src/adapters/sqlite-store.ts';
import { exportOnline } from '../../src/app/export-online.ts';
import { commit, type Realm } from '../../src/app/realm.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { auditEvents } from '../fakes/join-realm.ts';
import { fakeClock } from '../fakes/clock.ts';

const config = parseRealmConfig(
  { schema: 'joinery/realm-config/1', environment: { name: 'lab', domain: 'lab.example' }, trust_domain: 'lab.example', clusters: [] },
  'test',
);
let home: string;
let realm: Realm;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'joinery-online-'));
  const directory = join(home, 'realm');
  for (const path of ['keys/offline', 'keys/online', 'ca', 'policies']) mkdirSync(join(directory, path), { recursive: true });
  for (const path of [
    'keys/offline/root-1.key',
    'keys/online/issuing-1.key',
    'keys/online/audit-1.key',
    'ca/root.crt',
    'policies/prod.yaml',
    'joinery.yaml',
  ])
    writeFileSync(join(directory, path), path);
  const store = await openSqliteStore({ path: join(directory, 'state.db'), create: true });
  const unused = undefined as never;
  const ports = { vault: unused, random: unused, verifySignature: unused, verifyJws: unused, certificates: unused };
  const caller = { actor: { name: 'alice', verified: false }, correlationId: 'c-1' };
  realm = { ...ports, directory, config, store, files: systemFiles, clock: fakeClock(), caller };
  const value = { schema: 'joinery/realm/1', realm_id: 'r-1', created_at: 1, plaintext_keys: false };
  await commit(store, { checks: [], writes: [{ key: 'realm', value }], audit: [] });
});
afterEach(async () => {
  await realm.store.close();
  rmSync(home, { recursive: true });
});

it('copies everything but the offline keys, and both realms record it', async () => {
  const out = join(home, 'server');
  expect(await exportOnline(realm, sqliteEngine(), out)).toEqual({ directory: out, realmId: 'r-1', onlineKeys: 2, offlineKeys: 1 });
  expect(readdirSync(out).sort()).toEqual(['ca', 'joinery.yaml', 'keys', 'policies', 'state.db']);
  expect([readdirSync(join(out, 'keys/offline')), readdirSync(join(out, 'keys/online'))]).toEqual([[], ['audit-1.key', 'issuing-1.key']]);
  for (const path of ['', 'keys', 'keys/online']) expect(statSync(join(out, path)).mode & 0o777).toBe(0o700);
  for (const path of ['state.db', 'keys/online/audit-1.key', 'joinery.yaml']) expect(statSync(join(out, path)).mode & 0o777).toBe(0o600);
  const copy = await openSqliteStore({ path: join(out, 'state.db') });
  for (const store of [realm.store, copy]) expect((await auditEvents({ store })).map(({ event }) => event)).toEqual(['realm.export']);
  expect((await copy.get('realm'))?.value).toMatchObject({ realm_id: 'r-1' });
  await copy.close();
});

it('writes into nothing that is there, nothing inside the realm, and nothing that no server could use', async () => {
  await expect(exportOnline(realm, sqliteEngine(), home)).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
  await expect(exportOnline(realm, sqliteEngine(), join(realm.directory, 'ca/out'))).rejects.toMatchObject({ code: 'ERR_USAGE' });
  expect(existsSync(join(realm.directory, 'ca/out'))).toBe(false);
  rmSync(join(realm.directory, 'keys/online'), { recursive: true });
  await expect(exportOnline(realm, sqliteEngine(), join(home, 'server'))).rejects.toMatchObject({ code: 'ERR_KEY_NOT_FOUND' });
  expect(existsSync(join(home, 'server'))).toBe(false);
});
