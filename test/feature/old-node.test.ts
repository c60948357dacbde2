/** `bin/run.js` on a Node.js that is too old: it runs the one that came with npm ci, or says in one sentence what to do. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let outer = '';
let directory = '';

beforeEach(() => {
  outer = mkdtempSync(join(tmpdir(), 'joinery-old-'));
  directory = join(outer, 'joinery');
  mkdirSync(join(directory, 'bin'), { recursive: true });
  cpSync(join(root, 'bin/run.js'), join(directory, 'bin/run.js'));
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
});
afterEach(() => rmSync(outer, { recursive: true, force: true }));

/** Words that run the start file in a process that says of itself that it is the given version. */
function wordsAs(version: string): string[] {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } }); Object.defineProperty(process, 'version', { value: 'v${version}' });`;
  return ['--import', `data:text/javascript,${encodeURIComponent(old)}`, join(directory, 'bin/run.js')];
}

const env = { PATH: '/usr/bin:/bin' };

function runAs(version: string, ...argv: string[]) {
  const child = spawnSync(process.execPath, [...wordsAs(version), ...argv], { encoding: 'utf8', env });
  return [child.status, child.stdout, child.stderr] as const;
}

function ownRuntime(place: string, script: string): void {
  const bin = join(directory, place);
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'node'), `#!/bin/sh\n${script}`, { mode: 0o755 });
}

test.each(['18.20.0', '20.20.2', '22.12.0', '24.14.9', '25.3.0'])('Node %s alone: one sentence, exit 2', (version) => {
  const [status, stdout, stderr] = runAs(version, 'ca', 'list');
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toBe(
    `error: expected Node.js 24.15 or newer (not 25), found v${version}; install a newer Node.js, or run joinery from a clone after npm ci, which brings its own\n`,
  );
});

test.each([
  ['in the clone', 'node_modules/.bin'],
  ['beside an installed package', '../.bin'],
])('with a runtime of its own, %s, that one runs, with the arguments and the exit status', (_name, place) => {
  ownRuntime(place, 'shift\necho "$JOINERY_RUNTIME $*"\nexit 4\n');
  expect(runAs('20.20.2', 'ca', 'list')).toEqual([4, 'own ca list\n', '']);
});

test.each<[NodeJS.Signals, string, unknown[]]>([
  ['SIGTERM', 'trap "echo ends; exit 5" TERM', [5, null, 'up\nends\n']],
  ['SIGHUP', 'trap "echo reads again; exit 0" HUP', [0, null, 'up\nreads again\n']],
  ['SIGTERM', '', [null, 'SIGTERM', 'up\n']],
])('%s reaches that runtime (%j), which is waited for', async (signal, trap, ended) => {
  ownRuntime('node_modules/.bin', `${trap}\necho up\nfor i in $(seq 200); do sleep 0.05; done\n`);
  const child = spawn(process.execPath, wordsAs('20.20.2'), { env });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (stdout === '') child.kill(signal);
    stdout += chunk.toString();
  });
  const [status, by] = await new Promise<unknown[]>((done) => child.once('close', (...how) => done(how)));
  expect([status, by, stdout]).toEqual(ended);
});

test('with a runtime of its own that does not start, a sentence says so', () => {
  ownRuntime('node_modules/.bin', '');
  chmodSync(join(directory, 'node_modules/.bin/node'), 0o644);
  expect(runAs('20.20.2', 'ca', 'list')).toEqual([1, '', expect.stringMatching(/^error: expected .*node to start, found: .*EACCES\n$/)]);
});

test('a package that is missing is named as such', () => {
  mkdirSync(join(directory, 'dist/bundle'), { recursive: true });
  writeFileSync(join(directory, 'dist/bundle/package.json'), '{"type":"commonjs"}');
  writeFileSync(join(directory, 'dist/bundle/main.js'), "require('no-such-package');");
  const [status, , stderr] = runAs('26.1.0', '--version');
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^error: expected joinery and its packages to load, found: .*no-such-package/),
  ]);
});

test.each(['24.15.0', '26.0.0', '27.1.0'])('Node %s is new enough', (version) => {
  expect(runAs(version, '--version')[2]).toContain('run: npm run build');
});
