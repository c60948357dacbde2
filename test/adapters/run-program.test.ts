import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { notifySystemd, runProgram, runReloadHook } from '../../src/adapters/run-program.ts';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'joinery-run-'));
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

function script(name: string, body: string): string {
  const path = join(place, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

const code = (name: string) => expect.objectContaining({ code: name }) as unknown;

test('gives what it wrote, and sees nothing of the environment but PATH', async () => {
  const path = script('echo', 'cat; env | cut -d= -f1 | sort | tr "\\n" " "');
  process.env['JOINERY_PASSPHRASE'] = 'secret';
  const out = await runProgram([path], { stdin: 'hello ', timeoutMs: 10_000, maxBytes: 1000 });
  delete process.env['JOINERY_PASSPHRASE'];
  expect(Buffer.from(out).toString()).toMatch(/^hello /);
  expect(Buffer.from(out).toString()).not.toContain('JOINERY');
});

test.each([
  ['another status', 'exit 3', /exit status 3/],
  ['too much output', 'head -c 100000 /dev/zero; sleep 5', /SIGKILL/],
  ['no end in time', 'exec sleep 20', /SIGKILL/],
])('refuses %s', async (name, body, found) => {
  const path = script(name.replaceAll(' ', '-'), body);
  await expect(runProgram([path], { timeoutMs: 1500, maxBytes: 1000 })).rejects.toThrow(found);
});

test('refuses what is not there', async () => {
  await expect(runProgram([join(place, 'none')], { timeoutMs: 1000 })).rejects.toEqual(code('ERR_PROGRAM_FAILED'));
});

test('hooks: a command is given the identity, a signal reaches its process, and neither is believed blindly', async () => {
  const out = join(place, 'told');
  await runReloadHook({ kind: 'command', program: script('tell', `printf %s "$1" > ${out}`) }, '/node/identity/gen-2');
  expect(readFileSync(out, 'utf8')).toBe('/node/identity/gen-2');
  const child = spawn('sleep', ['30']);
  const pidFile = join(place, 'pid');
  writeFileSync(pidFile, `${child.pid}\n`);
  const ended = once(child, 'exit');
  await runReloadHook({ kind: 'signal', signal: 'SIGTERM', pidFile }, '/x');
  expect((await ended)[1]).toBe('SIGTERM');
  writeFileSync(pidFile, '-1\n');
  await expect(runReloadHook({ kind: 'signal', signal: 'SIGTERM', pidFile }, '/x')).rejects.toEqual(code('ERR_PROGRAM_FAILED'));
});

test('no manager, no notice; a manager that cannot be told is no failure', async () => {
  await expect(notifySystemd(undefined, ['READY=1'])).resolves.toBeUndefined();
  await expect(notifySystemd(join(place, 'no-socket'), ['READY=1'])).resolves.toBeUndefined();
});
