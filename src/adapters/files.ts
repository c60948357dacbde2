/** Files with their final mode from the first moment, synced before success is reported, never overwritten unless asked. */
import { randomBytes } from 'node:crypto';
import { constants, createReadStream, type Stats } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { JoineryError } from '../core/errors.ts';
import { fileError } from '../core/file-error.ts';
import type { FileInfo, Files } from '../core/ports.ts';

/** Runs work on a path; what the system refuses becomes a coded error that names the path. */
export async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof JoineryError) throw error;
    throw fileError(error, path);
  }
}

/** Makes durable which names are in a directory. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

type Content = Uint8Array | AsyncIterable<Uint8Array>;

async function writeNew(path: string, content: Content, mode: number): Promise<void> {
  // O_EXCL: neither a file nor a symbolic link that somebody put there is followed or overwritten.
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
  await handle.close();
}

/**
 * A name beside the target that no other process uses. By chance, not by process id: in a container that is the same at every
 * start, and the file that a kill left behind would be in the way for ever.
 */
function temporaryBeside(path: string): string {
  return `${path}${TEMPORARY}${randomBytes(8).toString('hex')}`;
}

const TEMPORARY = '.tmp-';
/** A temporary file lives for the moment of one write; one this old was left by a kill. */
const STALE_MS = 3_600_000;

/** Removes what a kill left of earlier replacements of this file. */
async function sweep(path: string): Promise<void> {
  const [directory, prefix] = [dirname(resolve(path)), `${basename(path)}${TEMPORARY}`];
  for (const name of await readdir(directory)) {
    if (!name.startsWith(prefix)) continue;
    // Gone meanwhile: another run has swept it.
    const stats = await lstat(join(directory, name)).catch(() => undefined);
    if (stats?.isFile() && stats.uid === process.getuid?.() && Date.now() - stats.mtimeMs > STALE_MS) {
      await rm(join(directory, name), { force: true });
    }
  }
}

async function create(path: string, content: Content, mode: number): Promise<void> {
  // Written whole under another name, then linked: a crash leaves no half file under the real one, and link never overwrites.
  const temporary = temporaryBeside(path);
  await writeNew(temporary, content, mode);
  try {
    await link(temporary, path);
  } catch (error) {
    // FAT has no links (a stick): there O_EXCL on the real name is all there is.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    await writeNew(path, createReadStream(temporary), mode);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(resolve(path)));
}

async function replace(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const temporary = temporaryBeside(path);
  await writeNew(temporary, bytes, mode);
  try {
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await sweep(path);
  await syncDirectory(dirname(resolve(path)));
}

async function readAtMost(handle: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(Math.min(65536, maxBytes + 1 - total)));
    if (bytesRead === 0) return Buffer.concat(chunks);
    total += bytesRead;
    if (total > maxBytes) {
      throw new JoineryError('ERR_INPUT_TOO_LARGE', `${path}: expected at most ${maxBytes} bytes, found more`, {
        details: { path, maxBytes },
      });
    }
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

async function read(path: string, maxBytes: number): Promise<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY);
  try {
    return await readAtMost(handle, path, maxBytes);
  } finally {
    await handle.close();
  }
}

function kindOf(stats: Stats): FileInfo['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

async function stat(path: string): Promise<FileInfo | undefined> {
  try {
    const stats = await lstat(path);
    return { kind: kindOf(stats), mode: stats.mode & 0o7777, size: stats.size, identity: `${stats.dev}:${stats.ino}` };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Makes a file as {@link Files.create} does, from what comes bit by bit: no more than one piece is held in memory, and the name
 * appears when the last piece is on the disk. What making the pieces throws is thrown, and leaves no file.
 * @throws ERR_FILE_EXISTS, ERR_FILE_ACCESS, ERR_FILE_DISK_FULL
 */
export async function createFrom(path: string, pieces: AsyncIterable<Uint8Array>, mode: number): Promise<void> {
  try {
    await create(path, pieces, mode);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : fileError(error, path);
  }
}

export const systemFiles: Files = {
  read: (path, maxBytes) => guarded(path, () => read(path, maxBytes)),
  create: (path, bytes, mode) => guarded(path, () => create(path, bytes, mode)),
  replace: (path, bytes, mode) => guarded(path, () => replace(path, bytes, mode)),
  makeDirectory: (path, mode) =>
    guarded(path, async () => {
      await mkdir(join(path), { mode });
      await syncDirectory(dirname(resolve(path)));
    }),
  remove: (path) => guarded(path, () => rm(path, { force: true })),
  removeDirectory: (path) => guarded(path, () => rmdir(path)),
  stat: (path) => guarded(path, () => stat(path)),
  list: (path) => guarded(path, async () => (await readdir(path)).sort()),
};
