import { FORMAT_TABLE, formatOf } from '../core/onboarding/formats/table.ts';
import { type Inspection, inspectArtifacts } from '../core/onboarding/inspect.ts';
import type { Gunzip } from '../core/onboarding/limits.ts';
import { artifactsOf, type PackageFiles } from '../core/onboarding/verify-files.ts';
import type { Files } from '../core/ports.ts';
import { readArtifact, readPackage } from './read-package.ts';

const GZIP_MAGIC = [0x1f, 0x8b];

/**
 * What a package would do to a node, read back from its files; nothing is verified.
 * @param path of a package directory, or of one rendered file: user-data, an image, an archive, a script, a configuration.
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE, ERR_PACKAGE_MALFORMED and the errors of strict JSON
 */
export async function inspectPackage(
  { files, gunzip }: { readonly files: Files; readonly gunzip: Gunzip },
  path: string,
): Promise<Inspection> {
  if ((await files.stat(path))?.kind === 'directory') {
    const entries = [...(await readPackage(files, path))].map(([name, { bytes }]) => [name, bytes] as const);
    const { format, artifacts } = artifactsOf(new Map(entries) as PackageFiles, gunzip);
    return inspectArtifacts(format, artifacts);
  }
  const read = await readArtifact(files, path);
  const bytes = GZIP_MAGIC.every((byte, index) => read[index] === byte) ? gunzip(read, FORMAT_TABLE['cloud-config'].maxBytes) : read;
  const format = formatOf(bytes, path);
  return inspectArtifacts(format, new Map([[FORMAT_TABLE[format].paths[0] as string, bytes]]));
}
