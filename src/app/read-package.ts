/** Reads a package directory: only what a package holds, without following links. */
import { JoineryError } from '../core/errors.ts';
import { FORMAT_TABLE, type FormatName, FORMATS, MAX_ARTIFACT_BYTES } from '../core/onboarding/formats/table.ts';
import { PACKAGE_PATHS } from '../core/onboarding/manifest.ts';
import type { PackageEntry } from '../core/onboarding/verify-files.ts';
import type { Files } from '../core/ports.ts';

const MAX_FILE_BYTES = 1024 * 1024;
const DIRECTORY = 'trust';
/** Bytes of a file, by its name: a document of some format, or one of the small files around it. */
const LIMITS: ReadonlyMap<string, number> = new Map(
  FORMATS.flatMap((name: FormatName) => FORMAT_TABLE[name].paths.map((path) => [path, FORMAT_TABLE[name].maxBytes] as const)),
);

/** @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_PACKAGE_MALFORMED when it is no directory, ERR_INPUT_TOO_LARGE */
export async function readPackage(files: Files, directory: string): Promise<ReadonlyMap<string, PackageEntry>> {
  const info = await files.stat(directory);
  if (info === undefined) throw new JoineryError('ERR_FILE_NOT_FOUND', `${directory}: expected a package directory, found nothing`);
  if (info.kind !== 'directory')
    throw new JoineryError('ERR_PACKAGE_MALFORMED', `${directory}: expected a package directory, found a ${info.kind}`);
  const entries = new Map<string, PackageEntry>();
  for (const name of await files.list(directory)) await readEntry(files, directory, name, entries);
  if (entries.get(DIRECTORY)?.kind === 'directory') {
    for (const name of await files.list(`${directory}/${DIRECTORY}`)) await readEntry(files, directory, `${DIRECTORY}/${name}`, entries);
  }
  return entries;
}

async function readEntry(files: Files, directory: string, path: string, entries: Map<string, PackageEntry>): Promise<void> {
  const full = `${directory}/${path}`;
  const info = await files.stat(full);
  // Gone since it was listed: the check of the files reports it.
  if (info === undefined) return;
  const { kind, mode } = info;
  const wanted = kind === 'file' && (PACKAGE_PATHS as readonly string[]).includes(path);
  entries.set(path, { kind, mode, bytes: wanted ? await files.read(full, LIMITS.get(path) ?? MAX_FILE_BYTES) : new Uint8Array() });
}

/** A rendered document by itself. @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE */
export async function readArtifact(files: Files, path: string): Promise<Uint8Array> {
  return files.read(path, MAX_ARTIFACT_BYTES);
}
