/** Finds the trust documents that a person points at: files, or a directory such as a stick. */
import { JoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import type { Offer } from '../core/trust/walk.ts';
import { MAX_DOCUMENT, readOffers } from './node-trust.ts';

/**
 * Reads every document. Of a directory those whose name begins with the purpose and ends with `.json`; a file of the other purpose
 * under such a name is refused when it is read.
 * @throws ERR_FILE_NOT_FOUND, ERR_INPUT_TOO_LARGE and what reading throws.
 */
export async function collectOffers(files: Files, paths: readonly string[], purpose: Purpose): Promise<readonly Offer[]> {
  const offers: Offer[] = [];
  for (const path of paths) {
    for (const file of await documentsAt(files, path, purpose)) offers.push(...readOffers(await files.read(file, MAX_DOCUMENT), file));
  }
  return offers;
}

async function documentsAt(files: Files, path: string, purpose: Purpose): Promise<readonly string[]> {
  if ((await files.stat(path))?.kind !== 'directory') return [path];
  const names = (await files.list(path)).filter((name) => name.startsWith(purpose) && name.endsWith('.json'));
  if (names.length > 0) return names.map((name) => `${path.replace(/\/+$/, '')}/${name}`);
  throw new JoineryError('ERR_FILE_NOT_FOUND', `${path}: expected documents named ${purpose}*.json, found none`, {
    hint: `joinery trust export --purpose ${purpose} --format chain writes one`,
  });
}
