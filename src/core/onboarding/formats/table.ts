/** Every format by name, and which one given files are in. */
import { artifactOf, type Format, malformed } from './artifact.ts';
import { cloudConfig, MAX_USER_DATA_BYTES } from './cloud-config.ts';
import { ignition, IGNITION_PATH } from './ignition.ts';
import { isIso } from './iso9660.ts';
import { isMultipart, multipart } from './multipart.ts';
import { ISO_PATH, nocloud, nocloudIso } from './nocloud.ts';
import { shell, SHELL_PATH } from './shell.ts';
import { isTar, tar, TAR_PATH } from './tar.ts';

export const FORMATS = ['cloud-config', 'nocloud', 'nocloud-iso', 'multipart', 'shell', 'tar', 'ignition'] as const;
export type FormatName = (typeof FORMATS)[number];

export interface FormatFacts extends Format {
  /** Names of its files. */
  readonly paths: readonly ArtifactPath[];
  /** The one that a platform takes as user-data, whose size is limited. */
  readonly userData?: ArtifactPath;
  /** Bytes of one file, at most. */
  readonly maxBytes: number;
}

export const ARTIFACT_PATHS = ['user-data', 'meta-data', ISO_PATH, SHELL_PATH, TAR_PATH, IGNITION_PATH] as const;
export type ArtifactPath = (typeof ARTIFACT_PATHS)[number];

/** The executable of an agent fits into what is no user-data. */
const MAX_ARCHIVE_BYTES = 384 * 1024 * 1024;
/** A seed holds user-data and little else. */
const MAX_ISO_BYTES = MAX_USER_DATA_BYTES + 64 * 2048;

export const FORMAT_TABLE: Readonly<Record<FormatName, FormatFacts>> = {
  'cloud-config': { ...cloudConfig, paths: ['user-data'], userData: 'user-data', maxBytes: MAX_USER_DATA_BYTES },
  nocloud: { ...nocloud, paths: ['user-data', 'meta-data'], userData: 'user-data', maxBytes: MAX_USER_DATA_BYTES },
  'nocloud-iso': { ...nocloudIso, paths: [ISO_PATH], maxBytes: MAX_ISO_BYTES },
  multipart: { ...multipart, paths: ['user-data'], userData: 'user-data', maxBytes: MAX_USER_DATA_BYTES },
  shell: { ...shell, paths: [SHELL_PATH], userData: SHELL_PATH, maxBytes: MAX_ARCHIVE_BYTES },
  tar: { ...tar, paths: [TAR_PATH], maxBytes: MAX_ARCHIVE_BYTES },
  ignition: { ...ignition, paths: [IGNITION_PATH], userData: IGNITION_PATH, maxBytes: MAX_USER_DATA_BYTES },
};

/** Largest file of any format. */
export const MAX_ARTIFACT_BYTES = MAX_ARCHIVE_BYTES;

/** cloud-init alone unpacks what it is given. */
export function takesGzip(format: FormatName): boolean {
  return format === 'cloud-config' || format === 'multipart';
}

/** The format of a file whose name says nothing, by its first bytes. @throws ERR_PACKAGE_MALFORMED */
export function formatOf(bytes: Uint8Array, what: string): FormatName {
  if (isIso(bytes)) return 'nocloud-iso';
  if (isTar(bytes)) return 'tar';
  const start = Buffer.from(bytes.subarray(0, 200)).toString('latin1');
  if (start.startsWith('#cloud-config\n')) return 'cloud-config';
  if (isMultipart(start)) return 'multipart';
  if (start.startsWith('#!/bin/sh\n')) return 'shell';
  if (start.startsWith('{\n "ignition"')) return 'ignition';
  throw malformed(what, `a rendering of joinery (${FORMATS.join(', ')})`, 'something else');
}

/** The format of the files of a package. @throws ERR_PACKAGE_MALFORMED */
export function formatOfPackage(artifacts: ReadonlyMap<string, Uint8Array>): FormatName {
  const found = FORMATS.filter((name) => {
    const { paths } = FORMAT_TABLE[name];
    return paths.length === artifacts.size && paths.every((path) => artifacts.has(path));
  });
  // Two formats are one file of one name: its first bytes tell.
  if (!artifacts.has('user-data')) return found[0] ?? refuse(artifacts);
  return found[0] === 'nocloud' ? 'nocloud' : formatOf(artifactOf(artifacts, 'user-data'), 'user-data');
}

function refuse(artifacts: ReadonlyMap<string, Uint8Array>): never {
  throw malformed('package', `the files of one format (${FORMATS.join(', ')})`, [...artifacts.keys()].join(', ') || 'none');
}
