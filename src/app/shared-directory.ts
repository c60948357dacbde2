/** Directories that several runs may make at once. */
import { isJoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';

/** Makes it where it is missing; a link to a directory serves, and so does one that another run makes meanwhile. @throws ERR_FILE_* */
export async function shareDirectory(files: Pick<Files, 'stat' | 'makeDirectory'>, path: string, mode: number): Promise<void> {
  // With the dot a link to a directory is followed.
  if ((await files.stat(`${path}/.`)) !== undefined) return;
  await files.makeDirectory(path, mode).catch((error: unknown) => {
    if (!isJoineryError(error, 'ERR_FILE_EXISTS')) throw error;
  });
}
