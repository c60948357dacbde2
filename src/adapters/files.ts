/** Files with their final mode from the first moment, synced before success is reported, never overwritten unless asked. */
import { closeSync, createReadStream, lstatSync, openSync, readdirSync, readSync, type Stats, statSync } from 'node:fs';
import { JoineryError } from '../core/errors.ts';
import { fileError } from '../core/file-error.ts';
import type { FileInfo, Files } from '../core/ports.ts';

/** Runs work on a path; what the system refuses becomes a coded error that names the path. */
export async function guarded<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof JoineryError) throw error;
    throw fileError(error, path);
  }
}

async function read(path: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  // The stream asks ahead: of a pipe that has brought too much, for what may never come.
  for await (const piece of statSync(path).isFile() ? piecesAtHand(path) : createReadStream(path, { end: maxBytes })) {
    const bytes = piece as Uint8Array;
    total += bytes.length;
    if (total > maxBytes) {
      throw new JoineryError('ERR_INPUT_TOO_LARGE', `${path}: expected at most ${maxBytes} bytes, found more`, {
        details: { path, maxBytes },
      });
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** A regular file keeps nobody waiting, as a pipe may: asking Node.js's threads for it would cost a short command 2 ms. */
function* piecesAtHand(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(65536);
      const length = readSync(file, buffer);
      if (length === 0) return;
      yield buffer.subarray(0, length);
    }
  } finally {
    closeSync(file);
  }
}

function kindOf(stats: Stats): FileInfo['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : 'other';
}

function stat(path: string): FileInfo | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats && { kind: kindOf(stats), mode: stats.mode & 0o7777, size: stats.size, identity: `${stats.dev}:${stats.ino}` };
}

const writes = () => import('./file-writes.ts');

export const systemFiles: Files = {
  read: (path, maxBytes) => guarded(path, () => read(path, maxBytes)),
  create: (path, bytes, mode) => guarded(path, async () => (await writes()).create(path, bytes, mode)),
  replace: (path, bytes, mode) => guarded(path, async () => (await writes()).replace(path, bytes, mode)),
  makeDirectory: (path, mode) => guarded(path, async () => (await writes()).makeDirectory(path, mode)),
  remove: (path) => guarded(path, async () => (await writes()).remove(path)),
  removeDirectory: (path) => guarded(path, async () => (await writes()).removeDirectory(path)),
  stat: (path) => guarded(path, () => stat(path)),
  list: (path) => guarded(path, () => readdirSync(path).sort()),
};
