/** Writing of files: whole under another name first, synced, and never over what is there. Loaded when the first file is written. */
import { randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { link, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileError } from '../core/file-error.ts';

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

export async function create(path: string, content: Content, mode: number): Promise<void> {
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

export async function replace(path: string, bytes: Uint8Array, mode: number): Promise<void> {
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

export function remove(path: string): Promise<void> {
  return rm(path, { force: true });
}

export function removeDirectory(path: string): Promise<void> {
  return rmdir(path);
}

export async function makeDirectory(path: string, mode: number): Promise<void> {
  await mkdir(join(path), { mode });
  await syncDirectory(dirname(resolve(path)));
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
