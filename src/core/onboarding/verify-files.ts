/** The files of a package as they lie there: which there are, with which modes, and that the sums are theirs. */
import { type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { decodeUtf8, equalBytes } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { FileInfo } from '../ports.ts';
import { type Passed, passed, warned } from './checklist.ts';
import { jsonFile } from './files.ts';
import { octal } from './formats/artifact.ts';
import type { Gunzip } from './limits.ts';
import { ARTIFACT_PATHS, FORMAT_TABLE, type FormatName, formatOfPackage } from './formats/table.ts';
import {
  GZIP_PATH,
  PACKAGE_FILE_MODES,
  PACKAGE_PATHS,
  packagePaths,
  type PackageManifest,
  type PackagePath,
  parseSums,
  renderSums,
} from './manifest.ts';

/** One thing in the package directory. */
export interface PackageEntry {
  readonly kind: FileInfo['kind'];
  /** Permission bits. */
  readonly mode: number;
  /** Empty unless it is a file. */
  readonly bytes: Uint8Array;
}

/** Every file that is there, by its path, in the order of {@link PACKAGE_PATHS}. */
export type PackageFiles = ReadonlyMap<PackagePath, Uint8Array>;

export function malformedPackage(message: string): JoineryError {
  return new JoineryError('ERR_PACKAGE_MALFORMED', message);
}

export function bytesOf(files: PackageFiles, path: PackagePath): Uint8Array {
  return files.get(path) as Uint8Array;
}

/** No digest covers these files but that of a list which none covers: the spelling that joinery writes is the only one, so that nothing hides in it. */
export function jsonOf(files: PackageFiles, path: PackagePath): JsonValue {
  return canonicalOf(bytesOf(files, path), path);
}

/** @throws ERR_PACKAGE_MALFORMED for another spelling than joinery's. */
export function canonicalOf(bytes: Uint8Array, path: string): JsonValue {
  const value = parseStrictJson(decodeUtf8(bytes, path), path);
  if (equalBytes(jsonFile(value), bytes)) return value;
  throw malformedPackage(`${path}: expected RFC 8785 and a newline, found another spelling`);
}

const ALWAYS = PACKAGE_PATHS.slice(PACKAGE_PATHS.indexOf('trust/control-plane-https.pem'));

/** Regular files of a package, and those that every package has. */
export function checkFiles(entries: ReadonlyMap<string, PackageEntry>): Passed<PackageFiles> {
  const missing = ALWAYS.find((path) => !entries.has(path));
  if (missing !== undefined) throw malformedPackage(`expected the file ${missing}, found none`);
  const known = new Set<string>([...PACKAGE_PATHS, 'trust']);
  const foreign = [...entries.keys()].find((path) => !known.has(path));
  if (foreign !== undefined) throw malformedPackage(`expected the files of a package only, found ${foreign}`);
  const found = PACKAGE_PATHS.flatMap((path) => {
    const entry = entries.get(path);
    return entry === undefined ? [] : [{ path, ...entry }];
  });
  const odd = found.find((entry) => entry.kind !== 'file');
  if (odd !== undefined) throw malformedPackage(`${odd.path}: expected a file, found ${odd.kind}`);
  return { detail: `${found.length} files and no other`, value: new Map(found.map(({ path, bytes }) => [path, bytes])) };
}

/** The manifest says which files there are; another one beside them would be taken for a part of the package. @throws ERR_PACKAGE_MALFORMED */
export function assertSet(files: PackageFiles, manifest: PackageManifest): void {
  const expected = packagePaths(manifest);
  const odd = [...expected.filter((path) => !files.has(path)), ...[...files.keys()].filter((path) => !expected.includes(path))];
  if (odd.length > 0) throw malformedPackage(`expected ${expected.join(', ')}, found a difference: ${odd.join(', ')}`);
}

/** @returns the files that are rendered, unpacked, and their format. @throws ERR_PACKAGE_MALFORMED */
export function artifactsOf(
  files: PackageFiles,
  gunzip: Gunzip,
): { readonly format: FormatName; readonly artifacts: Map<string, Uint8Array> } {
  const artifacts = new Map<string, Uint8Array>();
  for (const path of ARTIFACT_PATHS) {
    const bytes = files.get(path);
    if (bytes !== undefined) artifacts.set(path, bytes);
  }
  const packed = files.get(GZIP_PATH);
  if (packed !== undefined) artifacts.set('user-data', gunzip(packed, FORMAT_TABLE['cloud-config'].maxBytes));
  return { format: formatOfPackage(artifacts), artifacts };
}

export function checkModes(entries: ReadonlyMap<string, PackageEntry>, files: PackageFiles, ignore: boolean): Passed<true> {
  if (ignore) return warned('not compared: whoever can read the medium can read what the package holds, and the token with it');
  for (const path of files.keys()) {
    const { mode } = entries.get(path) as PackageEntry;
    // Narrower is as good: a umask of 077 takes bits away.
    if ((mode & ~PACKAGE_FILE_MODES[path]) === 0) continue;
    const expected = octal(PACKAGE_FILE_MODES[path]);
    throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected mode ${expected} or narrower, found ${octal(mode)}`, {
      hint: 'on a medium without modes (FAT): --ignore-modes',
    });
  }
  return passed('what may hold the token at most 0600, the others at most 0644');
}

export function checkSums(files: PackageFiles): Passed<true> {
  const text = decodeUtf8(bytesOf(files, 'SHA256SUMS'), 'SHA256SUMS');
  const sums = parseSums(text);
  const listed = [...files.keys()].filter((path) => path !== 'SHA256SUMS');
  if (sums.size !== listed.length) throw malformedPackage(`SHA256SUMS: expected ${listed.length} lines, found ${sums.size}`);
  for (const path of listed) {
    if (sums.get(path) !== digestOf(bytesOf(files, path)))
      throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected the digest of SHA256SUMS, found another`);
  }
  // No signature covers this file: nothing but its lines may stand in it.
  if (text !== renderSums(listed.map((path) => ({ path, bytes: bytesOf(files, path) }))))
    throw malformedPackage('SHA256SUMS: expected the lines that joinery writes, found more or another order');
  return passed(`${listed.length} digests`);
}
