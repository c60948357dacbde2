/** The files that are rendered for nodes, as they lie in `templates/` beside the program. */
import { readFile } from 'node:fs/promises';
import { fileError } from '../core/file-error.ts';

/** @param name of a file in `templates/`. @throws ERR_FILE_NOT_FOUND when the installation is incomplete. */
export async function readTemplate(name: 'trust-check.sh'): Promise<Uint8Array> {
  try {
    // The same two steps up from src/adapters and from dist/adapters.
    return await readFile(new URL(`../../templates/${name}`, import.meta.url));
  } catch (error) {
    throw fileError(error, `templates/${name}`);
  }
}
