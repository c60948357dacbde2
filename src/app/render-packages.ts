import type { JsonObject } from '../core/canonical-json.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { SigningKey } from '../core/key-ports.ts';
import { assemblePackage, assertModel, type AssembleInput, packFor, type UnsignedPackage } from '../core/onboarding/assemble.ts';
import { assertFaithful, batchRenderer, type BatchRenderer } from '../core/onboarding/batch.ts';
import { BATCH_PATHS, type BatchManifest, batchPath, describeBatch, INDEX_PATH, indexLine } from '../core/onboarding/batch-manifest.ts';
import { jsonFile } from '../core/onboarding/files.ts';
import type { Artifact } from '../core/onboarding/formats/artifact.ts';
import { FORMAT_TABLE } from '../core/onboarding/formats/table.ts';
import { describeSize, userDataSize, type UserDataSize } from '../core/onboarding/limits.ts';
import { GZIP_PATH, type PackageFile, TOKEN_PATH, trustFiles } from '../core/onboarding/manifest.ts';
import { checkPackageToken } from '../core/onboarding/token.ts';
import { tokenCopies } from '../core/onboarding/token-copies.ts';
import type { StagedTree } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { signEnvelope } from '../core/trust/envelope.ts';
import { mintBatch } from './mint-batch.ts';
import type { BatchToken } from './token-steps.ts';
import { exposureOf } from './package-media.ts';
import {
  openPackageSigner,
  type PackageRequest,
  type PackageWorld,
  preparePackage,
  type PreparedPackage,
  withToken,
} from './package-request.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export interface RenderPackagesInput extends Omit<PackageRequest, 'node'> {
  /** At least one, each once. */
  readonly nodes: readonly string[];
}

export interface RenderPackagesResult {
  readonly out: string;
  readonly manifest: BatchManifest;
  readonly trustDigest: Digest;
  /** Of the first node's user-data; the others differ by the length of their names. */
  readonly size?: UserDataSize;
  readonly tokenCopies: readonly string[];
  readonly warnings: readonly string[];
}

/** Nodes and their tokens as they are minted; `token` is empty where none is. */
type Step = readonly Pick<BatchToken, 'node' | 'token'>[];
const STEP_WITHOUT_TOKENS = 256;

/**
 * One package for each node, each with a token of its own, under one signature. Every token is registered, and the audit record written,
 * before the directory can be seen; a crash leaves tokens that nobody has, and no package.
 * @param onProgress is told how many are written.
 * @throws as `renderPackage`
 */
export async function renderPackages(
  realm: Realm,
  { nodes, ...request }: RenderPackagesInput,
  world: PackageWorld,
  onProgress: (done: number) => void,
): Promise<RenderPackagesResult> {
  const prepared = await preparePackage(realm, { ...request, node: nodes[0] as string }, world);
  assertModel(prepared.input);
  const signer = await openPackageSigner(realm, prepared.active);
  const tree = await world.stageTree(request.out);
  try {
    const written = await writeNodes(realm, prepared, nodes, tree, onProgress);
    const manifest = await seal(prepared, written, signer, tree);
    await commit(realm.store, { checks: [], writes: [], audit: [auditEvent(realm, auditOf(manifest))] });
    await tree.publish();
    const [{ path }] = written.first.files as readonly [PackageFile];
    const exposed = await exposureOf(realm.files, request.out, { path: batchPath(manifest.format, nodes[0] as string, path), mode: 0o600 });
    return resultOf(request.out, prepared, manifest, written.first, exposed);
  } catch (error) {
    await tree.discard();
    throw error;
  }
}

function resultOf(
  out: string,
  prepared: PreparedPackage,
  manifest: BatchManifest,
  { size }: UnsignedPackage,
  exposed: readonly string[],
): RenderPackagesResult {
  return {
    out,
    manifest,
    trustDigest: prepared.active['control-plane-https'].signed.digest,
    ...(size !== undefined && { size }),
    tokenCopies: manifest.token?.delivery === 'embedded' ? tokenCopies(manifest.format) : [],
    warnings: [...prepared.warnings, ...exposed],
  };
}

interface Written {
  readonly nodes: number;
  /** The first node's package, with all its checks. */
  readonly first: UnsignedPackage;
  readonly index: string;
  readonly sums: string;
}

async function writeNodes(
  realm: Realm,
  prepared: PreparedPackage,
  nodes: readonly string[],
  tree: StagedTree,
  onProgress: (done: number) => void,
): Promise<Written> {
  const steps = await stepsOf(realm, prepared, nodes);
  let writer: Writer | undefined;
  let done = 0;
  // The next step is signed and on its way to the disk while this one is written.
  let next = steps.next();
  for (let step = await next; step.done !== true; step = await next) {
    next = steps.next();
    // Whoever awaits it sees its failure: until then it is not unhandled.
    next.catch(() => undefined);
    writer ??= firstWriter(realm, prepared, step.value, tree);
    writer.write(step.value);
    done += step.value.length;
    onProgress(done);
  }
  const { first, index, sums } = writer as Writer;
  return { nodes: done, first, index: index.join(''), sums: sums.join('') };
}

async function stepsOf(realm: Realm, { tokenRequest }: PreparedPackage, nodes: readonly string[]): Promise<AsyncGenerator<Step>> {
  return tokenRequest === undefined ? bare(nodes) : (await mintBatch(realm, { ...tokenRequest, nodes })).steps;
}

