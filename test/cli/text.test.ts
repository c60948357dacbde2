import { expect, test } from 'vitest';
import { fields, jsonText, printable, styleFor, table } from '../../src/cli/render/text.ts';

const stream = (isTTY: boolean) => ({ isTTY }) as NodeJS.WriteStream;

test('colours are for terminals that want them', () => {
  expect(styleFor(stream(true), {})('red', 'x')).toBe('\u001b[31mx\u001b[39m');
  expect(styleFor(stream(true), { NO_COLOR: '1' })('red', 'x')).toBe('x');
  expect(styleFor(stream(true), { TERM: 'dumb' })('red', 'x')).toBe('x');
  expect(styleFor(stream(false), {})('red', 'x')).toBe('x');
});

test('nothing from outside steers the terminal', () => {
  expect(printable('a\u001b[2Jb\u202ec\n\u009b')).toBe('a\\u{1b}[2Jb\\u{202e}c\\u{a}\\u{9b}');
  expect(printable('größe 漢字')).toBe('größe 漢字');
});

test('nothing from outside steers the terminal through JSON, and no value is changed', () => {
  const value = { 'na\u200bme': 'a\u001b[2J\u009b31m\u202e\u2028\u061c\ufeff\n größe 漢字' };
  const text = jsonText(value);
  expect(text).toBe('{\n  "na\\u200bme": "a\\u001b[2J\\u009b31m\\u202e\\u2028\\u061c\\ufeff\\n größe 漢字"\n}');
  expect(JSON.parse(text)).toEqual(value);
});

test('fields stand in columns, undefined ones are left out', () => {
  expect(fields({ name: 'x', 'longer name': 5, none: undefined })).toBe('name         x\nlonger name  5');
  expect(fields({})).toBe('');
});

test('tables stand in columns', () => {
  expect(
    table(
      ['a', 'bb'],
      [
        ['1', '2'],
        ['333', '\u001b'],
      ],
    ),
  ).toBe('a    bb\n1    2\n333  \\u{1b}');
  expect(table(['a', 'b'], [['1']])).toBe('a  b\n1');
});
