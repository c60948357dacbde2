import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { progressOn } from '../../src/cli/render/progress.ts';

function screen(isTTY: boolean, columns = 80) {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const terminal = { isTTY, columns, clearLine: () => true, cursorTo: () => true, moveCursor: () => true };
  return { stream: Object.assign(stream, terminal) as unknown as NodeJS.WriteStream, text: () => text };
}

const saying = (label: string) => (say: (label: string) => void) => {
  say(label);
  return Promise.resolve(7);
};
const failing = () => Promise.reject(new Error('no'));

test('on a terminal a step is shown, and how it ended', async () => {
  const { stream, text } = screen(true);
  expect(await progressOn(() => stream, true).step('making keys', saying('key 7 of 9'))).toBe(7);
  await expect(progressOn(() => stream, true).step('breaking', failing)).rejects.toThrow('no');
  expect(text()).toContain('key 7 of 9');
  expect(text()).toContain('breaking');
});

test('a question in the middle of a step has the screen for itself', async () => {
  const { stream } = screen(true);
  const progress = progressOn(() => stream, true);
  expect(await progress.step('making keys', () => progress.pause(() => Promise.resolve('typed')))).toBe('typed');
  expect(await progress.pause(() => Promise.resolve('alone'))).toBe('alone');
});

test.each([
  ['elsewhere', false, 80, true],
  ['on a terminal without a width', true, 0, true],
  ['with --quiet', true, 80, false],
])('%s nothing is printed', async (_name, isTTY, columns, enabled) => {
  const { stream, text } = screen(isTTY, columns);
  expect(await progressOn(() => stream, enabled).step('making keys', saying('7'))).toBe(7);
  await expect(progressOn(() => stream, enabled).step('breaking', failing)).rejects.toThrow('no');
  expect(await progressOn(() => stream, enabled).pause(() => Promise.resolve(8))).toBe(8);
  expect(text()).toBe('');
});
