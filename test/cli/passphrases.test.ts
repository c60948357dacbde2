import { expect, test } from 'vitest';
import { otherPassphrase, passphraseSource } from '../../src/cli/passphrases.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { Custody } from '../../src/core/key-ports.ts';
import type { Prompter } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';

function setUp(options: {
  files?: Partial<Record<'offline' | 'online', string>>;
  env?: Record<string, string>;
  content?: string;
  answers?: string[];
  keychain?: (custody: Custody) => Promise<Secret | undefined>;
}) {
  const warnings: string[] = [];
  const questions: string[] = [];
  const env: Record<string, string | undefined> = { ...options.env };
  const prompter: Prompter = {
    passphrase: (question, { confirm, instead }) => {
      questions.push(`${question}${confirm ? ' twice' : ''}`);
      const answer = options.answers?.shift();
      return answer === undefined
        ? Promise.reject(new JoineryError('ERR_USAGE_NO_TERMINAL', 'none', { hint: instead }))
        : Promise.resolve(new Secret(answer));
    },
    confirmName: () => Promise.resolve(),
  };
  const source = passphraseSource({
    files: { offline: options.files?.offline, online: options.files?.online },
    env,
    read: () => Promise.resolve(utf8(options.content ?? '')),
    prompter,
    keychain: options.keychain,
    warn: (message) => warnings.push(message),
  });
  return { source, warnings, questions, env };
}

const revealed = async (secret: Promise<Secret>) => (await secret).reveal();

test('the environment is emptied at once, used or not', async () => {
  const { source, env } = setUp({ env: { JOINERY_PASSPHRASE: 'one', JOINERY_ONLINE_PASSPHRASE: 'two', HOME: '/' } });
  expect(env).toEqual({ HOME: '/' });
  expect(await revealed(source('offline', 'open'))).toBe('one');
  expect(await revealed(source('online', 'open'))).toBe('two');
});

test('a file goes before the environment; its first line counts', async () => {
  const { source } = setUp({ files: { offline: 'f' }, content: 'from file\r\nrest', env: { JOINERY_PASSPHRASE: 'one' } });
  expect(await revealed(source('offline', 'open'))).toBe('from file');
});

test('an empty file is refused, an empty variable is none', async () => {
  await expect(setUp({ files: { offline: 'f' }, content: '\nsecond' }).source('offline', 'open')).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_USAGE' }),
  );
  await expect(setUp({ env: { JOINERY_PASSPHRASE: '' } }).source('offline', 'open')).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_USAGE_NO_TERMINAL' }),
  );
});

test('online keys fall back to the offline passphrase, with one warning', async () => {
  const { source, warnings } = setUp({ env: { JOINERY_PASSPHRASE: 'one' } });
  expect(await revealed(source('online', 'open'))).toBe('one');
  await source('online', 'open');
  expect(warnings).toEqual([expect.stringContaining('--online-passphrase-file')]);
});

test('without any source the person is asked: twice for a new one, once per process', async () => {
  const { source, questions } = setUp({ answers: ['typed', 'other'] });
  expect(await revealed(source('offline', 'create'))).toBe('typed');
  expect(await revealed(source('offline', 'open'))).toBe('typed');
  expect(await revealed(source('online', 'open'))).toBe('other');
  expect(questions).toEqual(['Passphrase of the offline keys twice', 'Passphrase of the online keys']);
});

test('without a terminal the error names what to use instead', async () => {
  await expect(setUp({}).source('online', 'open')).rejects.toThrow(
    expect.objectContaining({ hint: 'name a file with --online-passphrase-file or set JOINERY_ONLINE_PASSPHRASE' }),
  );
});

test('the keychain comes after files and variables and before a question', async () => {
  const asked: Custody[] = [];
  const keychain = (custody: Custody): Promise<Secret | undefined> => {
    asked.push(custody);
    return Promise.resolve(custody === 'online' ? new Secret('from the keychain') : undefined);
  };
  const { source, questions } = setUp({ keychain, answers: ['from the person'] });
  expect(await revealed(source('online', 'open'))).toBe('from the keychain');
  expect(await revealed(source('offline', 'open'))).toBe('from the person');
  expect([asked, questions]).toEqual([['online', 'offline'], ['Passphrase of the offline keys']]);
  const given = setUp({ keychain, env: { JOINERY_ONLINE_PASSPHRASE: 'from the variable' } });
  expect(await revealed(given.source('online', 'open'))).toBe('from the variable');
  const both = setUp({ keychain, env: { JOINERY_PASSPHRASE: 'offline' } });
  expect(await revealed(both.source('online', 'open'))).toBe('from the keychain');
  expect(both.warnings).toEqual([]);
});

test('another passphrase comes from the file of its flag, or a question that names the flag', async () => {
  const questions: unknown[] = [];
  const world = {
    files: { read: (path: string) => Promise.resolve(utf8(`in ${path}\n`)) },
    prompter: {
      passphrase: (...question: unknown[]) => Promise.resolve(new Secret(`answer ${questions.push(question)}`)),
      confirmName: () => Promise.resolve(),
    },
  };
  const options = { flag: '--key-passphrase-file', question: 'Passphrase of a.key', confirm: false };
  expect(await revealed(otherPassphrase(world, { ...options, file: 'f' }))).toBe('in f');
  expect(await revealed(otherPassphrase(world, { ...options, file: undefined }))).toBe('answer 1');
  expect(questions).toEqual([['Passphrase of a.key', { confirm: false, instead: 'name a file with --key-passphrase-file' }]]);
});
