import { expect, test } from 'vitest';
import { fileError } from '../../src/core/file-error.ts';

test.each([
  ['ENOENT', 'ERR_FILE_NOT_FOUND'],
  ['EEXIST', 'ERR_FILE_EXISTS'],
  ['ENOSPC', 'ERR_FILE_DISK_FULL'],
  ['EIO', 'ERR_FILE_ACCESS'],
])('%s is %s', (code, expected) => {
  expect(fileError(Object.assign(new Error(), { code }), 'a/b')).toMatchObject({ code: expected, details: { path: 'a/b', errno: code } });
});

test('an error without a code of the system keeps its path', () => {
  expect(fileError(new Error('odd'), 'a/b')).toMatchObject({ code: 'ERR_FILE_ACCESS', details: { path: 'a/b', errno: 'unknown' } });
});
