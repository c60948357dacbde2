/** The executable where somebody else chose the environment, the working directory, the name that it is called by, or the streams. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { executable, run, VERSION } from './executable.ts';

let work = '';
const at = (path: string) => join(work, path);
const line = `joinery/${VERSION} ${process.platform}-${process.arch} node-${process.version}\n`;
const init = [
  'init',
  '--environment',
  'lab',
  '--domain',
  'lab.example',
  '--cluster',
  'prod',
  '--roles',
  'worker',
  '--insecure-plaintext-keys',
];

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), 'joinery-hostile-'));
  mkdirSync(at('realm'));
  writeFileSync(at('evil.cjs'), `require('node:fs').writeFileSync(${JSON.stringify(at('ran'))}, 'evil'); process.exit(66);`);
});
afterEach(() => rmSync(work, { recursive: true, force: true }));

/** A version, then a realm with a token, in this environment: as ever, and nothing foreign ran. */
function worksIn(env: NodeJS.ProcessEnv): boolean {
  expect(run(['--version'], { env, cwd: at('realm') })).toEqual({ status: 0, stdout: line, stderr: '' });
  expect(run([...init, '--quiet'], { env, cwd: at('realm') }).status).toBe(0);
  const minted = run(['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--reveal', '--quiet'], { env, cwd: at('realm') });
  expect([minted.status, minted.stdout]).toEqual([0, expect.stringMatching(/^ey[\w-]+\.[\w-]+\.[\w-]+\n$/)]);
  return !existsSync(at('ran'));
}

test.each([
  ['NODE_OPTIONS that requires a file', () => ({ NODE_OPTIONS: `--require=${at('evil.cjs')}` })],
  ['NODE_OPTIONS that imports a file', () => ({ NODE_OPTIONS: `--import=${at('evil.cjs')}` })],
  ['NODE_OPTIONS that opens a debugger', () => ({ NODE_OPTIONS: '--inspect-brk=127.0.0.1:0' })],
  ['NODE_OPTIONS that makes no sense', () => ({ NODE_OPTIONS: '--no-such-option' })],
  ['NODE_PATH', () => ({ NODE_PATH: work })],
  ['NODE_EXTRA_CA_CERTS that is no certificate', () => ({ NODE_EXTRA_CA_CERTS: at('evil.cjs') })],
  ['OPENSSL_CONF that names a provider', () => ({ OPENSSL_CONF: opensslConfiguration() })],
  ['OPENSSL_MODULES and SSL_CERT_FILE', () => ({ OPENSSL_MODULES: work, SSL_CERT_FILE: at('evil.cjs'), SSL_CERT_DIR: work })],
  ['no variable at all', () => ({})],
  ['a home that is no directory', () => ({ HOME: '/dev/null', XDG_CACHE_HOME: '/dev/null', TMPDIR: '/nowhere' })],
])('with %s it works as ever, and nothing foreign runs', (_name, env) => {
  expect(worksIn(env())).toBe(true);
});

test('in NODE_COMPILE_CACHE, where compiled code could be of anything and would run, nothing is looked for', () => {
  mkdirSync(at('cache'));
  expect(worksIn({ NODE_COMPILE_CACHE: at('cache') })).toBe(true);
  const entries = readdirSync(at('cache'), { recursive: true, withFileTypes: true });
  // Whatever is looked for and not there is written when the process ends.
  expect(entries.filter((entry) => entry.isFile())).toEqual([]);
});

test('NODE_REPL_EXTERNAL_MODULE makes the runtime refuse to start, with a sentence: the module does not run', () => {
  const { status, stdout, stderr } = run(['--version'], { env: { NODE_REPL_EXTERNAL_MODULE: at('evil.cjs') } });
  expect([status, stdout, existsSync(at('ran'))]).toEqual([9, '', false]);
  expect(stderr).toContain('NODE_REPL_EXTERNAL_MODULE');
});

/** In a section of its own: `nodejs_conf` is the one that Node.js reads. */
function opensslConfiguration(): string {
  const text = `nodejs_conf = init\n[init]\nproviders = list\n[list]\nevil = evil\n[evil]\nmodule = ${at('evil.so')}\nactivate = 1\n`;
  writeFileSync(at('openssl.cnf'), text);
  return at('openssl.cnf');
}

test('LD_PRELOAD is the loader’s, before joinery begins: no program that is not setuid can refuse it (docs/explanation/threat-model.md)', () => {
  const { status, stdout, stderr } = run(['--version'], { env: { LD_PRELOAD: at('none.so') } });
  expect([status, stdout]).toEqual([0, line]);
  expect(stderr).toContain('LD_PRELOAD');
});

