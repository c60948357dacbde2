/** Whole processes, from start to exit, against bare Node. */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, milliseconds, processTimes, type Row, times } from './measure.ts';

const start = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

const hooks = fileURLToPath(new URL('../feature/log-modules.mjs', import.meta.url));

/** What `npm run build:binary` makes; its rows are left out where it was not made. */
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
const executable = fileURLToPath(new URL(`../../dist/binary/joinery-${version}-${process.platform}-${process.arch}`, import.meta.url));

/** By GNU time. */
function peakMemory(command: readonly string[], cwd: string): string {
  const { stderr, error } = spawnSync('/usr/bin/time', ['-f', '%M', ...command], { cwd, encoding: 'utf8' });
  return error === undefined
    ? `, peak ${Math.round(Number(stderr.trimEnd().split('\n').at(-1)) / 1024)} MiB`
    : ', peak: needs the Debian package time';
}

/** Every module that a command loads, as short names: files of joinery, packages, parts of Node. */
function modulesOf(argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Row[] {
  const list = join(cwd, 'modules');
  writeFileSync(list, '');
  spawnSync(process.execPath, ['--import', hooks, start, ...argv], { cwd, env: { ...env, JOINERY_TEST_MODULES: list } });
  const loaded = readFileSync(list, 'utf8').trimEnd().split('\n');
  const names = new Set(loaded.map((url) => url.replace(/^.*\/node_modules\//, '').replace(/^file:.*\/(dist|bin)\//, '$1/')));
  return [
    { what: 'joinery token mint without a realm: modules that it loads', value: String(names.size) },
    ...[...names].toSorted().map((name) => ({ what: `  ${name}`, value: '' })),
  ];
}

const ROUNDS = 25;

const STATELESS = 'token mint --key-file ci.pem --issuer bench.example --cluster prod --role worker --reveal'.split(' ');
const INIT = 'init --environment bench --domain bench.example --cluster prod --roles worker --insecure-plaintext-keys'.split(' ');

export const startup: Bench = {
  title: 'start-up (whole process, against bare node -e 0)',
  run() {
    const cwd = mkdtempSync(join(tmpdir(), 'joinery-bench-'));
    const env = { PATH: process.env['PATH'], HOME: cwd };
    const joinery = (...argv: string[]) => [process.execPath, start, ...argv];
    try {
      writeFileSync(join(cwd, 'ci.pem'), generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), {
        mode: 0o600,
      });
      writeFileSync(join(cwd, 'claims'), 'x'.repeat(300));
      // Once before: the realm is made, and the package keeps its compiled code.
      processTimes([joinery(...INIT), joinery('--version'), joinery(...STATELESS)], { cwd, env, rounds: 1 });
      const commands: [what: string, command: readonly string[]][] = [
        ['node -e 0', [process.execPath, '-e', '0']],
        ...(existsSync(executable)
          ? ([
              ['executable: joinery --version (goal 1.3)', [executable, '--version']],
              ['executable: joinery token mint, no realm, key file (goal 1.6)', [executable, ...STATELESS]],
            ] satisfies [string, string[]][])
          : []),
        ['joinery --version (goal 2.2)', joinery('--version')],
        ['joinery token mint, no realm, key file (goal 2.6)', joinery(...STATELESS)],
        ['joinery token mint --help', joinery('token', 'mint', '--help')],
        ['joinery token mint, realm, plaintext key', joinery('token', 'mint', '--cluster', 'prod', '--role', 'worker', '--reveal')],
        ['joinery audit verify', joinery('audit', 'verify')],
        ['openssl version', ['openssl', 'version']],
        ['openssl pkeyutl -sign, the same key, 300 bytes', 'openssl pkeyutl -sign -rawin -inkey ci.pem -in claims'.split(' ')],
      ];
      const found = processTimes(
        commands.map(([, command]) => command),
        { cwd, env, rounds: ROUNDS },
      );
      const bare = found[0] as number;
      const rows = commands.map(([what, command], number) => {
        const time = found[number] as number;
        return {
          what: `${what}${peakMemory(command, cwd)}`,
          value: milliseconds(time),
          limit: milliseconds(bare),
          ratio: times(time / bare),
        };
      });
      return Promise.resolve([...rows, ...modulesOf(STATELESS, cwd, env)]);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  },
};
