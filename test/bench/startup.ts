/** Whole processes, from start to exit, against bare Node. */
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, milliseconds, processTime, type Row, times } from './measure.ts';

const start = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

const hooks = fileURLToPath(new URL('../feature/log-modules.mjs', import.meta.url));

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
      return Promise.resolve([
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
