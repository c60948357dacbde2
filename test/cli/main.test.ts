import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { Readable, Writable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { toFailure } from '../../src/cli/failure.ts';
import { EXIT_STATUS } from '../../src/core/errors.ts';
import { leave, main } from '../../src/main.ts';
import { currentIo, type Output, withIo } from '../../src/cli/io.ts';
import { runCli, testProgram } from './harness.ts';

const SECRET = 'hunter2-hunter2';

/** Wrong command lines, each with a secret where a user may put one by mistake. */
const WRONG: readonly (readonly [string, readonly string[], string])[] = [
  ['an unknown flag', ['init', `--passphrase=${SECRET}`], 'unknown flag --passphrase'],
  ['an unknown short flag', ['init', '-x', SECRET], 'unknown flag -x'],
  ['a flag that is no word', ['init', `--${SECRET}!`], 'unknown flag (not shown)'],
  ['a further argument', ['init', SECRET, '--environment', 'a', '--domain', 'b'], 'expected no further argument, found one too many'],
  ['a missing flag', ['init', '--environment', SECRET], 'expected --domain, found none'],
  ['a flag without its value', ['init', '--environment'], '--environment: expects a value'],
  ['a missing argument', ['completion'], 'expected the argument SHELL, found none'],
  ['a value outside the list', ['completion', SECRET], 'expected an argument out of bash, zsh, fish, found something else'],
  ['a word for a number', ['audit', 'list', '--limit', SECRET], '--limit: expected an integer, found something else'],
  [
    'a number too small',
    ['audit', 'list', '--limit', '0'],
    '--limit: expected an integer greater than or equal to 1, found something else',
  ],
  ['a flag before the command', ['--quiet', 'audit', 'list'], 'expected flags after the command, found one before it'],
  ['two flags that exclude each other', ['ca', 'create', 'x', '--ttl', '1y', `--not-after=${SECRET}`], 'found both'],
  [
    'two flags that exclude each other, one with blanks and lines in it',
    ['ca', 'create', 'x', '--ttl', '1y', `--not-after=a ${SECRET}\n${SECRET} b`],
    'expected it without --ttl, found both',
  ],
  [
    'a flag without the one that it needs',
    ['init', '--environment', 'a', '--domain', 'b', '--roles', SECRET],
    '--roles: expected --cluster with it, found none',
  ],
];

describe('a wrong command line is one error, and nothing of it is repeated that could be a secret', () => {
  test.each(WRONG)('%s', async (_name, argv, message) => {
    const plain = await runCli(argv);
    expect([plain.exit, plain.stdout]).toEqual([2, '']);
    expect(plain.stderr).toContain(message);
    expect(plain.stderr).toMatch(/^error: .* \[ERR_USAGE\]\nhint: .*\n$/);
    const asJson = await runCli([...argv, '--json']);
    expect([asJson.exit, asJson.stderr]).toEqual([2, '']);
    expect(asJson.json()).toMatchObject({
      ok: false,
      error: { code: 'ERR_USAGE', message: expect.stringContaining(message) },
      warnings: [],
    });
    expect(plain.stderr + asJson.stdout).not.toContain(SECRET);
  });
});

test('an unknown command is one error with the likely one', async () => {
  const plain = await runCli(['tokn', 'mnt', '--json=1']);
  expect([plain.exit, plain.stdout, plain.stderr]).toEqual([
    2,
    '',
    'error: expected a command of joinery, found something else [ERR_USAGE_UNKNOWN_COMMAND]\nhint: did you mean: joinery token mint\n',
  ]);
  const asJson = await runCli(['xyzzy', '--json']);
  expect(asJson.json()).toEqual({
    ok: false,
    error: {
      code: 'ERR_USAGE_UNKNOWN_COMMAND',
      message: 'expected a command of joinery, found something else',
      hint: 'see: joinery --help',
      details: {},
    },
    warnings: [],
  });
  expect((await runCli(['-x', SECRET])).stderr).toBe(
    'error: expected a command of joinery, found something else [ERR_USAGE_UNKNOWN_COMMAND]\nhint: see: joinery --help\n',
  );
});

test('flags after -- are arguments: --json there asks for nothing', async () => {
  expect(await runCli(['xyzzy', '--', '--json'])).toMatchObject({ exit: 2, stdout: '' });
});

test('on a terminal, where oclif dims its reasons, they read as elsewhere', () => {
  class FailedFlagValidationError extends Error {
    readonly parse = {};
  }
  const dimmed =
    'The following errors occurred:\n  \u001b[2mMissing required flag a\u001b[22m\n\u001b[2m  Missing required flag b\u001b[22m';
  expect(toFailure(new FailedFlagValidationError(`${dimmed}\nSee more help with --help`)).message).toBe(
    'expected --a, found none; expected --b, found none',
  );
});

test('a directory that was removed while joinery stands in it is a file that is missing, no bug', () => {
  const gone = Object.assign(new Error('uv_cwd'), { code: 'ENOENT', syscall: 'uv_cwd' });
  expect(toFailure(gone)).toMatchObject({
    code: 'ERR_FILE_NOT_FOUND',
    message: 'the current directory: expected it to exist, found nothing',
  });
});

test('a stdin that cannot be read is an input that cannot be read, no bug', async () => {
  // A terminal that was hung up, a descriptor that is open for writing only.
  const hungUp = new Readable({ read: () => void hungUp.destroy(Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' })) });
  let said = '';
  const stderr = outputOn(new Writable({ write: (chunk: Buffer, _encoding, done) => done(void (said += chunk.toString())) }));
  const io = { ...currentIo(), env: {}, stdin: hungUp as NodeJS.ReadStream, stderr, setExitStatus: () => undefined };
  await main(['cert', 'fingerprint', '-'], testProgram(), io);
  expect(said).toBe('error: stdin: expected to read or write it, found EIO [ERR_FILE_ACCESS]\n');
});

test('what is no refusal is a bug, shown as one, with its trace only on request', () => {
  expect(toFailure(new TypeError('x is undefined'))).toMatchObject({
    code: 'ERR_INTERNAL',
    exitStatus: 1,
    message: expect.stringContaining('x is undefined'),
  });
  expect(toFailure('a string')).toMatchObject({ code: 'ERR_INTERNAL' });
  expect(toFailure(new Error('Parsing --count \n\tExpected an integer but received: hunter2'))).toMatchObject({
    code: 'ERR_USAGE',
    message: '--count: expected an integer, found something else',
  });
  expect(toFailure(new Error('Parsing --when \n\thunter2')).message).toBe('--when: expected another kind of value, found something else');
  const odd = Object.assign(new Error('odd hunter2'), { parse: {} });
  expect(toFailure(odd)).toMatchObject({ code: 'ERR_USAGE', message: 'the command line cannot be understood' });
});

test('--verbose shows where an error came from, and its causes by kind only', async () => {
  const result = await runCli(['init', '--environment', 'a', '--domain', 'A', '--verbose']);
  expect(result.exit).toBe(3);
  expect(result.stderr).toContain('ERR_CONFIG_MALFORMED');
  expect(result.stderr).toMatch(/\n\s+at /);
});

test('every issue of a document is shown', async () => {
  const result = await runCli(['init', '--environment', 'a b', '--domain', 'A']);
  expect(result.stderr).toContain('environment.name: expected');
  expect(result.stderr).toContain('environment.domain: expected');
});

test('help and version go to stdout', async () => {
  const io = { ...currentIo() };
  await withIo(io, async () => undefined);
  // oclif prints help with console.log: run in a child by the transcripts; here it only has to end well.
  const lines: string[] = [];
  const log = console.log;
  console.log = (line: string) => lines.push(line);
  try {
    expect((await runCli(['--version'])).exit).toBe(0);
    expect((await runCli(['token', '--help'])).exit).toBe(0);
  } finally {
    console.log = log;
  }
});

const outputOn = (stream: Writable): Output => ({ stream: stream as unknown as NodeJS.WriteStream });
const broken = (code: string) =>
  outputOn(new Writable({ write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code, syscall: 'write' })) }));

test('a reader that has gone is no error, another stream error is', async () => {
  let exit = 0;
  const io = { ...currentIo(), env: {}, stdout: broken('EPIPE'), setExitStatus: (status: number) => (exit = status) };
  await main(['completion', 'bash'], testProgram(), io);
  expect(exit).toBe(0);
  let said = '';
  const stderr = outputOn(new Writable({ write: (chunk: Buffer, _encoding, done) => done(void (said += chunk.toString())) }));
  await main(['completion', 'bash'], testProgram(), { ...io, stdout: broken('ENOSPC'), stderr });
  expect([exit, said]).toEqual([
    EXIT_STATUS.network,
    'error: the output: expected space on the disk, found none left [ERR_FILE_DISK_FULL]\n',
  ]);
});

test('an error that no stream takes ends with its status, and nothing else', async () => {
  for (const code of ['EPIPE', 'EIO']) {
    for (const argv of [['xyzzy'], ['xyzzy', '--json']]) {
      const statuses: number[] = [];
      const setExitStatus = (status: number) => statuses.push(status);
      const io = { ...currentIo(), env: {}, stdout: broken(code), stderr: broken(code), setExitStatus };
      await main(argv, testProgram(), io);
      expect(statuses[0]).toBe(2);
    }
  }
  let said = '';
  const stderr = outputOn(new Writable({ write: (chunk: Buffer, _encoding, done) => done(void (said += chunk.toString())) }));
  const io = { ...currentIo(), env: {}, stdout: broken('ENOSPC'), stderr, setExitStatus: () => undefined };
  await main(['xyzzy', '--json'], testProgram(), io);
  expect(said).toMatch(/^error: .*ERR_USAGE_UNKNOWN_COMMAND/);
});

test('the process is left where nothing is left to do, after what was to be told', async () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const active = vi.spyOn(process, 'getActiveResourcesInfo');
  const left = async () => {
    leave();
    await new Promise((resolve) => process.nextTick(resolve));
    expect(exit).not.toHaveBeenCalled();
    await new Promise((resolve) => setImmediate(resolve));
  };
  try {
    active.mockReturnValue(['PipeWrap']);
    await left();
    expect(exit).not.toHaveBeenCalled();
    active.mockReturnValue([]);
    await left();
    expect(exit).toHaveBeenCalledExactlyOnceWith();
  } finally {
    vi.restoreAllMocks();
  }
});

test('without a word there is no command', async () => {
  expect((await runCli(['--json'])).json().error.message).toBe('expected a command of joinery, found none');
});

test('a uid without a name has neither home nor shell, and joinery works', async () => {
  vi.stubEnv('HOME', undefined);
  vi.stubEnv('SHELL', undefined);
  const { userInfo } = os;
  os.userInfo = () => {
    throw new Error('uv_os_get_passwd returned ENOENT');
  };
  syncBuiltinESMExports();
  try {
    expect((await runCli(['--version'])).exit).toBe(0);
    expect([process.env['HOME'], process.env['SHELL']]).toEqual(['/nonexistent', '/bin/sh']);
  } finally {
    os.userInfo = userInfo;
    syncBuiltinESMExports();
    vi.unstubAllEnvs();
  }
});
