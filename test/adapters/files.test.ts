import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createFrom } from '../../src/adapters/file-writes.ts';
import { systemFiles as files } from '../../src/adapters/files.ts';
import { fileError } from '../../src/core/file-error.ts';
import { utf8 } from '../../src/core/encoding.ts';

let directory = '';
const at = (name: string) => join(directory, name);
const coded = (code: string) => expect.objectContaining({ code });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-files-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a new file has its final mode whatever the umask, and nothing else is left', async () => {
  const umask = process.umask(0);
  try {
    await files.create(at('key'), utf8('secret'), 0o600);
    await files.makeDirectory(at('keys'), 0o700);
  } finally {
    process.umask(umask);
  }
  expect(lstatSync(at('key')).mode & 0o777).toBe(0o600);
  expect(lstatSync(at('keys')).mode & 0o777).toBe(0o700);
  expect(readdirSync(directory)).toEqual(['key', 'keys']);
});

test('create never overwrites, follows no link, and leaves no temporary file', async () => {
  writeFileSync(at('there'), 'old');
  symlinkSync(at('elsewhere'), at('link'));
  await expect(files.create(at('there'), utf8('new'), 0o600)).rejects.toThrow(coded('ERR_FILE_EXISTS'));
  await expect(files.create(at('link'), utf8('new'), 0o600)).rejects.toThrow(coded('ERR_FILE_EXISTS'));
  expect(readFileSync(at('there'), 'utf8')).toBe('old');
  expect(readdirSync(directory).sort()).toEqual(['link', 'there']);
});

test('of many that create one file exactly one wins', async () => {
  const results = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => files.create(at('one'), utf8(String(index)), 0o600)));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  expect(readdirSync(directory)).toEqual(['one']);
});

test('replace switches in one step and leaves nothing behind when it cannot', async () => {
  await files.replace(at('a'), utf8('1'), 0o644);
  await files.replace(at('a'), utf8('2'), 0o600);
  expect(readFileSync(at('a'), 'utf8')).toBe('2');
  expect(lstatSync(at('a')).mode & 0o777).toBe(0o600);
  mkdirSync(at('d'));
  mkdirSync(at('d/x'));
  await expect(files.replace(at('d'), utf8('3'), 0o600)).rejects.toThrow(coded('ERR_FILE_ACCESS'));
  expect(readdirSync(directory).sort()).toEqual(['a', 'd']);
});

test('reading is bounded and coded', async () => {
  writeFileSync(at('f'), 'x'.repeat(100));
  expect((await files.read(at('f'), 100)).length).toBe(100);
  await expect(files.read(at('f'), 99)).rejects.toThrow(coded('ERR_INPUT_TOO_LARGE'));
  await expect(files.read('/dev/zero', 1000)).rejects.toThrow(coded('ERR_INPUT_TOO_LARGE'));
  await expect(files.read(at('none'), 1)).rejects.toThrow(coded('ERR_FILE_NOT_FOUND'));
  await expect(files.read(at('f/x'), 1)).rejects.toThrow(coded('ERR_FILE_NOT_FOUND'));
  await expect(files.read(directory, 1)).rejects.toThrow(coded('ERR_FILE_ACCESS'));
});

test('a pipe is waited for, to its end', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  const writer = spawn('sh', ['-c', '{ sleep 0.1; printf one; sleep 0.1; printf two; } >"$1"', 'sh', at('pipe')], { stdio: 'inherit' });
  expect(Buffer.from(await files.read(at('pipe'), 6)).toString()).toBe('onetwo');
  expect(writer.killed).toBe(false);
});

