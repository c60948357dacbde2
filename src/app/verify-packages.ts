import { type CheckRow, Checklist, passed, warned } from '../core/onboarding/checklist.ts';
import { BATCH_PATHS, type BatchManifest, type IndexEntry } from '../core/onboarding/batch-manifest.ts';
import { FORMAT_TABLE } from '../core/onboarding/formats/table.ts';
import type { Onboarding } from '../core/onboarding/model.ts';
import { assertFingerprints, assertPaths, assertUrls } from '../core/onboarding/rules.ts';
import { type PackageTrust, readPackageTrust } from '../core/onboarding/trust.ts';
import {
  BATCH_FILES,
  type BatchFiles,
  type BatchIndex,
  checkBatchFiles,
  checkNode,
  type NodeVerification,
  readBatchManifest,
  readIndex,
} from '../core/onboarding/verify-batch.ts';
import { canonicalOf, malformedPackage, type PackageEntry } from '../core/onboarding/verify-files.ts';
import { checkSignature, checkTrustRows, describeTrust, readTrustParts, type VerifyOptions } from '../core/onboarding/verify-trust.ts';
import type { Files } from '../core/ports.ts';
import { knownDigests, realmRows, type VerifyPackageOptions, type VerifyPackageResult, type VerifyWorld } from './verify-package.ts';

const CHECKS = [
  'files',
  'manifest',
  'index',
  'nodes',
  'rules',
  'trust-manifests',
  'trust-separate',
  'trust-expiry',
  'first-trust',
  'signature',
] as const;
type Name = (typeof CHECKS)[number];

/** Many nodes' names and digests. */
const MAX_INDEX_BYTES = 256 * 1024 * 1024;
const MAX_FILE_BYTES = 1024 * 1024;

/** True for a directory of `package render --from`. */
export async function isBatch(files: Files, directory: string): Promise<boolean> {
  if ((await files.stat(directory))?.kind === 'file') return false;
  return (await files.stat(`${directory}/${BATCH_PATHS.manifest}`)) !== undefined;
}

/**
 * Proves the packages of many nodes, one after another; nothing of one is kept when the next is read.
 * @param onProgress is told how many nodes were looked at.
 * @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE
 */