test('a working directory that is full of traps is a directory like any other', () => {
  const traps = at('realm');
  writeFileSync(
    join(traps, 'package.json'),
    '{"name":"evil","version":"6.6.6","main":"evil.cjs","oclif":{"plugins":["evil"]},"type":"module"}',
  );
  writeFileSync(join(traps, '.env'), 'NODE_OPTIONS=--require ./evil.cjs\nJOINERY_REALM=/nowhere\n');
  for (const file of ['joinery.config.js', 'joinery.config.cjs', '.joineryrc.js', 'index.js', 'node.config.json', 'bunfig.toml']) {
    writeFileSync(join(traps, file), file.endsWith('.json') ? '{"nodeOptions":{"import":["./evil.cjs"]}}' : readFileSync(at('evil.cjs')));
  }
  for (const name of ['keytar', '@napi-rs/keyring', 'typescript', 'evil', '@oclif/core']) {
    mkdirSync(join(traps, 'node_modules', name), { recursive: true });
    writeFileSync(join(traps, 'node_modules', name, 'index.js'), readFileSync(at('evil.cjs')));
  }
  expect(worksIn({})).toBe(true);
  const keychain = run(['realm', 'keychain', 'store', '--custody', 'online', '--passphrase-file', '.env', '--json'], { cwd: traps });
  expect(JSON.parse(keychain.stdout)).toMatchObject({ ok: false, error: { code: 'ERR_KEYCHAIN_UNAVAILABLE' } });
  expect(existsSync(at('ran'))).toBe(false);
});

test('a realm that somebody else could have put there is not opened: it can name programs to run', () => {
  expect(worksIn({})).toBe(true);
  chmodSync(at('realm/joinery.yaml'), 0o666);
  const { status, stdout } = run(['ca', 'list', '--json'], { cwd: at('realm') });
  expect([status, JSON.parse(stdout)]).toMatchObject([4, { error: { code: 'ERR_CONFIG_FOREIGN' } }]);
  expect(run(['ca', 'list', '--realm', at('realm'), '--quiet']).status).toBe(0);
});

test.each([['node'], ['evil.cjs'], ['-e'], ['--require=./evil.cjs'], ['--inspect'], ['']])('called as %j it is joinery', (argv0) => {
  expect(run(['--version'], { argv0, cwd: work })).toEqual({ status: 0, stdout: line, stderr: '' });
  expect(existsSync(at('ran'))).toBe(false);
});

test.each([[['-e', 'process.exit(66)']], [['--require=./evil.cjs']], [['--node-snapshot-main']], [['--build-sea=x']]])(
  'flags of Node.js are none of joinery: %j',
  (argv) => {
    const { status } = run(argv, { cwd: work });
    expect([status, existsSync(at('ran'))]).toEqual([2, false]);
  },
);

test('with closed streams it neither crashes nor writes its result into a file that it opens', () => {
  const shell = (script: string) => spawnSync('/bin/sh', ['-c', script], { cwd: at('realm'), env: { J: executable }, encoding: 'utf8' });
  expect(shell('"$J" --version <&- >&- 2>&-').status).toBe(0);
  expect(shell(`"$J" ${init.join(' ')} <&- >&- 2>&-`).status).toBe(0);
  expect(readdirSync(at('realm'))).toContain('joinery.yaml');
  expect(readFileSync(at('realm/joinery.yaml'), 'utf8')).not.toContain('Next:');
});

test('SIGUSR1, which makes Node.js open a debugger, opens none', async () => {
  const child = spawn(executable, ['cert', 'inspect', '-'], { env: {}, stdio: 'pipe' });
  const closed = new Promise((done) => child.once('close', (_, signal) => done(signal)));
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  // Reading its input, so that whatever would listen to the signal does.
  await new Promise((done) => setTimeout(done, 1000));
  child.kill('SIGUSR1');
  await new Promise((done) => setTimeout(done, 500));
  child.kill('SIGKILL');
  await closed;
  expect(stderr).not.toContain('Debugger');
});

test('a home and a realm that cannot be written are errors with a code', () => {
  expect(worksIn({})).toBe(true);
  chmodSync(at('realm'), 0o500);
  const { status } = run(['ca', 'list'], { cwd: at('realm'), env: { HOME: at('realm') } });
  chmodSync(at('realm'), 0o700);
  expect([0, 3, 7]).toContain(status);
});
