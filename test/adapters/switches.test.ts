import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemSwitches } from '../../src/adapters/switches.ts';

let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'joinery-switches-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (...names: readonly string[]): string => join(root, ...names);

test('a link is made, and points elsewhere afterwards, with nothing left beside it', async () => {
  expect(await systemSwitches.target(at('current'))).toBeUndefined();
  await systemSwitches.point(at('current'), 'gen-1');
  await systemSwitches.point(at('current'), 'gen-2');
  expect(await systemSwitches.target(at('current'))).toBe('gen-2');
  expect(readlinkSync(at('current'))).toBe('gen-2');
  expect(readdirSync(root)).toEqual(['current']);
});

test('a directory in the place of the link is not replaced', async () => {
  mkdirSync(at('current', 'inside'), { recursive: true });
  await expect(systemSwitches.point(at('current'), 'gen-1')).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
  await expect(systemSwitches.target(at('current'))).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
  expect(readdirSync(root)).toEqual(['current']);
});

test('a directory gets its name only where nothing has it', async () => {
  for (const name of ['one', 'two', 'empty']) mkdirSync(at(name));
  writeFileSync(at('one', 'file'), 'x');
  await systemSwitches.move(at('one'), at('gen-1'));
  expect(readdirSync(at('gen-1'))).toEqual(['file']);
  await expect(systemSwitches.move(at('two'), at('gen-1'))).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
  await expect(systemSwitches.move(at('two'), at('empty'))).rejects.toMatchObject({ code: 'ERR_FILE_EXISTS' });
  await expect(systemSwitches.move(at('none'), at('gen-2'))).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
  await expect(systemSwitches.move(at('two'), at('gen-1', 'file', 'x'))).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
});
