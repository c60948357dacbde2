import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { terminalInterviewer, terminalPrompter } from '../../src/adapters/prompter.ts';

/** A terminal that types the answers, each when a further question is on the screen, and keeps what was printed. */
function terminal(answers: readonly string[], isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY, setRawMode: () => input });
  const output = Object.assign(new PassThrough(), { isTTY, columns: 80, rows: 24 });
  let screen = '';
  let asked = 0;
  output.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    const questions = screen.split(/\?|Type n1/).length - 1;
    if (questions > asked && asked < answers.length) {
      const answer = answers[asked++];
      setTimeout(() => input.write(answer), 20);
    }
  });
  const io = { input: input as unknown as NodeJS.ReadStream, output: output as unknown as NodeJS.WriteStream };
  return { prompter: terminalPrompter(io), interviewer: terminalInterviewer(io, 'use --answers'), screen: () => screen };
}

const options = { confirm: false, instead: 'use --passphrase-file' };
const naming = { about: 'node n1 stops', verb: 'revoke', instead: 'say so with --yes' };

test('a passphrase is read without being shown', async () => {
  const { prompter, screen } = terminal(['hunter2\n']);
  expect((await prompter.passphrase('Passphrase', options)).reveal()).toBe('hunter2');
  expect(screen()).not.toContain('hunter2');
});

test('without a terminal the question is an error that names the flag', async () => {
  const { prompter } = terminal([], false);
  const refusal = expect.objectContaining({ code: 'ERR_USAGE_NO_TERMINAL', hint: 'use --passphrase-file' });
  await expect(prompter.passphrase('Passphrase', options)).rejects.toThrow(refusal);
  await expect(prompter.confirmName('n1', { ...naming, instead: options.instead })).rejects.toThrow(refusal);
});

test.each([
  ['ctrl-C', '\u0003'],
  ['ctrl-D', '\u0004'],
  ['ctrl-D after some letters', 'ab\u0004'],
])('%s is an interruption, with its own exit status', async (_name, typed) => {
  const { prompter } = terminal([typed]);
  await expect(prompter.passphrase('Passphrase', options)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_INTERRUPTED', exitStatus: 130 }),
  );
});

test('a terminal that goes is an interruption', async () => {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input });
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
  output.once('data', () => setTimeout(() => input.end(), 20));
  output.resume();
  const prompter = terminalPrompter({ input: input as unknown as NodeJS.ReadStream, output: output as unknown as NodeJS.WriteStream });
  await expect(prompter.confirmName('n1', naming)).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' });
});

test.each([
  ['at once', ['n1\n']],
  ['after other answers', ['y\n', 'N1\n', ' n1 \n']],
])('what stops is told, and only the name itself agrees to it: %s', async (_when, typed) => {
  const { prompter, screen } = terminal(typed);
  await prompter.confirmName('n1', naming);
  expect(screen()).toMatch(/^node n1 stops\n[^]*Type n1 to revoke it/);
  expect(screen().includes('expected n1, found another name: nothing was changed')).toBe(typed.length > 1);
});

test('a new passphrase is asked for twice, and refused when the two differ', async () => {
  const same = terminal(['one\n', 'one\n']);
  expect((await same.prompter.passphrase('New', { ...options, confirm: true })).reveal()).toBe('one');
  const other = terminal(['one\n', 'two\n']);
  await expect(other.prompter.passphrase('New', { ...options, confirm: true })).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_USAGE' }),
  );
});

test('an interview takes choices by the arrow keys and lines of text, and tells what happens', async () => {
  const choices = [
    { value: 'a', name: 'the first' },
    { value: 'b', name: 'the second' },
  ];
  expect(await terminal(['\u001b[B\n']).interviewer.choose('Which?', choices)).toBe('b');
  expect(await terminal(['node-7\n']).interviewer.text('Name?')).toBe('node-7');
  const told = terminal([]);
  await told.interviewer.say('that was it');
  expect(told.screen()).toBe('that was it\n');
  await expect(terminal([], false).interviewer.text('Name')).rejects.toMatchObject({
    code: 'ERR_USAGE_NO_TERMINAL',
    hint: 'use --answers',
  });
});

test('an interview on a terminal that is gone says so', async () => {
  const output = Object.assign(new PassThrough(), { isTTY: true });
  output.on('error', () => undefined).destroy();
  const io = { input: process.stdin, output: output as unknown as NodeJS.WriteStream };
  await expect(terminalInterviewer(io, '').say('x')).rejects.toThrow('destroyed');
});