test('of a pipe that brings too much nothing further is asked, which may never come', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  const writer = spawn('sh', ['-c', '{ printf 1234567; exec sleep 60; } >"$1"', 'sh', at('pipe')], { stdio: 'inherit' });
  try {
    await expect(files.read(at('pipe'), 6)).rejects.toThrow(coded('ERR_INPUT_TOO_LARGE'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(process.getActiveResourcesInfo()).not.toContain('FSReqCallback');
  } finally {
    writer.kill();
  }
});

test('what is there is told without following links', async () => {
  writeFileSync(at('f'), 'abc');
  chmodSync(at('f'), 0o640);
  linkSync(at('f'), at('hard'));
  symlinkSync(at('f'), at('soft'));
  mkdirSync(at('d'));
  expect(await files.stat(at('f'))).toMatchObject({ kind: 'file', mode: 0o640, size: 3 });
  expect((await files.stat(at('hard')))?.identity).toBe((await files.stat(at('f')))?.identity);
  expect((await files.stat(at('soft')))?.kind).toBe('symlink');
  expect((await files.stat(at('d')))?.kind).toBe('directory');
  expect((await files.stat('/dev/null'))?.kind).toBe('other');
  expect(await files.stat(at('none'))).toBeUndefined();
  await expect(files.stat(at('f/x'))).rejects.toThrow(coded('ERR_FILE_NOT_FOUND'));
  expect(await files.list(directory)).toEqual(['d', 'f', 'hard', 'soft']);
});

test('removing is quiet about what is gone, and takes only empty directories', async () => {
  await files.remove(at('none'));
  await files.makeDirectory(at('d'), 0o700);
  await files.create(at('d/f'), utf8(''), 0o600);
  await expect(files.removeDirectory(at('d'))).rejects.toThrow(coded('ERR_FILE_EXISTS'));
  await files.remove(at('d/f'));
  await files.removeDirectory(at('d'));
  expect(readdirSync(directory)).toEqual([]);
});

test('a full disk has its own code, and no half file stays', async () => {
  // A file-size limit stands in for the full disk (ENOSPC needs a file system of its own: test/system has that).
  expect(fileError(Object.assign(new Error('x'), { code: 'ENOSPC' }), 'f')).toMatchObject({
    code: 'ERR_FILE_DISK_FULL',
    family: 'network',
  });
  expect(fileError(new Error('x'), 'f')).toMatchObject({
    code: 'ERR_FILE_ACCESS',
    message: 'f: expected to read or write it, found unknown',
  });
  await expect(files.create('/dev/full/x', utf8('x'), 0o600)).rejects.toThrow(coded('ERR_FILE_NOT_FOUND'));
});

test('a file from many pieces appears when the last one is written, with its final mode, and never over another', async () => {
  const seen: string[][] = [];
  async function* pieces() {
    for (const piece of ['one\n', 'two\n']) {
      seen.push(readdirSync(directory).filter((name) => name === 'lines'));
      yield utf8(piece);
    }
    await Promise.resolve();
  }
  await createFrom(at('lines'), pieces(), 0o600);
  expect([readFileSync(at('lines'), 'utf8'), lstatSync(at('lines')).mode & 0o777, seen]).toEqual(['one\ntwo\n', 0o600, [[], []]]);
  await expect(createFrom(at('lines'), pieces(), 0o600)).rejects.toThrow(coded('ERR_FILE_EXISTS'));
  expect(readdirSync(directory)).toEqual(['lines']);
});

test('what ends the pieces early is thrown as it is, and leaves no file', async () => {
  const bug = new TypeError('a bug');
  async function* pieces() {
    yield utf8('one\n');
    await Promise.reject(bug);
  }
  await expect(createFrom(at('lines'), pieces(), 0o600)).rejects.toBe(bug);
  await expect(createFrom(at('missing/lines'), pieces(), 0o600)).rejects.toThrow(coded('ERR_FILE_NOT_FOUND'));
  expect(readdirSync(directory)).toEqual([]);
});

test('a temporary file that a kill left is removed by the next replacement once it is old, and is never in the way', async () => {
  const old = new Date(Date.now() - 7_200_000);
  for (const name of ['a.tmp-old', 'a.tmp-new', 'b.tmp-old', `a.tmp-${process.pid}-0`]) writeFileSync(at(name), 'half');
  for (const name of ['a.tmp-old', 'b.tmp-old']) utimesSync(at(name), old, old);
  await files.replace(at('a'), utf8('whole'), 0o644);
  expect(readdirSync(directory).sort()).toEqual(['a', 'a.tmp-new', `a.tmp-${process.pid}-0`, 'b.tmp-old'].sort());
});
