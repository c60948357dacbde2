/** No command pays for a module that it does not use: the list of what is really loaded, by the built program. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-modules-'));
  expect(
    run('init', '--environment', 'lab', '--domain', 'lab.example', '--cluster', 'prod', '--roles', 'worker', '--insecure-plaintext-keys')
      .exit,
  ).toBe(0);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function run(...argv: string[]): { exit: number | null; modules: string[]; stderr: string } {
  const list = join(directory, 'modules');
  writeFileSync(list, '');
  const child = spawnSync(
    process.execPath,
    ['--import', join(root, 'test/feature/log-modules.mjs'), join(root, 'test/feature/unbundled.mjs'), ...argv],
    {
      cwd: directory,
      env: { PATH: '/usr/bin:/bin', HOME: directory, JOINERY_TEST_MODULES: list },
      encoding: 'utf8',
    },
  );
  return {
    exit: child.status,
    modules: readFileSync(list, 'utf8')
      .split('\n')
      .filter((line) => line !== ''),
    stderr: child.stderr,
  };
}

/** What no light command may load: X.509 libraries, questions, spinners, servers. */
const HEAVY =
  /node_modules\/(@peculiar|reflect-metadata|tsyringe|asn1js|inquirer|@inquirer|ora|node-forge|@connectrpc|pino|prom-client)\/|dist\/server\/|node:http2?$/;

test.each([
  ['--version', ['--version']],
  ['token mint', ['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--reveal']],
  ['token --help', ['token', '--help']],
])('%s loads no X.509 library, no prompt, no spinner and no server', (_name, argv) => {
  const { exit, modules, stderr } = run(...argv);
  expect([exit, stderr.includes('error')]).toEqual([0, false]);
  expect(modules.length).toBeGreaterThan(10);
  expect(modules.filter((url) => HEAVY.test(url))).toEqual([]);
});

test('--version and help load no command at all', () => {
  for (const argv of [['--version'], ['--help'], ['token', 'mint', '--help']]) {
    expect(run(...argv).modules.filter((url) => /dist\/(commands|app|adapters)\//.test(url))).toEqual([]);
  }
});

test('the test sees a heavy module where one is used', () => {
  const { exit, modules } = run('ca', 'create', 'root');
  expect(exit).toBe(0);
  expect(modules.some((url) => HEAVY.test(url))).toBe(true);
});
