/** A directory that appears whole or not at all: written and synced under another name beside its place, then renamed. */
import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { JoineryError } from '../core/errors.ts';
import type { StageDirectory, StagedDirectory, StageTree } from '../core/ports.ts';
import { fileError } from '../core/file-error.ts';
import { syncDirectory } from './file-writes.ts';

type StagedFile = Parameters<StageDirectory>[1][number];

export const stageDirectory: StageDirectory = async (path, files) => {
  const target = resolve(path);
  await assertFree(target);
  const temporary = await makeTemporary(target);
  try {
    await writeAll(temporary, files);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw fileError(error, path);
  }
  return stagedAt(temporary, target, path);
};

function stagedAt(temporary: string, target: string, path: string): StagedDirectory {
  return {
    publish: async () => {
      await assertFree(target);
      try {
        await rename(temporary, target);
        await syncDirectory(dirname(target));
      } catch (error) {
        throw fileError(error, path);
      }
    },
    discard: () => rm(temporary, { recursive: true, force: true }),
  };
}

export const stageTree: StageTree = async (path) => {
  const target = resolve(path);
  await assertFree(target);
  const temporary = await makeTemporary(target);
  const made = new Set(['.']);
  const write = (name: string, bytes: Uint8Array, mode: number): void => {
    try {
      const directory = dirname(name);
      if (!made.has(directory)) {
        mkdirSync(join(temporary, directory), { mode: 0o700, recursive: true });
        made.add(directory);
      }
      // Synchronous: for a small file a third of the time of the asynchronous way.
      const descriptor = openSync(`${temporary}/${name}`, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
      try {
        // Until all of it is written: one call may stop where the disk is full, and say nothing.
        for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      throw fileError(error, join(path, name));
    }
  };
  return {
    ...stagedAt(temporary, target, path),
    write,
    sync: async (name, bytes, mode) => {
      write(name, bytes, mode);
      await syncDirectory(join(temporary, name));
      await syncDirectory(dirname(join(temporary, name)));
    },
  };
};

/** rename(2) fails on a directory that is not empty and on anything else but an empty directory: only that is looked for here. */
async function assertFree(target: string): Promise<void> {
  try {
    await lstat(target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw fileError(error, target);
  }
  throw new JoineryError('ERR_FILE_EXISTS', `${target}: expected nothing there, found something that would be overwritten`, {
    hint: 'name a directory that does not exist yet',
  });
}

async function makeTemporary(target: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const temporary = `${target}.tmp-${process.pid}-${attempt}`;
    try {
      await mkdir(temporary, { mode: 0o700 });
      return temporary;
    } catch (error) {
      // Left by a process of the same number that was killed: the next name is as good.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt >= 100) throw fileError(error, target);
    }
  }
}

async function writeAll(root: string, files: readonly StagedFile[]): Promise<void> {
  const directories = [...new Set(files.map((file) => dirname(join(root, file.path))))].sort();
  for (const directory of directories) if (directory !== root) await mkdir(directory, { mode: 0o700 });
  for (const file of files) await writeNew(join(root, file.path), file);
  for (const directory of directories) await syncDirectory(directory);
}

async function writeNew(path: string, { bytes, mode }: StagedFile): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
