/** Members of `data` are named in snake_case, as the claims of the standards are: by every command about tokens. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMANDS } from '../../src/command-table.ts';
import { runCli } from '../cli/harness.ts';
import { identity, LOCALHOST, type RunningServer, tlsServer } from '../fakes/tls-server.ts';

const directory = mkdtempSync(join(tmpdir(), 'joinery-token-data-'));
const realm = join(directory, 'realm');
const path = (name: string) => join(directory, name);
const root = identity({ name: 'root', ca: true, notAfter: '2040-01-01T00:00:00Z' });
const pins = ['--pin', root.certificate.pin];
let server: RunningServer;

beforeAll(async () => {
  server = await tlsServer(identity({ names: LOCALHOST, notAfter: '2040-01-01T00:00:00Z', issuer: root }), [root]);
  const config = ['--environment', 'lab', '--domain', 'lab.example', '--cluster', 'prod', '--roles', 'worker'];
  await runCli(['init', ...config, '--realm', realm, '--insecure-plaintext-keys']);
  writeFileSync(path('secret'), 's'.repeat(40));
  writeFileSync(path('node.pem'), generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Below these the names are the user's, or those of somebody else's document. */
const FOREIGN = new Set(['labels', 'header', 'unknown', 'trust']);

function namesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...(FOREIGN.has(name) ? [] : namesIn(inner))]);
}

const covered = new Set<string>();

async function dataOf(id: string, argv: readonly string[], stdin = ''): Promise<Record<string, unknown>> {
  covered.add(id);
  const result = await runCli([...id.split(':'), ...argv, '--json'], { stdin });
  expect([id, result.exit, result.stderr]).toEqual([id, 0, '']);
  const { data } = result.json();
  const names = namesIn(data);
  expect(names.length).toBeGreaterThan(0);
  expect(names.filter((name) => !/^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/.test(name))).toEqual([]);
  return data;
}

test('the data of every command about tokens', async () => {
  const inRealm = ['--realm', realm];
  const grant = ['--cluster', 'prod', '--role', 'worker'];
  await dataOf('token:keys:create', inRealm);
  await dataOf('token:keys:list', inRealm);
  await dataOf('token:keys:rotate', inRealm);
  await dataOf('token:keys:export', inRealm);
  const bindings = [
    '--node',
    'n1',
    '--allow-reentry',
    '--label',
    'rackRow=A7',
    '--url',
    'https://boot.example',
    '--bind-key',
    path('node.pem'),
  ];
  const minted = await dataOf('token:mint', [...inRealm, ...grant, ...bindings, ...pins, '--reveal']);
  const { id, token } = minted as { id: string; token: string };
  await dataOf('token:mint', [...inRealm, ...grant, '--count', '2', '--reveal']);
  await dataOf('token:mint', [...inRealm, ...grant, '--format', 'omnirelay', '--hmac-key-file', path('secret'), '--reveal']);
  await dataOf('token:verify', [...inRealm, '--token-file', '-', '--cluster', 'prod'], token);
  await dataOf('token:explain', ['--token-file', '-'], token);
  await dataOf('token:check-server', ['--token-file', '-', '--connect', `localhost:${server.port}`], token);
  await dataOf('token:list', inRealm);
  await dataOf('token:reissue', [id, ...inRealm, '--reveal']);
  await dataOf('token:revoke', [id, ...inRealm]);
  await dataOf('token:revoke', ['--all-for', 'n1', ...inRealm]);
  await dataOf('token:gc', inRealm);
  const key = ['--signing-key-file', path('secret'), '--cluster', 'prod', '--role', 'worker'];
  await dataOf('mesh:bootstrap:issue-token', [...key, '--reveal']);
  const all = Object.keys(COMMANDS).filter((command) => /^(?:token|mesh):/.test(command));
  // They need a server and a keychain: test/commands/node.test.ts and test/system/keychain.test.ts have one.
  expect(all.filter((command) => !covered.has(command))).toEqual(['mesh:bootstrap:join', 'token:keys:keychain']);
});
