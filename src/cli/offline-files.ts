/** The files that a stick carries between a node and its authority: named one by one, or found in a directory. */
import { join } from 'node:path';
import type { Files } from '../core/ports.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { MAX_OFFLINE_FILE } from '../core/join/offline.ts';
import { nameOfInput, readInput } from './input.ts';

interface ReadFile {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** One that is too large to be any is an error of its own, and stops no other. */
export type CarriedFile = ReadFile | { readonly what: string; readonly error: JoineryError };

/**
 * @param ending of the names that count in a directory.
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS
 */
export async function carriedFiles(files: Files, paths: readonly string[], ending: string): Promise<readonly CarriedFile[]> {
  const found: CarriedFile[] = [];
  for (const path of paths) {
    for (const file of await expand(files, path, ending)) {
      found.push(await readCarried(files, file));
    }
  }
  if (found.length > 0) return found;
  throw new JoineryError('ERR_FILE_NOT_FOUND', `${paths.join(', ')}: expected files *${ending}, found none`);
}

async function readCarried(files: Files, file: string): Promise<CarriedFile> {
  const what = nameOfInput(file);
  try {
    return { what, bytes: await readInput(files, file, MAX_OFFLINE_FILE) };
  } catch (error) {
    if (isJoineryError(error) && error.code === 'ERR_INPUT_TOO_LARGE') return { what, error };
    throw error;
  }
}

/** The ones that can be read, where one is looked for among many. @throws ERR_INPUT_TOO_LARGE where there is none, and as {@link carriedFiles} */
export async function readableFiles(files: Files, paths: readonly string[], ending: string): Promise<readonly ReadFile[]> {
  const found = await carriedFiles(files, paths, ending);
  const readable = found.filter((file) => 'bytes' in file);
  const [first] = found;
  if (readable.length === 0 && first !== undefined && 'error' in first) throw first.error;
  return readable;
}

async function expand(files: Files, path: string, ending: string): Promise<readonly string[]> {
  // With the dot a link to a directory is followed.
  if (path === '-' || (await files.stat(path)) === undefined || !(await isDirectory(files, path))) return [path];
  // A stick that was in a Mac has ._ files.
  const named = (await files.list(path)).filter((name) => name.endsWith(ending) && !name.startsWith('.')).map((name) => join(path, name));
  const kinds = await Promise.all(named.map(async (file) => (await files.stat(file))?.kind));
  // Whoever had the stick may have left a pipe, which never ends, or a link out of it.
  return named.filter((_, index) => kinds[index] === 'file');
}

async function isDirectory(files: Files, path: string): Promise<boolean> {
  const info = await files.stat(path);
  return (
    info?.kind === 'directory' || (info?.kind === 'symlink' && (await files.stat(`${path}/.`).catch(() => undefined))?.kind === 'directory')
  );
}
