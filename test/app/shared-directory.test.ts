import { expect, test } from 'vitest';
import { shareDirectory } from '../../src/app/shared-directory.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { memoryFiles } from '../fakes/memory-files.ts';

test('a directory is made once, by whichever run is first', async () => {
  const files = memoryFiles();
  await shareDirectory(files, '/d', 0o755);
  await shareDirectory(files, '/d', 0o755);
  // Made by another run between the look and the making.
  await shareDirectory({ stat: () => Promise.resolve(undefined), makeDirectory: files.makeDirectory }, '/d', 0o755);
  expect(files.entries.get('/d')?.kind).toBe('directory');
});

test('what else is wrong is said', async () => {
  const files = memoryFiles();
  const makeDirectory = () => Promise.reject(new JoineryError('ERR_FILE_ACCESS', 'read only'));
  await expect(shareDirectory({ stat: files.stat, makeDirectory }, '/e', 0o755)).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
});
