/** Whole processes, from start to exit, against bare Node. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bench, milliseconds, processTime, type Row, times } from './measure.ts';

const start = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

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
      const row = (what: string, ...argv: string[]): Row => {
        const time = joinery(15, ...argv);
        return { what, value: milliseconds(time), limit: milliseconds(bare), ratio: times(time / bare) };
      };
      return Promise.resolve([
        row('joinery --version', '--version'),
        row('joinery token mint --help', 'token', 'mint', '--help'),
        row('joinery token mint (realm, plaintext key)', 'token', 'mint', '--cluster', 'prod', '--role', 'worker', '--reveal'),
        row('joinery audit verify', 'audit', 'verify'),
      ]);
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  },
};
