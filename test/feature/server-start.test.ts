/** `server start` unattended: where its passphrase comes from, what it refuses, and a realm without offline keys. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openServerRealm } from '../../src/cli/server-realm.ts';
import { Secret } from '../../src/core/secret.ts';
import { joineryCommand } from '../fakes/joinery-command.ts';
import { clientOf, newNode, startProcess, type TestRealm, testRealm } from './server-world.ts';

const passphrases = { offline: 'correct horse battery offline', online: 'correct horse battery online' };

let realm: TestRealm;
let exported: TestRealm;
beforeAll(async () => {
  realm = await testRealm(passphrases);
  const directory = join(realm.directory, 'for-server');
  const { status, stdout } = await run(['realm', 'export', '--online', '--out', directory, '--json']);
  expect([status, stdout]).toEqual([0, expect.any(String)]);
  exported = { ...realm, directory };
});
afterAll(() => realm.remove());

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
}

function run(argv: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const [program, ...first] = joineryCommand('sources');
    const child = spawn(program, [...first, ...argv], {
      cwd: realm.directory,
      env: { PATH: process.env['PATH'], HOME: realm.directory, JOINERY_REALM: realm.directory, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.on('exit', (status) => resolve({ status, stdout }));
  });
}

it.each([
  ['opens the offline keys', passphrases.offline, 'ERR_SERVER_PASSPHRASE', 4],
  ['opens nothing', 'a passphrase of somebody else', 'ERR_KEY_PASSPHRASE', 4],
])('refuses a passphrase that %s', async (_what, passphrase, code, exit) => {
  const { status, stdout } = await run(['server', 'start', '--json'], { JOINERY_ONLINE_PASSPHRASE: passphrase });
  expect([status, (JSON.parse(stdout) as { error: { code: string } }).error.code]).toEqual([exit, code]);
});

it('starts on a realm without offline keys, with the credential of systemd, and lets a node in', async () => {
  const credentials = join(realm.directory, 'credentials');
  mkdirSync(credentials, { mode: 0o700 });
  writeFileSync(join(credentials, 'joinery-online-passphrase'), `${passphrases.online}\n`, { mode: 0o600 });
  const token = await realm.mint('--node', 'n1');
  const argv: readonly [string, ...string[]] = [...joineryCommand('sources'), 'server', 'start', '--realm', exported.directory, '--json'];
  const server = await startProcess(argv, exported, { CREDENTIALS_DIRECTORY: credentials });
  const client = clientOf(exported, server);
  const { csr } = await newNode();
  expect((await client.join({ token, csr })).node_id).toBe('n1');
  await client.close();
  await server.stop();
  const list = await run(['audit', 'list', '--json'], { JOINERY_REALM: exported.directory });
  const { records } = (JSON.parse(list.stdout) as { data: { records: { event: string }[] } }).data;
  expect(records.map(({ event }) => event)).toEqual(expect.arrayContaining(['realm.export', 'join.accept', 'audit.checkpoint']));
  expect(readFileSync(join(exported.directory, 'joinery.yaml'), 'utf8')).toBe(readFileSync(join(realm.directory, 'joinery.yaml'), 'utf8'));
});

it('says what is wrong with an address', async () => {
  const env = { JOINERY_REALM: exported.directory, JOINERY_ONLINE_PASSPHRASE: passphrases.online };
  const { status, stdout } = await run(['server', 'start', '--listen', 'nowhere', '--json'], env);
  expect([status, (JSON.parse(stdout) as { error: { code: string } }).error.code]).toEqual([3, 'ERR_CONFIG_MALFORMED']);
});

it('opens online keys alone, also in a service', async () => {
  const open = (directory: string, passphrase?: string) =>
    openServerRealm({
      directory,
      passphrase: () => Promise.resolve(passphrase === undefined ? undefined : new Secret(passphrase)),
      warn: () => undefined,
    });
  await expect(open(realm.directory, passphrases.offline)).rejects.toMatchObject({ code: 'ERR_SERVER_PASSPHRASE' });
  await expect(open(realm.directory)).rejects.toMatchObject({ code: 'ERR_KEY_PASSPHRASE' });
  await expect(open(realm.directory, 'a passphrase of somebody else')).rejects.toMatchObject({ code: 'ERR_KEY_PASSPHRASE' });
  const { vault, store } = await open(realm.directory, passphrases.online);
  await expect(vault.prove('offline')).rejects.toMatchObject({ code: 'ERR_KEY_NOT_FOUND' });
  await store.close();
  const without = await open(exported.directory, passphrases.online);
  await expect(without.vault.prove('offline')).rejects.toMatchObject({ code: 'ERR_KEY_NOT_FOUND' });
  await without.store.close();
});