async function* bare(nodes: readonly string[]): AsyncGenerator<Step> {
  for (let at = 0; at < nodes.length; at += STEP_WITHOUT_TOKENS) {
    yield nodes.slice(at, at + STEP_WITHOUT_TOKENS).map((node) => ({ node, token: '' }));
  }
}

function tokenOf({ token }: Step[number]): Secret | undefined {
  return token === '' ? undefined : new Secret(token);
}

/** Renders the first package with every check, and takes it as the measure of the others. */
function firstWriter(realm: Realm, { input }: PreparedPackage, [first]: Step, tree: StagedTree): Writer {
  const token = tokenOf(first as Step[number]);
  const whole = withToken(input, token);
  const unsigned = assemblePackage(whole);
  checkPackageToken(token, input.model.onboarding, realm.clock.now(), input.tokenAllowance);
  return new Writer(whole, unsigned, tree);
}

class Writer {
  readonly first: UnsignedPackage;
  readonly index: string[] = [];
  readonly sums: string[] = [];
  readonly #input: AssembleInput;
  readonly #tree: StagedTree;
  readonly #render: BatchRenderer;

  constructor(input: AssembleInput, first: UnsignedPackage, tree: StagedTree) {
    this.first = first;
    this.#input = input;
    this.#tree = tree;
    this.#render = batchRenderer(input.format, input.model, input.assets);
  }

  write(step: Step): void {
    const { format, model } = this.#input;
    const lines = { index: '', sums: '' };
    const embedded = model.onboarding.token_delivery === undefined;
    for (const [place, entry] of step.entries()) {
      const node = entry.node as string;
      const token = tokenOf(entry);
      const artifacts = this.#render(node, embedded ? token : undefined);
      if (place === 0) assertFaithful(format, { ...model.onboarding, node }, embedded ? token : undefined, artifacts);
      for (const artifact of artifacts) this.#put(lines, node, this.#compressed(artifact));
      if (!embedded && token !== undefined) this.#put(lines, node, { path: TOKEN_PATH, bytes: utf8(token.reveal()) });
    }
    this.index.push(lines.index);
    this.sums.push(lines.sums);
  }

  #put(lines: { index: string; sums: string }, node: string, { path, bytes, sha256 = digestOf(bytes) }: Artifact): void {
    const place = batchPath(this.#input.format, node, path);
    this.#tree.write(place, bytes, 0o600);
    lines.index += indexLine({ node, path: place, sha256 });
    lines.sums += `${sha256}  ${place}\n`;
  }

  #compressed(artifact: Artifact): Artifact {
    const { format, gzip, target } = this.#input;
    if (artifact.path !== FORMAT_TABLE[format].userData) return artifact;
    const pack = this.first.manifest.compression === 'gzip';
    const sent = pack ? { path: GZIP_PATH, bytes: packFor(target, artifact.bytes, gzip) } : artifact;
    // A longer name can be the one that is too long.
    if (target === undefined || !userDataSize(sent.bytes.length).tooLargeFor.includes(target)) return sent;
    const found = describeSize(userDataSize(sent.bytes.length));
    throw new JoineryError('ERR_PACKAGE_SIZE', `--target ${target}: expected user-data within its limit, found ${found}`);
  }
}

/** The files around those of the nodes; the index, by which every other file is known to have arrived, is synced last. */
async function seal({ input }: PreparedPackage, written: Written, signer: SigningKey, tree: StagedTree): Promise<BatchManifest> {
  const { format, target, tokenAllowance, urlOverride, model } = input;
  const { compression, token } = written.first.manifest;
  const index = utf8(written.index);
  const manifest = describeBatch(model.onboarding, {
    format,
    ...(target !== undefined && { target }),
    ...(compression !== undefined && { compression }),
    ...(token !== undefined && { token: { expires_at: token.expires_at, delivery: token.delivery } }),
    ...(tokenAllowance !== undefined && { token_override: { ...tokenAllowance } }),
    ...(urlOverride !== undefined && { url_override: urlOverride }),
    nodes: written.nodes,
    index_sha256: digestOf(index),
  });
  const signature = await signEnvelope(manifest, 'package-batch+jws', [signer]);
  const around = [
    ...trustFiles(input.trust),
    { path: BATCH_PATHS.manifest, bytes: jsonFile(manifest) },
    { path: BATCH_PATHS.signature, bytes: jsonFile(signature) },
  ];
  for (const { path, bytes } of around) await tree.sync(path, bytes, 0o644);
  const sums = [...around, { path: INDEX_PATH, bytes: index }].map(({ path, bytes }) => `${digestOf(bytes)}  ${path}\n`);
  await tree.sync(BATCH_PATHS.sums, utf8(written.sums + sums.join('')), 0o644);
  await tree.sync(INDEX_PATH, index, 0o644);
  return manifest;
}

function auditOf({ format, cluster, role, token, trust, nodes, index_sha256, url_override, token_override }: BatchManifest) {
  const details = {
    format,
    cluster,
    role,
    nodes,
    token_delivery: token?.delivery,
    trust,
    index_sha256,
    url_override,
    token_override,
  } as JsonObject;
  return { event: 'package.render', subject: `${cluster}/${role}`, details } as const;
}
