/** `joinery/trust-state/1`: what a node remembers of its trust (FORMATS 3), and the rule by which it may step back once. */
import type { JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { array, object, oneOf, optional, type Parsed, parseDocument, string } from '../parse.ts';
import { formatInstant, type Instant } from '../time.ts';
import { digestText, instantOf, instantText, type TrustManifest, versionNumber } from './manifest.ts';
import type { Purpose } from './purpose.ts';
import type { KnownVersion, NodeTrust } from './walk.ts';

const change = object({
  time: instantText(),
  event: oneOf(['apply', 'revert', 'reset']),
  version: versionNumber(),
  digest: digestText(),
  actor: optional(string({ maxLength: 500 })),
});

const entry = object({
  /** Version in the file. */
  held: versionNumber(),
  /** Highest version ever accepted. */
  floor: versionNumber(),
  /** Of the held manifest. */
  digest: digestText(),
  /** Of the PEM file. */
  fingerprint: digestText(),
  updated_at: instantText(),
  /** Of the floor's manifest, where it is not the held one. */
  floor_digest: optional(digestText()),
  /** Where the PEM was written. */
  path: optional(string({ maxLength: 4096 })),
  /** The last changes, oldest first: the node's own audit trail. */
  history: optional(array(change, { maxItems: 1000 })),
});

const state = object({
  schema: oneOf(['joinery/trust-state/1']),
  purposes: object({ 'control-plane-https': optional(entry), 'node-cert-lifecycle': optional(entry) }),
});

export type NodeState = Parsed<typeof state>;
export type NodeStateEntry = Parsed<typeof entry>;
export type NodeChange = Parsed<typeof change>;

export const EMPTY_NODE_STATE: NodeState = { schema: 'joinery/trust-state/1', purposes: {} };

/** Changes that the state keeps. */
const HISTORY = 50;

/** @throws ERR_TRUST_STATE_MALFORMED with every wrong path. */
export function parseNodeState(value: JsonValue, what: string): NodeState {
  return parseDocument(state, value, what, 'ERR_TRUST_STATE_MALFORMED');
}

/** The state after a change of one purpose. */
export function changeState(
  before: NodeState,
  purpose: Purpose,
  trust: Pick<NodeTrust, 'held' | 'floor'>,
  done: { readonly event: NodeChange['event']; readonly path: string; readonly now: Instant; readonly actor: string },
): NodeState {
  const { manifest, digest } = trust.held.signed;
  const time = formatInstant(done.now);
  const version = manifest.trust_bundle_version;
  const history = [...(before.purposes[purpose]?.history ?? []), { time, event: done.event, version, digest, actor: done.actor }];
  const entry: NodeStateEntry = {
    held: version,
    floor: trust.floor.signed.manifest.trust_bundle_version,
    digest,
    fingerprint: manifest.sha256_fingerprint,
    updated_at: time,
    ...(trust.floor.signed.digest !== digest && { floor_digest: trust.floor.signed.digest }),
    path: done.path,
    history: history.slice(-HISTORY),
  };
  return { ...before, purposes: { ...before.purposes, [purpose]: entry } };
}

/**
 * Finds the versions that an entry names among those that the node keeps.
 * @throws ERR_TRUST_STATE_MALFORMED when one is not there.
 */
export function trustOf<P extends Purpose>(entry: NodeStateEntry, kept: readonly KnownVersion<P>[], what: string): NodeTrust<P> {
  const find = (digest: string): KnownVersion<P> => {
    const found = kept.find(({ signed }) => signed.digest === digest);
    if (found !== undefined) return found;
    throw new JoineryError(
      'ERR_TRUST_STATE_MALFORMED',
      `${what}: expected the manifest with digest ${digest}, which the state names, found others`,
      {
        hint: 'joinery trust reset with a digest from the operator begins anew',
      },
    );
  };
  const [held, floor] = [find(entry.digest), find(entry.floor_digest ?? entry.digest)];
  assertAgrees(entry, held.signed.manifest, floor.signed.manifest, what);
  return { held, floor, previous: kept.find(({ signed }) => signed.digest === floor.signed.manifest.replaces_digest) };
}

/** The numbers of an entry are those of the manifests that it names: a reset goes by them alone where the manifests are lost. */
function assertAgrees(entry: NodeStateEntry, held: TrustManifest, floor: TrustManifest, what: string): void {
  const [holds, highest] = [held.trust_bundle_version, floor.trust_bundle_version];
  if (entry.held === holds && entry.floor === highest && holds <= highest && entry.fingerprint === held.sha256_fingerprint) return;
  const found = `version ${entry.held} (floor ${entry.floor})`;
  throw new JoineryError('ERR_TRUST_STATE_MALFORMED', `${what}: expected a state of version ${holds} (floor ${highest}), found ${found}`, {
    hint: 'the state was edited: joinery trust reset with a digest from the operator begins anew',
  });
}

/**
 * The version that a node may return to: one step, within the grace window of the version that it leaves, and only to anchors
 * that this version still holds; one that it dropped may be compromised.
 * @throws ERR_TRUST_REVERT
 */
export function revertTarget<P extends Purpose>(trust: NodeTrust<P>, now: Instant, what: string): KnownVersion<P> {
  const { held, floor, previous } = trust;
  const { trust_bundle_version: version, grace_until: grace, anchors } = held.signed.manifest;
  if (held.signed.digest !== floor.signed.digest)
    throw refusal(
      `${what}: expected version ${floor.signed.manifest.trust_bundle_version} in use, found version ${version}: a node returns one step only`,
    );
  if (previous === undefined) throw refusal(`${what}: expected a previous version, found none kept`);
  if (grace === undefined) throw refusal(`${what}: expected a grace window in version ${version}, found none`);
  if (instantOf(grace) < now)
    throw refusal(`${what}: expected a grace window until ${formatInstant(now)} or later, found its end at ${grace}`);
  const standing = new Set(anchors.map((anchor) => anchor.fingerprint));
  const dropped = previous.signed.anchors.find((anchor) => !standing.has(anchor.fingerprint) || anchor.notAfter < now);
  if (dropped !== undefined)
    throw refusal(`${what}: expected anchors that stand in version ${version}, found ${dropped.subject.text} (${dropped.fingerprint})`);
  return previous;
}

function refusal(message: string): JoineryError {
  return new JoineryError('ERR_TRUST_REVERT', message, {
    hint: 'the operator can roll every node back by publishing a new version: joinery trust rollback',
  });
}
