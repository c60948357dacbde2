/** The file system for the doctor: it looks at what is there without following links, and repairs without following them either. */
import { constants } from 'node:fs';
import { lstat, open, readdir, readlink, rm } from 'node:fs/promises';
import type { Disk, DiskEntry } from '../core/doctor/disk.ts';
import { fileError } from '../core/file-error.ts';
import type { Instant } from '../core/time.ts';
import { systemFiles } from './files.ts';

async function coded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}

/** Like `absent` where there is nothing. */
async function orAbsent<T>(path: string, absent: T, work: () => Promise<T>): Promise<T> {
  return coded(path, async () => {
    try {
      return await work();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return absent;
      throw error;
    }
  });
}

async function look(path: string): Promise<DiskEntry> {
  const stats = await lstat(path);
  const entry = {
    mode: stats.mode & 0o7777,
    modifiedAt: Math.max(0, Math.floor(stats.mtimeMs / 1000)) as Instant,
    identity: `${stats.dev}:${stats.ino}`,
  };
  if (stats.isFile()) return { kind: 'file', ...entry };
  if (stats.isDirectory()) return { kind: 'directory', ...entry };
  return stats.isSymbolicLink() ? { kind: 'symlink', ...entry, target: await readlink(path) } : { kind: 'other', ...entry };
}

async function setMode(path: string, mode: number): Promise<void> {
  // The file that was judged may have become a link since: what it points to is not touched.
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const systemDisk: Disk = {
  look: (path) => orAbsent<DiskEntry | undefined>(path, undefined, () => look(path)),
  list: (path) => orAbsent<readonly string[]>(path, [], async () => (await readdir(path)).sort()),
  read: (path, maxBytes) => systemFiles.read(path, maxBytes),
  setMode: (path, mode) => coded(path, () => setMode(path, mode)),
  remove: (path) => coded(path, () => rm(path, { force: true })),
};
