/** Proves the packages of many nodes: the files around them, and then one node after another. */
import { canonicalJson } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { decodeUtf8, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { BATCH_PATHS, type BatchManifest, INDEX_PATH, type IndexEntry, parseBatchManifest, parseIndex } from './batch-manifest.ts';
import { type Passed, passed } from './checklist.ts';
import { octal } from './formats/artifact.ts';
import { FORMAT_TABLE } from './formats/table.ts';
import { type Inspection, inspectArtifacts } from './inspect.ts';
import { describeSize, userDataSize } from './limits.ts';
import { GZIP_PATH, pinOf, TOKEN_PATH } from './manifest.ts';
import { isTokenText, type Onboarding } from './model.ts';
import { assertNoPrivateKey } from './rules.ts';
import { checkPackageToken } from './token.ts';
import { canonicalOf, malformedPackage, type PackageEntry } from './verify-files.ts';
import type { VerifyOptions } from './verify-trust.ts';

/** Files around those of the nodes; `nodes` and `trust` are directories. */
const TRUST_FILES = ['control-plane-https', 'node-cert-lifecycle'].flatMap((purpose) => [
  `trust/${purpose}.pem`,
  `trust/${purpose}.manifest.json`,
]);
export const BATCH_FILES: readonly string[] = [...TRUST_FILES, BATCH_PATHS.manifest, BATCH_PATHS.signature, BATCH_PATHS.sums, INDEX_PATH];

export type BatchFiles = ReadonlyMap<string, PackageEntry>;

function bytesOf(files: BatchFiles, path: string): Uint8Array {
  return (files.get(path) as PackageEntry).bytes;
}

/** @throws ERR_PACKAGE_MALFORMED */
export function checkBatchFiles(files: BatchFiles): Passed<true> {
  const missing = BATCH_FILES.find((path) => files.get(path)?.kind !== 'file');
  if (missing !== undefined) throw malformedPackage(`expected the file ${missing}, found none`);
  const known = new Set([...BATCH_FILES, 'nodes', 'trust']);
  const foreign = [...files.keys()].find((path) => !known.has(path));
  if (foreign !== undefined) throw malformedPackage(`expected the files of packages only, found ${foreign}`);
  return passed(`${BATCH_FILES.length} files around those of the nodes`);
}

export function readBatchManifest(files: BatchFiles): Passed<BatchManifest> {
  const manifest = parseBatchManifest(canonicalOf(bytesOf(files, BATCH_PATHS.manifest), BATCH_PATHS.manifest), BATCH_PATHS.manifest);
  const { nodes, cluster, role, created_at } = manifest;
  return { detail: `${nodes} nodes of cluster ${cluster}, role ${role}, made ${created_at}`, value: manifest };
}

export type BatchIndex = ReadonlyMap<string, readonly IndexEntry[]>;

/** The index is the one that was signed, and the sums are its own. */
export function readIndex(files: BatchFiles, manifest: BatchManifest): Passed<BatchIndex> {
  const bytes = bytesOf(files, INDEX_PATH);
  if (digestOf(bytes) !== manifest.index_sha256)
    throw new JoineryError('ERR_PACKAGE_INVALID', `${INDEX_PATH}: expected the digest of ${BATCH_PATHS.manifest}, found another`);
  const index = parseIndex(decodeUtf8(bytes, INDEX_PATH), manifest);
  const around = [...TRUST_FILES, BATCH_PATHS.manifest, BATCH_PATHS.signature, INDEX_PATH];
  const lines = [...index.values()].flat().map(({ path, sha256 }) => `${sha256}  ${path}\n`);
  const sums = lines.join('') + around.map((path) => `${digestOf(bytesOf(files, path))}  ${path}\n`).join('');
  if (digestOf(utf8(sums)) !== digestOf(bytesOf(files, BATCH_PATHS.sums)))
    throw new JoineryError(
      'ERR_PACKAGE_INVALID',
      `${BATCH_PATHS.sums}: expected the digests of the index and of the files around it, found others`,
    );
  return { detail: `${manifest.nodes} nodes, as signed`, value: index };
}

/** What a node has in common with the others. */
export interface NodeCheck {
  readonly manifest: BatchManifest;
  readonly options: VerifyOptions;
  /** Of the node that was looked at first. */
  readonly common?: Onboarding;
}

export interface NodeVerification {
  readonly inspection: Inspection;
  readonly token: Secret | undefined;
}

/**
 * One node: every file by its digest and mode, the document by reading it back, the token by what it grants.
 * @throws ERR_PACKAGE_*, ERR_TOKEN_*
 */
export function checkNode(
  node: string,
  entries: readonly { readonly entry: IndexEntry; readonly file: PackageEntry }[],
  check: NodeCheck,
): NodeVerification {
  const { manifest, options, common } = check;
  for (const { entry, file } of entries) assertFile(entry, file, options.ignoreModes);
  assertNoPrivateKey(
    entries.map(({ entry, file }) => ({ path: entry.path, bytes: file.bytes })),
    options.gunzip,
  );
  const named = new Map(entries.map(({ entry, file }) => [nameOf(entry, node), file.bytes]));
  const inspection = inspectArtifacts(manifest.format, artifactsOf(named, options));
  assertNoPrivateKey(inspection.files, options.gunzip);
  assertSize(named, check);
  const { onboarding } = inspection.model;
  assertOnboarding(onboarding, node, manifest, common);
  const token = inspection.model.token ?? tokenBeside(named.get(TOKEN_PATH), node);
  checkPackageToken(token, onboarding, options.now, manifest.token_override);
  if ((token === undefined) !== (manifest.token === undefined))
    throw malformedPackage(`${node}: expected a token as ${BATCH_PATHS.manifest} says, found it otherwise`);
  return { inspection, token };
}

/** `user-data` of `nodes/n1.user-data`, or of `nodes/n1/user-data`. */
function nameOf({ path }: IndexEntry, node: string): string {
  return path.slice(`nodes/${node}.`.length);
}

function assertFile({ path, sha256 }: IndexEntry, { kind, mode, bytes }: PackageEntry, ignoreModes: boolean): void {
  if (kind !== 'file') throw malformedPackage(`${path}: expected a file, found ${kind}`);
  if (digestOf(bytes) !== sha256) throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected the digest of the index, found another`);
  if (ignoreModes || (mode & ~0o600) === 0) return;
  throw new JoineryError('ERR_PACKAGE_INVALID', `${path}: expected mode 0600 or narrower, found ${octal(mode)}`, {
    hint: 'on a medium without modes (FAT): --ignore-modes',
  });
}

function artifactsOf(named: ReadonlyMap<string, Uint8Array>, { gunzip }: VerifyOptions): ReadonlyMap<string, Uint8Array> {
  const packed = named.get(GZIP_PATH);
  return packed === undefined ? named : new Map([['user-data', gunzip(packed, FORMAT_TABLE['cloud-config'].maxBytes)]]);
}

function assertSize(named: ReadonlyMap<string, Uint8Array>, { manifest: { target, format } }: NodeCheck): void {
  const bytes = named.get(FORMAT_TABLE[format].userData ?? '') ?? named.get(GZIP_PATH);
  if (target === undefined || bytes === undefined || !userDataSize(bytes.length).tooLargeFor.includes(target)) return;
  throw new JoineryError('ERR_PACKAGE_SIZE', `expected user-data that fits ${target}, found ${describeSize(userDataSize(bytes.length))}`);
}

function assertOnboarding(onboarding: Onboarding, node: string, manifest: BatchManifest, common: Onboarding | undefined): void {
  const { created_at, environment, cluster, role, trust } = onboarding;
  const pins = { 'control-plane-https': pinOf(trust['control-plane-https']), 'node-cert-lifecycle': pinOf(trust['node-cert-lifecycle']) };
  const said = [created_at, environment, cluster, role, pins];
  const signed = [manifest.created_at, manifest.environment, manifest.cluster, manifest.role, manifest.trust];
  if (canonicalJson(said) !== canonicalJson(signed) || onboarding.node !== node)
    throw new JoineryError('ERR_PACKAGE_INVALID', `${node}: expected what ${BATCH_PATHS.manifest} and the index say, found something else`);
  if (common !== undefined && canonicalJson({ ...common, node }) !== canonicalJson(onboarding))
    throw new JoineryError('ERR_PACKAGE_INVALID', `${node}: expected the same as every other node, found something else`);
}

function tokenBeside(bytes: Uint8Array | undefined, node: string): Secret | undefined {
  if (bytes === undefined) return undefined;
  const text = Buffer.from(bytes).toString('latin1');
  if (!isTokenText(text)) throw malformedPackage(`${node}: expected a token of printable characters, found something else`);
  return new Secret(text);
}
