/** Renames and links, by which a new generation of files takes the place of the old one in one step. */
import { randomBytes } from 'node:crypto';
import { lstat, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Switches } from '../core/ports.ts';
import { syncDirectory } from './file-writes.ts';
import { guarded } from './files.ts';

/** rename(2) would replace an empty directory. */
async function assertFree(path: string): Promise<void> {
  try {
    await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  throw Object.assign(new Error('exists'), { code: 'EEXIST' });
}

export const systemSwitches: Switches = {
  move: (from, to) =>
    guarded(to, async () => {
      await assertFree(to);
      // What is in it was synced when it was written; its entries and its new name are synced here.
      await syncDirectory(from);
      await rename(from, to);
      await syncDirectory(dirname(to));
    }),
  target: (path) =>
    guarded(path, async () => {
      try {
        return await readlink(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    }),
  point: (path, target) =>
    guarded(path, async () => {
      const temporary = `${path}.tmp-${randomBytes(8).toString('hex')}`;
      await symlink(target, temporary);
      try {
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await syncDirectory(dirname(path));
    }),
};
