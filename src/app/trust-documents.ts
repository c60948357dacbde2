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

const URL_SCHEME = /^https?:\/\//;

/**
 * Reads every document. Of a directory those whose name begins with the purpose and ends with `.json`; a file of the other purpose
 * under such a name is refused when it is read.
 * @throws ERR_FILE_NOT_FOUND, ERR_INPUT_TOO_LARGE, ERR_TRUST_DOWNLOAD and what reading throws.
 */
export async function collectOffers(source: DocumentSource, paths: readonly string[], purpose: Purpose): Promise<readonly Offer[]> {
  const { files, download, trust } = source;
  const offers: Offer[] = [];
  for (const path of paths) {
    if (URL_SCHEME.test(path)) {
      offers.push(...readOffers(await download(path, { maxBytes: MAX_DOCUMENT, trust }), path));
      continue;
    }
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
