/** `npm run release`: from a clone of the commit, the whole of a release, sealed, and nothing published. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const work = mkdtempSync(join(tmpdir(), 'joinery-releases-'));
const clone = join(work, 'clone');
const out = join(work, 'out');
const sh = (script: string, cwd = out) => spawnSync('/bin/sh', ['-c', script], { cwd, encoding: 'utf8' });
const release = (...args: string[]) =>
  spawnSync('/bin/sh', ['-c', 'umask 077; exec "$@"', 'sh', process.execPath, join(clone, 'bin/release.js'), '--out', out, ...args], {
    cwd: clone,
    encoding: 'utf8',
    timeout: 500_000,
  });

beforeAll(() => {
  // What is here may not be committed yet: a clone with all of it, as one commit.
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false', ...args], { cwd: clone });
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', root, clone]);
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  for (const path of files.trim().split('\n')) cpSync(join(root, path), join(clone, path), { force: true });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  writeFileSync(join(clone, '.git/info/exclude'), 'node_modules\n');
  git('add', '--all');
  git('commit', '--quiet', '--allow-empty', '--message', 'release');
  execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', join(work, 'release.key')], { stdio: 'ignore' });
  const report = { success: true, numFailedTests: 0, startTime: Date.now() + 1000 };
  writeFileSync(join(work, 'report.json'), JSON.stringify(report));
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

it('says what is wrong, builds nothing where it is told so, and ends with 1', () => {
  const { status, stdout } = release('--no-build');
  expect(status).toBe(1);
  expect(stdout).toContain('FAILED  the tests passed on this commit: expected --report FILE');
  expect(stdout).toContain('ok      the tree is clean');
  expect(stdout).toContain('Once everything above is ok');
});

it('refuses a key of another kind before anything is built', () => {
  execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', join(work, 'ec.key')]);
  expect(release('--key', join(work, 'ec.key')).stderr).toContain('--key: expected an Ed25519 key, found ec');
});

it('removes no directory that is not of a release, and names a report that is none', () => {
  const home = join(work, 'home');
  mkdirSync(home);
  writeFileSync(join(home, 'thesis.txt'), 'years');
  const { status, stderr } = release('--out', home);
  const found = join(home, 'thesis.txt');
  expect([status, stderr]).toEqual([1, `error: --out: expected a new directory or that of an earlier release, found ${found}\n`]);
  expect(readFileSync(found, 'utf8')).toBe('years');
  expect(release('--no-build', '--report', found).stderr).toMatch(/^error: .*thesis\.txt: expected JSON, found: .*\n$/);
});

it('makes and seals everything, and openssl, sha256sum and the executable agree', () => {
  const { status, stdout, stderr } = release(
    '--report',
    join(work, 'report.json'),
    '--key',
    join(work, 'release.key'),
    '--compression',
    'gzip',
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toContain('Nothing was published. What is left:');
  const names = [
    `joinery-${version}-linux-x64`,
    `joinery-${version}-linux-x64.cdx.json`,
    `joinery-${version}-linux-x64.licenses.txt`,
    `joinery-${version}.tgz`,
    `joinery_${version}-1_amd64.deb`,
  ];
  expect(readdirSync(out).toSorted()).toEqual([...names, 'SHA256SUMS', 'SHA256SUMS.sig'].toSorted());
  expect(sh('sha256sum --strict --check --quiet SHA256SUMS').status).toBe(0);
  const pub = join(work, 'release.pub');
  execFileSync('openssl', ['pkey', '-in', join(work, 'release.key'), '-pubout', '-out', pub]);
  expect(stdout).toContain(readFileSync(pub, 'utf8').trim());
  expect(sh(`openssl pkeyutl -verify -pubin -inkey ${pub} -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig`).status).toBe(0);
  expect(sh(`./joinery-${version}-linux-x64 self verify --key ${pub}`)).toMatchObject({ status: 0, stderr: '' });
  expect(sh(`./joinery-${version}-linux-x64 --version`).stdout).toContain(`joinery/${version}`);
  const inside = sh(
    `dpkg-deb --fsys-tarfile joinery_${version}-1_amd64.deb | tar -xO ./usr/bin/joinery | cmp - joinery-${version}-linux-x64`,
  );
  expect(inside.status).toBe(0);
  expect(sh('git status --porcelain', clone).stdout).toBe('');
  // Whatever the umask of whoever releases is.
  expect(sh(`tar -tvzf joinery-${version}.tgz | cut -c1-10 | sort -u`).stdout).toBe('-rw-r--r--\n-rwxr-xr-x\n');
}, 600_000);

it('stays when the sources are built again', () => {
  mkdirSync(join(clone, 'dist/release'), { recursive: true });
  writeFileSync(join(clone, 'dist/release/SHA256SUMS.sig'), 'signed by hand');
  execFileSync(process.execPath, [join(clone, 'bin/build.js')]);
  expect(readdirSync(join(clone, 'dist'))).toContain('bundle');
  expect(readFileSync(join(clone, 'dist/release/SHA256SUMS.sig'), 'utf8')).toBe('signed by hand');
}, 120_000);
