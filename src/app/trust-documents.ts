/** Finds the trust documents that a person points at: files, a directory such as a stick, or a URL. */
import { JoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import type { Offer } from '../core/trust/walk.ts';
import { MAX_DOCUMENT, readOffers } from './node-trust.ts';

/** Gets a document. @param trust PEM of the anchors that must have issued the server's certificate; undefined on first contact. */
export type Download = (url: string, limits: { readonly maxBytes: number; readonly trust: string | undefined }) => Promise<Uint8Array>;

export interface DocumentSource {
  readonly files: Files;
  readonly download: Download;
  /** What the node trusts platform endpoints by, where it does already. */
  readonly trust?: string | undefined;
}

/** Whether a document comes from a server. */
export function isUrl(path: string): boolean {
  return /^https?:\/\//.test(path);
}

/**
 * Reads every document. Of a directory those whose name begins with the purpose and ends with `.json`; a file of the other purpose
 * under such a name is refused when it is read.
 * @throws ERR_FILE_NOT_FOUND, ERR_INPUT_TOO_LARGE, ERR_TRUST_DOWNLOAD and what reading throws.
 */
export async function collectOffers(source: DocumentSource, paths: readonly string[], purpose: Purpose): Promise<readonly Offer[]> {
  const { files, download, trust } = source;
  const offers: Offer[] = [];
  // All documents together: many files are no way around the limit of one.
  let left = MAX_DOCUMENT;
  const take = (bytes: Uint8Array, what: string): void => {
    left -= bytes.length;
    offers.push(...readOffers(bytes, what));
  };
  for (const path of paths) {
    if (isUrl(path)) take(await download(path, { maxBytes: left, trust }), path);
    else for (const file of await documentsAt(files, path, purpose)) take(await files.read(file, left), file);
  }
  return offers;
}

async function documentsAt(files: Files, path: string, purpose: Purpose): Promise<readonly string[]> {
  if ((await files.stat(path))?.kind !== 'directory') return [path];
  const found: string[] = [];
  for (const name of await files.list(path)) {
    if (!name.startsWith(purpose) || !name.endsWith('.json')) continue;
    const file = `${path.replace(/\/+$/, '')}/${name}`;
    // A pipe or a device on a stick would hold the node up for ever.
    if ((await files.stat(file))?.kind !== 'other') found.push(file);
  }
  if (found.length > 0) return found;
  throw new JoineryError('ERR_FILE_NOT_FOUND', `${path}: expected documents named ${purpose}*.json, found none`, {
    hint: `joinery trust export --purpose ${purpose} --format chain writes one`,
  });
}
