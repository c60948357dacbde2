/** Compiled code is kept where only the user can put it, or not at all. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const run = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
let home = '';

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'joinery-cache-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function version(env: NodeJS.ProcessEnv): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [run, '--version'], { env, encoding: 'utf8' });
  expect([status, stdout.startsWith('joinery/'), stderr]).toEqual([0, true, '']);
}

test('in a directory of its own that nobody else can read', () => {
  version({ HOME: home });
  expect(statSync(join(home, '.cache/joinery')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(home, '.cache/joinery'))).toHaveLength(1);
  version({ HOME: '/nonexistent', XDG_CACHE_HOME: join(home, 'cache') });
  expect(readdirSync(join(home, 'cache/joinery'))).toHaveLength(1);
});

test('not where others can write', () => {
  mkdirSync(join(home, 'joinery'));
  chmodSync(join(home, 'joinery'), 0o777);
  version({ HOME: home, XDG_CACHE_HOME: home });
  expect(readdirSync(join(home, 'joinery'))).toEqual([]);
});

test('not where others could put another directory in its place, and nothing is made there', () => {
  const shared = join(home, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  version({ HOME: join(shared, 'home') });
  expect(readdirSync(shared)).toEqual([]);
  mkdirSync(join(shared, 'cache/joinery'), { recursive: true, mode: 0o700 });
  version({ HOME: home, XDG_CACHE_HOME: join(shared, 'cache') });
  expect(readdirSync(join(shared, 'cache/joinery'))).toEqual([]);
  // As in the shared temporary directory: only the owner of a file renames it.
  chmodSync(shared, 0o1777);
  version({ HOME: home, XDG_CACHE_HOME: join(shared, 'cache') });
  expect(readdirSync(join(shared, 'cache/joinery'))).toHaveLength(1);
});

test('not behind a link', () => {
  mkdirSync(join(home, 'elsewhere'), { mode: 0o700 });
  symlinkSync('elsewhere', join(home, 'joinery'));
  version({ HOME: home, XDG_CACHE_HOME: home });
  expect(readdirSync(join(home, 'elsewhere'))).toEqual([]);
});

test.each<[string, NodeJS.ProcessEnv]>([
  ['without a home', {}],
  ['with a home that is no directory', { HOME: '/dev/null' }],
  ['with a relative one', { XDG_CACHE_HOME: 'relative-cache' }],
])('%s joinery runs all the same', (_name, env) => {
  version(env);
  expect(existsSync('relative-cache')).toBe(false);
});
