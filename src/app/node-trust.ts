/** The trust files of a node: the PEM of each purpose, the state, and beside it the manifests that the state names. */
import { canonicalBytes, canonicalJson, type JsonObject, parseStrictJson } from '../core/canonical-json.ts';
import { digestOf } from '../core/digest.ts';
import { concat, decodeUtf8, utf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import type { Clock, Files } from '../core/ports.ts';
import { canonicalBundle, MAX_BUNDLE } from '../core/trust/bundle.ts';
import { chainDocument, parseChain } from '../core/trust/chain.ts';
import { readManifest } from '../core/trust/manifest.ts';
import {
  changeState,
  EMPTY_NODE_STATE,
  type NodeChange,
  type NodeState,
  type NodeStateEntry,
  parseNodeState,
  trustOf,
} from '../core/trust/node-state.ts';
import { otherPurpose, type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { type AnchorsOf, assertSeparate } from '../core/trust/separation.ts';
import type { KnownVersion, NodeTrust, Offer } from '../core/trust/walk.ts';

/** What trust on a node needs: no realm. */
export interface NodeWorld {
  readonly files: Files;
  readonly clock: Clock;
  readonly verifySignature: VerifySignature;
  /** Who does it, for the node's own history. */
  readonly actor: string;
}

export interface NodePaths<P extends Purpose = Purpose> {
  readonly purpose: P;
  /** The PEM file that programs on the node read. */
  readonly path: string;
  /** `state.json`; the manifests lie beside it. */
  readonly statePath: string;
}

/** Bytes of one input document: 10 000 versions of a small bundle. */
export const MAX_DOCUMENT = 64 * 1024 * 1024;
const MAX_STATE = 1024 * 1024;

const PUBLIC_FILE = 0o644;

/** A chain document from outside. @throws ERR_INPUT_TOO_LARGE (TUF: endless data), ERR_JSON_MALFORMED, ERR_TRUST_ENVELOPE_MALFORMED */
export function readOffers(bytes: Uint8Array, what: string): readonly Offer[] {
  const value = parseStrictJson(decodeUtf8(bytes, what), what, { maxLength: MAX_DOCUMENT });
  return parseChain(value, what).map((version) => ({ version, what }));
}

/** The state, empty where there is no file. @throws ERR_TRUST_STATE_MALFORMED, ERR_FILE_ACCESS */
export async function readNodeState({ files }: Pick<NodeWorld, 'files'>, statePath: string): Promise<NodeState> {
  if ((await files.stat(statePath)) === undefined) return EMPTY_NODE_STATE;
  const text = decodeUtf8(await files.read(statePath, MAX_STATE), statePath);
  return parseNodeState(parseStrictJson(text, statePath), statePath);
}

/** What the node trusts for a purpose, as its state and manifests say. @throws ERR_TRUST_STATE_MALFORMED */
export async function readNodeTrust<P extends Purpose>(
  world: NodeWorld,
  state: NodeState,
  purpose: P,
  statePath: string,
): Promise<NodeTrust<P> | undefined> {
  const entry = state.purposes[purpose];
  if (entry === undefined) return undefined;
  const path = manifestsPath(statePath, purpose);
  const kept = await readKept(world, path);
  const known = kept.map(({ version, what }): KnownVersion<P> => {
    return { version, signed: readManifest(version.manifest, purpose, world.verifySignature, what) };
  });
  return trustOf(entry, known, path);
}

/** The PEM by which a node verifies platform endpoints, undefined before first trust. @throws ERR_TRUST_STATE_MALFORMED */
export async function endpointTrust(world: NodeWorld, statePath: string): Promise<string | undefined> {
  const trust = await readNodeTrust(world, await readNodeState(world, statePath), 'control-plane-https', statePath);
  return trust?.held.signed.manifest.bundle_pem;
}

async function readKept({ files }: NodeWorld, path: string): Promise<readonly Offer[]> {
  try {
    return readOffers(await files.read(path, MAX_STATE * 8), path);
  } catch (cause) {
    if (!isJoineryError(cause)) throw cause;
    throw new JoineryError('ERR_TRUST_STATE_MALFORMED', `expected the manifests of the state, found: ${cause.message}`, { cause });
  }
}

const beside = (statePath: string, name: string): string => `${statePath.slice(0, statePath.lastIndexOf('/') + 1)}${name}`;

/** Beside the state: `control-plane-https.manifest.json`. */
export function manifestsPath(statePath: string, purpose: Purpose): string {
  return beside(statePath, `${purpose}.manifest.json`);
}

/** Where the PEM is: as the state says, or beside it, as an onboarding package puts it (FORMATS 3). */
export function pemPath(state: NodeState, purpose: Purpose, statePath: string): string {
  return state.purposes[purpose]?.path ?? beside(statePath, `${purpose}.pem`);
}

/**
 * The guard of every write: a regular file or none, not the other purpose's under any name, and no anchor in common.
 * @throws ERR_TRUST_PATH_SHARED, ERR_TRUST_ANCHOR_SHARED
 */
export async function assertNodeApart(world: NodeWorld, state: NodeState, paths: NodePaths, next: KnownVersion): Promise<void> {
  const other = otherPurpose(paths.purpose);
  await assertPathsApart(world.files, paths, pemPath(state, other, paths.statePath));
  const theirs = await readNodeTrust(world, state, other, paths.statePath);
  if (theirs === undefined) return;
  const reason = next.signed.manifest.shared_anchor_reason ?? theirs.held.signed.manifest.shared_anchor_reason;
  const ours = { purpose: paths.purpose, anchors: next.signed.anchors };
  assertSeparate(ours, { purpose: other, anchors: theirs.held.signed.anchors }, reason, world.verifySignature);
}

/**
 * The guard of a reset, which is also for a node that lost the manifests of both purposes: then the other's anchors are those of
 * its PEM, where that still is what the state says. Without this each purpose would wait for the other.
 * @throws ERR_TRUST_PATH_SHARED, ERR_TRUST_ANCHOR_SHARED
 */
export async function assertResetApart(world: NodeWorld, state: NodeState, paths: NodePaths, next: KnownVersion): Promise<void> {
  try {
    await assertNodeApart(world, state, paths, next);
  } catch (error) {
    if (!isJoineryError(error) || error.code !== 'ERR_TRUST_STATE_MALFORMED') throw error;
    const { anchors, manifest } = next.signed;
    const theirs = await anchorsOfPem(world, state, otherPurpose(paths.purpose), paths.statePath);
    assertSeparate({ purpose: paths.purpose, anchors }, theirs, manifest.shared_anchor_reason, world.verifySignature);
  }
}

async function anchorsOfPem(
  { files, verifySignature }: NodeWorld,
  state: NodeState,
  purpose: Purpose,
  statePath: string,
): Promise<AnchorsOf> {
  const path = pemPath(state, purpose, statePath);
  // Only an entry has manifests that can be lost.
  const { fingerprint } = state.purposes[purpose] as NodeStateEntry;
  if (!(await pemMatches(files, path, fingerprint))) return { purpose, anchors: [] };
  const text = decodeUtf8(await files.read(path, MAX_BUNDLE), path);
  return { purpose, anchors: canonicalBundle([{ text, what: path }], verifySignature).anchors };
}

async function assertPathsApart(files: Files, { path, purpose, statePath }: NodePaths, otherPath: string): Promise<void> {
  const refuse = (found: string): never => {
    throw new JoineryError('ERR_TRUST_PATH_SHARED', `--path: expected a file of its own for ${purpose}, found ${found}`, {
      details: { path },
    });
  };
  const here = await files.stat(path);
  if (here !== undefined && here.kind !== 'file') refuse(`a ${here.kind}`);
  if (path === otherPath) refuse("the other purpose's path");
  for (const taken of [statePath, ...PURPOSES.map((each) => manifestsPath(statePath, each))]) {
    if (await isSamePlace(files, path, taken)) refuse('the path of the state');
  }
  if (await isSamePlace(files, path, otherPath)) refuse(`the same file as ${otherPath}`);
}

/** One file under two names: a hard link, or one directory under two names, where the files themselves need not exist yet. */
async function isSamePlace(files: Files, one: string, two: string): Promise<boolean> {
  const there = await files.stat(two);
  if (there !== undefined) return (await files.stat(one))?.identity === there.identity;
  if (one.slice(one.lastIndexOf('/') + 1) !== two.slice(two.lastIndexOf('/') + 1)) return false;
  // With the dot a link to the directory is followed.
  const [here, its] = [await files.stat(beside(one, '.')), await files.stat(beside(two, '.'))];
  return here !== undefined && here.identity === its?.identity;
}

export interface NodeTrustChange {
  readonly before: NodeTrust | undefined;
  readonly after: NodeTrust;
  readonly event: NodeChange['event'];
}

/**
 * Writes a change so that a kill at any point is safe: manifests (a superset of what the old state names), then the state, then
 * the PEM. A PEM that is behind its state is written again by the next run ({@link healPem}).
 */
export async function writeNodeTrust(
  world: NodeWorld,
  state: NodeState,
  paths: NodePaths,
  { before, after, event }: NodeTrustChange,
): Promise<void> {
  const { purpose, path, statePath } = paths;
  const kept = distinct([...versionsOf(after), ...(before === undefined ? [] : versionsOf(before))]);
  await assertUnchanged(world, state, statePath);
  const next = changeState(state, purpose, after, { event, path, now: world.clock.now(), actor: world.actor });
  await world.files.replace(
    manifestsPath(statePath, purpose),
    documentBytes(chainDocument(kept.map(({ version }) => version))),
    PUBLIC_FILE,
  );
  await world.files.replace(statePath, documentBytes(asObject(next)), PUBLIC_FILE);
  await writePem(world.files, path, after.held);
}

/** Another apply (a timer beside a person) may have gone further meanwhile: neither floor nor file may fall back to what was read. */
async function assertUnchanged(world: NodeWorld, state: NodeState, statePath: string): Promise<void> {
  const now = await readNodeState(world, statePath);
  if (canonicalJson(asObject(now)) === canonicalJson(asObject(state))) return;
  throw new JoineryError('ERR_STORE_CONFLICT', `${statePath}: expected the state as it was read, found it changed by another process`, {
    hint: 'run the command again',
  });
}

function versionsOf({ held, floor, previous }: NodeTrust): readonly KnownVersion[] {
  return previous === undefined ? [held, floor] : [previous, held, floor];
}

function distinct(versions: readonly KnownVersion[]): readonly KnownVersion[] {
  return [...new Map(versions.map((known) => [known.signed.digest, known])).values()];
}

/** The state is a document; the compiler does not see it, because interfaces have no index signature. */
function asObject(state: NodeState): JsonObject {
  return state as unknown as JsonObject;
}

function documentBytes(document: JsonObject): Uint8Array {
  return concat(canonicalBytes(document), utf8('\n'));
}

async function writePem(files: Files, path: string, held: KnownVersion): Promise<void> {
  await files.replace(path, utf8(held.signed.manifest.bundle_pem), PUBLIC_FILE);
}

/** True when the file holds exactly the held bundle. */
export async function pemMatches(files: Files, path: string, fingerprint: string): Promise<boolean> {
  const info = await files.stat(path);
  if (info?.kind !== 'file' || info.size > MAX_BUNDLE) return false;
  return digestOf(await files.read(path, MAX_BUNDLE)) === fingerprint;
}

/** Writes the held bundle again where the file is not it: after a kill, or after somebody edited it. @returns whether it had to. */
export async function healPem(world: NodeWorld, state: NodeState, paths: NodePaths, held: KnownVersion): Promise<boolean> {
  if (await pemMatches(world.files, paths.path, held.signed.manifest.sha256_fingerprint)) return false;
  await assertNodeApart(world, state, paths, held);
  await assertUnchanged(world, state, paths.statePath);
  await writePem(world.files, paths.path, held);
  return true;
}
