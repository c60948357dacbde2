/** Whole processes, from start to exit, against bare Node. */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, milliseconds, processTime, type Row, times } from './measure.ts';

const start = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

const hooks = fileURLToPath(new URL('../feature/log-modules.mjs', import.meta.url));

/** What `npm run build:binary` makes; its rows are left out where it was not made. */
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
const executable = fileURLToPath(new URL(`../../dist/binary/joinery-${version}-${process.platform}-${process.arch}`, import.meta.url));

/** By GNU time, where it is installed. */
function peakMemory(command: string, argv: readonly string[], cwd: string): string {
  const { stderr, error } = spawnSync('/usr/bin/time', ['-f', '%M', command, ...argv], { cwd, encoding: 'utf8' });
  return error === undefined ? `, peak ${Math.round(Number(stderr) / 1024)} MiB` : '';
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

export const startup: Bench = {
  title: 'start-up (whole process, against bare node -e 0)',
  run() {
    const cwd = mkdtempSync(join(tmpdir(), 'joinery-bench-'));
    const env = { PATH: process.env['PATH'], HOME: cwd };
    const joinery = (runs: number, ...argv: string[]) => processTime(process.execPath, [start, ...argv], { cwd, env, runs });
    try {
      joinery(
        1,
        'init',
        '--environment',
        'bench',
        '--domain',
        'bench.example',
        '--cluster',
        'prod',
        '--roles',
        'worker',
        '--insecure-plaintext-keys',
      );
      const bare = processTime(process.execPath, ['-e', '0'], { env });
      writeFileSync(join(cwd, 'ci.pem'), generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }), {
        mode: 0o600,
      });
      const stateless = [
        'token',
        'mint',
        '--key-file',
        'ci.pem',
        '--issuer',
        'bench.example',
        '--cluster',
        'prod',
        '--role',
        'worker',
        '--reveal',
      ];
      const row = (what: string, ...argv: string[]): Row => {
        const time = joinery(15, ...argv);
        return { what, value: milliseconds(time), limit: milliseconds(bare), ratio: times(time / bare) };
      };
      const ofExecutable = (what: string, ...argv: string[]): Row => {
        const time = processTime(executable, argv, { cwd, env, runs: 15 });
        return {
          what: `executable: ${what}${peakMemory(executable, argv, cwd)}`,
          value: milliseconds(time),
          limit: milliseconds(bare),
          ratio: times(time / bare),
        };
      };
      return Promise.resolve([
        ...(existsSync(executable)
          ? [ofExecutable('joinery --version', '--version'), ofExecutable('joinery token mint (no realm, key file)', ...stateless)]
          : []),
        row('joinery --version', '--version'),
        row('joinery token mint --help', 'token', 'mint', '--help'),
        row('joinery token mint (no realm, key file)', ...stateless),
        row('joinery token mint (realm, plaintext key)', 'token', 'mint', '--cluster', 'prod', '--role', 'worker', '--reveal'),
        row('joinery audit verify', 'audit', 'verify'),
        ...modulesOf(stateless, cwd, env),
      ]);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  },
};