export async function verifyPackages(
  world: VerifyWorld,
  directory: string,
  { ignoreModes = false, realm, trustDigest }: VerifyPackageOptions,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<VerifyPackageResult> {
  const options: VerifyOptions = {
    now: world.clock.now(),
    verifySignature: world.verifySignature,
    gunzip: world.gunzip,
    knownDigests: await knownDigests(realm, trustDigest),
    ignoreModes,
  };
  const list = new Checklist<Name>(CHECKS);
  const files = await readAround(world.files, directory);
  if (list.run('files', () => checkBatchFiles(files)) === undefined) return resultOf(list.rows);
  const manifest = list.run('manifest', () => readBatchManifest(files));
  const index = manifest && list.run('index', () => readIndex(files, manifest));
  if (manifest === undefined || index === undefined) return resultOf(list.rows);
  const nodes = await checkNodes(world.files, directory, index, { manifest, options, onProgress });
  const common = list.run('nodes', () => nodes.verdict());
  if (common === undefined) return resultOf(list.rows);
  checkCommon(list, { files, manifest, options, common });
  const rows = realm === undefined ? [] : await realmRows(realm, common, nodes.tokens);
  return resultOf([...list.rows, ...rows]);
}

function resultOf(rows: readonly CheckRow[]): VerifyPackageResult {
  return { ok: rows.every((row) => row.result !== 'failed' && row.result !== 'skipped'), rows };
}

async function readEntry(files: Files, path: string, maxBytes: number): Promise<PackageEntry | undefined> {
  const info = await files.stat(path);
  if (info === undefined) return undefined;
  const { kind, mode } = info;
  return { kind, mode, bytes: kind === 'file' ? await files.read(path, maxBytes) : new Uint8Array() };
}

async function readAround(files: Files, directory: string): Promise<BatchFiles> {
  const inTrust = (await files.stat(`${directory}/trust`))?.kind === 'directory' ? await files.list(`${directory}/trust`) : [];
  const names = [...(await files.list(directory)), ...inTrust.map((name) => `trust/${name}`)];
  const entries = new Map<string, PackageEntry>();
  for (const name of names) {
    const known = BATCH_FILES.includes(name);
    const limit = name.startsWith('trust/') ? MAX_FILE_BYTES : MAX_INDEX_BYTES;
    // Of what does not belong there the name is enough.
    const entry = known
      ? await readEntry(files, `${directory}/${name}`, limit)
      : { kind: 'other' as const, mode: 0, bytes: new Uint8Array() };
    if (entry !== undefined) entries.set(name, entry);
  }
  return entries;
}

interface Walk {
  readonly manifest: BatchManifest;
  readonly options: VerifyOptions;
  readonly onProgress: (done: number, total: number) => void;
}

async function checkNodes(files: Files, directory: string, index: BatchIndex, { manifest, options, onProgress }: Walk) {
  let first: NodeVerification | undefined;
  let failure: { readonly error: unknown } | undefined;
  const tokens: { readonly node: string; readonly token: NodeVerification['token'] }[] = [];
  for (const [node, entries] of index) {
    try {
      const read = await readNode(files, directory, entries, FORMAT_TABLE[manifest.format].maxBytes);
      const common = first?.inspection.model.onboarding;
      const verified = checkNode(node, read, { manifest, options, ...(common !== undefined && { common }) });
      first ??= verified;
      tokens.push({ node, token: verified.token });
    } catch (error) {
      failure ??= { error };
    }
    if (tokens.length % 256 === 0) onProgress(tokens.length, index.size);
  }
  const foreign = await foreignFile(files, directory, index);
  const verdict = (): { readonly detail: string; readonly value: Onboarding } => {
    if (failure !== undefined) throw failure.error;
    if (foreign !== undefined) throw malformedPackage(`expected the files of the index only, found ${foreign}`);
    const { onboarding } = (first as NodeVerification).inspection.model;
    const tokens = manifest.token === undefined ? '' : ', each with a token for its node alone';
    return { detail: `${index.size} read back, as the index has them${tokens}`, value: onboarding };
  };
  return { tokens, verdict };
}

async function readNode(files: Files, directory: string, entries: readonly IndexEntry[], maxBytes: number) {
  return Promise.all(
    entries.map(async (entry) => {
      const file = await readEntry(files, `${directory}/${entry.path}`, maxBytes);
      if (file === undefined) throw malformedPackage(`${entry.path}: expected a file, found none`);
      return { entry, file };
    }),
  );
}

/** A file that nobody signed would be handed out with the others. */
async function foreignFile(files: Files, directory: string, index: BatchIndex): Promise<string | undefined> {
  const known = new Set([...index.values()].flat().flatMap(({ path }) => [path, path.split('/').slice(0, 2).join('/')]));
  for (const name of await files.list(`${directory}/nodes`)) {
    const path = `nodes/${name}`;
    if (!known.has(path)) return path;
    if ((await files.stat(`${directory}/${path}`))?.kind !== 'directory') continue;
    const inner = (await files.list(`${directory}/${path}`)).find((file) => !known.has(`${path}/${file}`));
    if (inner !== undefined) return `${path}/${inner}`;
  }
  return undefined;
}

interface Common {
  readonly files: BatchFiles;
  readonly manifest: BatchManifest;
  readonly options: VerifyOptions;
  readonly common: Onboarding;
}

/** What is one for all nodes: rules of paths and URLs, the trust, and the signature. */
function checkCommon(list: Checklist<Name>, { files, manifest, options, common }: Common): void {
  const bytesOf = (path: string) => (files.get(path) as PackageEntry).bytes;
  const { url_override: override } = manifest;
  list.run('rules', () => {
    assertPaths(common);
    assertUrls(common, override?.urls ?? []);
    return override === undefined
      ? passed('paths and URLs')
      : warned(`outside ${common.environment.domain} with a reason: ${override.reason}`);
  });
  const trust = list.run('trust-manifests', (): { readonly detail: string; readonly value: PackageTrust } => {
    const parts = readTrustParts(bytesOf);
    assertFingerprints(common, parts);
    const value = readPackageTrust(common, parts, options.verifySignature);
    return { detail: describeTrust(value), value };
  });
  if (trust === undefined) return;
  const what = BATCH_PATHS.signature;
  checkTrustRows(list, trust, options, () => {
    const signed = { envelope: canonicalOf(bytesOf(what), what), what, type: 'package-batch+jws', document: manifest } as const;
    return checkSignature(signed, trust, options.verifySignature);
  });
}
