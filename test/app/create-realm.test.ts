import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { createRealm, type NewRealm } from '../../src/app/create-realm.ts';
import { keepOrDiscard } from '../../src/app/key-material.ts';
import { auditEvent, commit } from '../../src/app/realm.ts';
import { parseRealmRecord } from '../../src/app/realm-record.ts';
import { firstTokenKey } from '../../src/app/token-keys.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { KeyReference } from '../../src/core/key-ports.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { tokenRealm } from './token-realm.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-realm-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function setUp(path: string) {
  const store = memoryStore();
  const vault = fakeKeyVault();
  const ports: NewRealm = {
    ...(await tokenRealm()),
    files: systemFiles,
    directory: path,
    createStore: () => Promise.resolve(store),
    openVault: () => Promise.resolve(vault),
  };
  return { ports, store, vault };
}

const INPUT = { configText: 'schema: x\n', plaintextKeys: false, keys: [firstTokenKey] };
const failing = () => Promise.reject(new JoineryError('ERR_KEY_PASSPHRASE_WEAK', 'too short'));

test('a realm is made with its modes, its record, its keys and its first audit records', async () => {
  const path = join(directory, 'realm');
  const { ports, store, vault } = await setUp(path);
  const { realmId } = await createRealm(ports, INPUT);
  expect(readdirSync(path).sort()).toEqual(['ca', 'joinery.yaml', 'keys']);
  expect(
    [path, `${path}/keys`, `${path}/keys/offline`, `${path}/keys/online`, `${path}/ca`].map((at) => lstatSync(at).mode & 0o777),
  ).toEqual(Array(5).fill(0o700));
  expect(readFileSync(`${path}/joinery.yaml`, 'utf8')).toBe(INPUT.configText);
  expect(parseRealmRecord(store.dump()['realm'])).toMatchObject({ realm_id: realmId, plaintext_keys: false });
  expect(store.audit.map((record) => (JSON.parse(Buffer.from(record.bytes).toString()) as { event: string }).event)).toEqual([
    'realm.create',
    'token.key',
  ]);
  expect(vault.keys.size).toBe(1);
});

test('an existing directory is used when nothing of a realm is in it', async () => {
  writeFileSync(join(directory, 'notes.txt'), 'x');
  await createRealm((await setUp(directory)).ports, INPUT);
  expect(readdirSync(directory).sort()).toEqual(['ca', 'joinery.yaml', 'keys', 'notes.txt']);
});

test.each([
  ['joinery.yaml', 'choose another directory'],
  ['state.db', 'interrupted'],
])('a directory with %s is refused and left as it is', async (name, hint) => {
  writeFileSync(join(directory, name), 'x');
  await expect(createRealm((await setUp(directory)).ports, INPUT)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_REALM_EXISTS', hint: expect.stringContaining(hint) }),
  );
  expect(readdirSync(directory)).toEqual([name]);
});

test.each(['keys', 'commit', 'configuration', 'store'])('whatever fails (%s), nothing is left', async (what) => {
  const path = join(directory, 'realm');
  const { ports, store, vault } = await setUp(path);
  if (what === 'commit') store.beforeCommit = () => failing();
  const files = what === 'configuration' ? { ...ports.files, create: failing } : ports.files;
  const createStore = what === 'store' ? failing : ports.createStore;
  const keys = what === 'keys' ? [firstTokenKey, failing] : INPUT.keys;
  await expect(createRealm({ ...ports, files, createStore }, { ...INPUT, keys })).rejects.toThrow('too short');
  expect(readdirSync(directory)).toEqual([]);
  expect(vault.keys.size).toBe(0);
});

test('a lost race names the key that changed', async () => {
  const realm = await tokenRealm();
  await realm.store.commit({ checks: [], writes: [{ key: 'a', value: 1 }], audit: [] });
  const change = {
    checks: [{ key: 'a', version: 'absent' as const }],
    writes: [],
    audit: [auditEvent(realm, { event: 'realm.create', subject: 'x', result: 'refused', reason: 'y' })],
  };
  await expect(commit(realm.store, change)).rejects.toThrow(expect.objectContaining({ code: 'ERR_STORE_CONFLICT', details: { key: 'a' } }));
});

test('a realm without its record, or with a damaged one, is refused', () => {
  expect(() => parseRealmRecord(undefined)).toThrow(expect.objectContaining({ code: 'ERR_REALM_MALFORMED' }));
  expect(() => parseRealmRecord({ schema: 'joinery/realm/9' })).toThrow(expect.objectContaining({ code: 'ERR_REALM_MALFORMED' }));
});

test('keys are discarded after a refusal, and kept where the commit may have happened', async () => {
  const vault = fakeKeyVault();
  const made: KeyReference[] = [];
  for (const name of ['a', 'b', 'c']) made.push((await vault.generate({ name, type: 'p256', custody: 'offline' })).reference);
  expect(await keepOrDiscard(vault, made, () => Promise.resolve(1))).toBe(1);
  await expect(keepOrDiscard(vault, made.slice(0, 1), failing)).rejects.toThrow('too short');
  await expect(keepOrDiscard(vault, made.slice(1, 2), () => Promise.reject(new Error('worker died')))).rejects.toThrow('worker died');
  await expect(keepOrDiscard(vault, made.slice(2), () => Promise.reject(new JoineryError('ERR_INTERNAL', 'bug')))).rejects.toThrow('bug');
  expect(vault.keys.size).toBe(2);
});
