import { expect, test } from 'vitest';
import { assertInternal, ERRORS, EXIT_STATUS, isJoineryError, JoineryError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { inspect } from 'node:util';

test('an error has its code, hint, details, cause and exit status', () => {
  const cause = new Error('x');
  const error = new JoineryError('ERR_FILE_EXISTS', 'a: expected nothing there', { hint: 'remove it', details: { path: 'a' }, cause });
  expect([error.code, error.family, error.exitStatus, error.hint, error.details, error.cause]).toEqual([
    'ERR_FILE_EXISTS',
    'conflict',
    5,
    'remove it',
    { path: 'a' },
    cause,
  ]);
  expect(new JoineryError('ERR_USAGE', 'x').hint).toBeUndefined();
  expect([
    isJoineryError(error),
    isJoineryError(error, 'ERR_FILE_EXISTS'),
    isJoineryError(error, 'ERR_USAGE'),
    isJoineryError(cause),
  ]).toEqual([true, true, false, false]);
});

test('the table is well-formed: codes in their style, families known, titles unlike', () => {
  const titles = new Set<string>();
  for (const [code, row] of Object.entries(ERRORS)) {
    expect(code).toMatch(/^ERR_[A-Z0-9]+(_[A-Z0-9]+)*$/);
    expect(Object.keys(EXIT_STATUS)).toContain(row.family);
    expect(row.http).toBeGreaterThanOrEqual(400);
    expect(titles.has(row.title)).toBe(false);
    titles.add(row.title);
  }
});

test('misuse is an internal error', () => {
  assertInternal(true, 'fine');
  expect(() => assertInternal(false, 'not fine')).toThrow(expect.objectContaining({ code: 'ERR_INTERNAL' }));
});

test('a secret prints as [redacted] in every way, and reveals itself only when asked', () => {
  const secret = new Secret('hunter2');
  expect(
    [String(secret), secret.toString(), JSON.stringify({ secret }), inspect(secret), inspect({ secret }, { showHidden: true })].join(),
  ).not.toContain('hunter2');
  expect(inspect(secret)).toBe('[redacted]');
  expect(secret.reveal()).toBe('hunter2');
});
