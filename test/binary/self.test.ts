/** `joinery self`, in the executable, with checksums that were signed as a release signs them: by OpenSSL. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directory, name, root, run, runFile } from './executable.ts';

let work = '';
const at = (path: string) => join(work, path);

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'joinery-release-'));
  cpSync(directory, at('release'), { recursive: true });
  openssl('genpkey', '-algorithm', 'ed25519', '-out', at('key.pem'));
  openssl('pkey', '-in', at('key.pem'), '-pubout', '-out', at('release.pub'));
  const signed = spawnSync(`${root}bin/sign-release.sh`, [at('key.pem'), at('release')], { encoding: 'utf8' });
  expect([signed.status, signed.stderr]).toEqual([0, '']);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

function openssl(...argv: string[]): void {
  const { status, stderr } = spawnSync('openssl', argv, { encoding: 'utf8' });
  expect([status, status === 0 ? '' : stderr]).toEqual([0, '']);
}

const verify = (file: string, ...argv: string[]) => {
  const { status, stdout } = runFile(file, ['self', 'verify', '--json', ...argv]);
  const reply = JSON.parse(stdout) as { data?: Record<string, unknown>; error?: { code: string } };
  return [status, reply.error?.code ?? reply.data?.['released_as']];
};

test('as it was released, beside its checksums', () => {
  expect(verify(at(`release/${name}`), '--key', at('release.pub'))).toEqual([0, name]);
});

test('copied alone, under another name, through a symbolic link: the file that runs is what counts', () => {
  copyFileSync(at(`release/${name}`), at('joinery'));
  symlinkSync(at('joinery'), at('link'));
  const sums = ['--sums', at('release/SHA256SUMS')];
  expect(verify(at('link'), '--key', at('release.pub'), ...sums)).toEqual([0, name]);
  const lines = readFileSync(at('release.pub'), 'utf8').split('\n');
  expect(verify(at('joinery'), '--key', lines[1] ?? '', ...sums)).toEqual([0, name]);
});

test('a changed byte is found', () => {
  copyFileSync(at(`release/${name}`), at('changed'));
  const bytes = readFileSync(at('changed'));
  const place = bytes.lastIndexOf('licensed under the Apache License');
  const file = openSync(at('changed'), 'r+');
  writeSync(file, 'L', place);
  closeSync(file);
  expect(verify(at('changed'), '--key', at('release.pub'), '--sums', at('release/SHA256SUMS'))).toEqual([4, 'ERR_SELF_UNKNOWN']);
});

test('the key of somebody else is refused, and so is a signature over other checksums', () => {
  openssl('genpkey', '-algorithm', 'ed25519', '-out', at('other.pem'));
  openssl('pkey', '-in', at('other.pem'), '-pubout', '-out', at('other.pub'));
  expect(verify(at(`release/${name}`), '--key', at('other.pub'))).toEqual([4, 'ERR_SELF_SIGNATURE']);
  writeFileSync(at('sums'), `${readFileSync(at('release/SHA256SUMS'), 'utf8')}${'0'.repeat(64)}  more\n`);
  const argv = ['--key', at('release.pub'), '--sums', at('sums'), '--signature', at('release/SHA256SUMS.sig')];
  expect(verify(at(`release/${name}`), ...argv)).toEqual([4, 'ERR_SELF_SIGNATURE']);
});

test('the script that signs refuses checksums that do not hold', () => {
  cpSync(at('release'), at('broken'), { recursive: true });
  writeFileSync(at(`broken/${name}.licenses.txt`), 'changed');
  expect(spawnSync(`${root}bin/sign-release.sh`, [at('key.pem'), at('broken')]).status).not.toBe(0);
});

test('self licenses prints what lies beside it', () => {
  expect(run(['self', 'licenses']).stdout).toBe(readFileSync(`${directory}/${name}.licenses.txt`, 'utf8').trimEnd() + '\n');
});
