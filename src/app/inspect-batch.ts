import { type BatchManifest, BATCH_PATHS, INDEX_PATH, parseBatchManifest, parseIndex } from '../core/onboarding/batch-manifest.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { canonicalOf } from '../core/onboarding/verify-files.ts';
import type { Files } from '../core/ports.ts';

export interface BatchInspection {
  readonly manifest: BatchManifest;
  /** Names in the order of the index. */
  readonly nodes: readonly string[];
  /** Of the first node, in the directory: what {@link inspectPackage} reads. */
  readonly first: string;
}

const MAX_MANIFEST_BYTES = 1024 * 1024;
const MAX_INDEX_BYTES = 256 * 1024 * 1024;

/**
 * What many packages share, and whose they are; nothing is verified.
 * @param directory of `package render --from`.
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE, ERR_PACKAGE_MALFORMED and the errors of strict JSON
 */
export async function inspectBatch(files: Files, directory: string): Promise<BatchInspection> {
  const read = (path: string, maxBytes: number) => files.read(`${directory}/${path}`, maxBytes);
  const manifest = parseBatchManifest(
    canonicalOf(await read(BATCH_PATHS.manifest, MAX_MANIFEST_BYTES), BATCH_PATHS.manifest),
    BATCH_PATHS.manifest,
  );
  const index = parseIndex(decodeUtf8(await read(INDEX_PATH, MAX_INDEX_BYTES), INDEX_PATH), manifest);
  // There is at least one node, and it has at least one file (parseIndex).
  const [[{ path: first }]] = [...index.values()] as unknown as readonly [readonly [{ readonly path: string }]];
  return { manifest, nodes: [...index.keys()], first };
}
