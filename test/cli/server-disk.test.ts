import { expect, test } from 'vitest';
import { diskProbe, PROBE_FILE } from '../../src/cli/server-disk.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { memoryFiles } from '../fakes/memory-files.ts';

test('a disk that is full is found by writing to it, at most every five seconds, and so is one that has space again', async () => {
  const files = memoryFiles();
  await files.makeDirectory('/realm', 0o700);
  let now = 0;
  let full = false;
  let written = 0;
  const replace: typeof files.replace = (path, bytes, mode) => {
    written += 1;
    return full ? Promise.reject(new JoineryError('ERR_FILE_DISK_FULL', 'full')) : files.replace(path, bytes, mode);
  };
  const probe = diskProbe({ files: { ...files, replace }, directory: '/realm' }, () => now);
  await probe();
  expect(files.entries.has(`/realm/${PROBE_FILE}`)).toBe(false);
  full = true;
  now = 4999;
  await probe();
  now = 5000;
  await expect(probe()).rejects.toMatchObject({ code: 'ERR_FILE_DISK_FULL' });
  full = false;
  await expect(probe()).rejects.toMatchObject({ code: 'ERR_FILE_DISK_FULL' });
  now = 10_000;
  await probe();
  expect(written).toBe(3);
});
