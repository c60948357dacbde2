/** Output files are looked for before anything is made or signed: a certificate that finds no place would be issued for nothing. */
import { JoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';

/** @throws ERR_FILE_EXISTS naming the first that is there. */
export async function assertAbsent(files: Pick<Files, 'stat'>, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    if ((await files.stat(path)) === undefined) continue;
    throw new JoineryError('ERR_FILE_EXISTS', `${path}: expected a new file, found one that exists`, {
      hint: 'choose another name',
      details: { path },
    });
  }
}

/** Makes a directory for private files where there is none: a certificate whose files find no place would be issued for nothing. */
export async function ensureDirectory(files: Pick<Files, 'stat' | 'makeDirectory'>, directory: string): Promise<void> {
  if ((await files.stat(directory)) === undefined) await files.makeDirectory(directory, 0o700);
}
