/** No command pays for a module that it does not use: the list of what is really loaded, by the built program. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMANDS } from '../../src/command-table.ts';
import { staticModules } from './static-modules.ts';

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

/** One line for each room and command: what the command loads beyond what all of them do. */
test('what every command loads is as the golden file says', async () => {
  const loaded = new Map(
    Object.keys(COMMANDS).map((id) => [id, staticModules(join(root, 'dist'), `commands/${id.replaceAll(':', '/')}.js`)]),
  );
  const [first = new Set<string>(), ...others] = loaded.values();
  const common = new Set([...first].filter((name) => others.every((modules) => modules.has(name))));
  const text = [...loaded].map(([id, modules]) => `${id.replaceAll(':', ' ')}\n${lines([...modules].filter((name) => !common.has(name)))}`);
  await expect([`every command\n${lines([...common])}`, ...text].join('\n')).toMatchFileSnapshot('../golden/loaded-modules.txt');
});

function lines(names: readonly string[]): string {
  const groups = Object.groupBy(names, (name) => /^(?:node(?=:)|\.\/\w+(?=\/)|\.)/.exec(name)?.[0] ?? 'packages');
  const short = (group: string, name: string) => (name.startsWith(group) ? name.slice(group.length + 1) : name);
  return Object.entries(groups)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, members = []]) => `  ${group}: ${members.map((name) => short(group, name)).join(' ')}\n`)
    .join('');
}
