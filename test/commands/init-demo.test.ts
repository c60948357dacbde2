import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../cli/harness.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-init-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const LAB = ['init', '--environment', 'lab', '--domain', 'lab.example'];

describe('init', () => {
  test('makes a realm in the current directory, with the first cluster, and says so when keys are plain', async () => {
    const result = await runCli([...LAB, '--cluster', 'prod', '--roles', 'worker,control-plane', '--insecure-plaintext-keys', '--json'], {
      cwd: directory,
    });
    expect(result.exit).toBe(0);
    expect(result.json()).toMatchObject({
      schema: 'joinery/init/1',
      ok: true,
      data: { directory, trust_domain: 'lab.example' },
      warnings: [expect.stringContaining('not encrypted')],
    });
    expect(readFileSync(join(directory, 'joinery.yaml'), 'utf8')).toContain(
      'name: prod\n    roles:\n      - worker\n      - control-plane\n',
    );
    expect(lstatSync(join(directory, 'state.db')).mode & 0o777).toBe(0o600);
    for (const name of readdirSync(join(directory, 'keys/offline')))
      expect(lstatSync(join(directory, 'keys/offline', name)).mode & 0o777).toBe(0o600);
  });

  test('encrypts keys under the two passphrases, and never says them', async () => {
    const env = {
      JOINERY_PASSPHRASE: 'offline offline',
      JOINERY_ONLINE_PASSPHRASE: 'online online',
      JOINERY_REALM: join(directory, 'r'),
      JOINERY_ACTOR: 'alice',
    };
    const result = await runCli([...LAB, '--trust-domain', 'td.example', '--verbose'], { env });
    expect([result.exit, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toContain('trust domain  td.example');
    const keys = readdirSync(join(directory, 'r/keys/online'));
    expect(readFileSync(join(directory, 'r/keys/online', keys[0] as string), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    const log = await runCli(['audit', 'list', '--realm', join(directory, 'r'), '--json']);
    expect(log.stdout).toContain('"alice"');
  });

  test.each([
    [['--correlation-id', 'a b'], '--correlation-id: expected'],
    [['--actor', 'x'.repeat(257)], '--actor: expected 1 to 256 characters'],
    [['--actor', ''], '--actor: expected 1 to 256 characters'],
    [['--realm', ''], '--realm: expected a directory'],
    [['--cluster', 'a/b', '--roles', 'x'], 'clusters[0].name'],
  ])('refuses %j and leaves nothing', async (flags, message) => {
    const result = await runCli([...LAB, ...flags, '--insecure-plaintext-keys'], { cwd: directory });
    expect([2, 3]).toContain(result.exit);
    expect(result.stderr).toContain(message);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a realm is found and refused', () => {
  test('by what is wrong with its state', async () => {
    await runCli([...LAB, '--insecure-plaintext-keys'], { cwd: directory });
    expect((await runCli(['ca', 'list'], { cwd: directory })).exit).toBe(0);
    expect((await runCli(['ca', 'list', '--realm', directory], { env: {} })).exit).toBe(0);
    writeFileSync(join(directory, 'state.db'), 'not a database', { mode: 0o600 });
    for (const name of ['state.db-wal', 'state.db-shm']) rmSync(join(directory, name), { force: true });
    const damaged = await runCli(['ca', 'list'], { cwd: directory });
    expect([damaged.exit, damaged.stderr]).toEqual([3, expect.stringContaining('ERR_REALM_MALFORMED')]);
    rmSync(join(directory, 'state.db'));
    expect((await runCli(['ca', 'list'], { cwd: directory })).exit).toBe(6);
  });
});

describe('demo', () => {
  test('walks the whole way and leaves nothing', async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith('joinery-demo-'));
    const result = await runCli(['demo'], { env: {} });
    expect([result.exit, result.stderr]).toEqual([0, '']);
    expect(result.stdout.match(/\u2714/g)).toHaveLength(14);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('joinery-demo-'))).toEqual(before);
  });

  test('keeps its directory when asked, where its commands go on to work', async () => {
    const result = await runCli(['demo', '--keep', '--json'], { env: {} });
    const kept = result.json().data['directory'] as string;
    try {
      expect((await runCli(['package', 'verify', join(kept, 'pkg')])).exit).toBe(0);
      expect(existsSync(join(kept, 'offline.pass'))).toBe(true);
    } finally {
      rmSync(kept, { recursive: true, force: true });
    }
  });
});
