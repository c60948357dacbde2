import { decodeUtf8 } from '../core/encoding.ts';
import { type Inspection, inspectUserData } from '../core/onboarding/inspect.ts';
import type { Files } from '../core/ports.ts';
import { readUserData } from './read-package.ts';

/**
 * What user-data would do to a node, read back from its text; nothing is verified.
 * @param path of a package directory or of a user-data file.
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE, ERR_PACKAGE_MALFORMED and the errors of strict JSON
 */
export async function inspectPackage(files: Files, path: string): Promise<Inspection> {
  return inspectUserData(decodeUtf8(await readUserData(files, path), path));
}
