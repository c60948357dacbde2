/** Brings a node to the newest trust bundle version that it is offered, or back by one. Verifies everything before it writes anything. */
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { revertTarget } from '../core/trust/node-state.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { isExpired } from '../core/trust/transition.ts';
import { type MissingLink, type NodeTrust, type Offer, type Walk, walkTrust } from '../core/trust/walk.ts';
import {
  assertNodeApart,
  assertResetApart,
  healPem,
  type NodePaths,
  type NodeWorld,
  readNodeState,
  readNodeTrust,
  writeNodeTrust,
} from './node-trust.ts';

export interface ApplyTrust<P extends Purpose = Purpose> extends NodePaths<P> {
  readonly offers: readonly Offer[];
  /** Of the first manifest; needed where the node trusts nothing yet. */
  readonly firstDigest?: Digest | undefined;
  readonly environment?: { readonly environment_name?: string; readonly environment_domain?: string };
}

export interface AppliedTrust {
  readonly purpose: Purpose;
  /** Version before; undefined on first contact. */
  readonly from: number | undefined;
  readonly version: number;
  readonly floor: number;
  readonly digest: string;
  readonly fingerprint: string;
  readonly expiresAt: string;
  readonly expired: boolean;
  /** How many versions were walked. */
  readonly steps: number;
  /** The file was not what the state said and was written again. */
  readonly healed: boolean;
  /** Why the walk ended before the newest version that was offered. */
  readonly missing: MissingLink | undefined;
}

/**
 * @throws what {@link walkTrust} throws, ERR_TRUST_PATH_SHARED, ERR_TRUST_ANCHOR_SHARED, ERR_TRUST_STATE_MALFORMED, ERR_FILE_*. After a
 *   refusal the file, the state and the manifests are as they were.
 */
export async function applyTrust<P extends Purpose>(world: NodeWorld, input: ApplyTrust<P>): Promise<AppliedTrust> {
  const { purpose, statePath } = input;
  const state = await readNodeState(world, statePath);
  const known = await readNodeTrust(world, state, purpose, statePath);
  const { clock, verifySignature: verify } = world;
  const moved = (state.purposes[purpose]?.path ?? input.path) !== input.path;
  const healed = known !== undefined && !moved && (await healPem(world, state, input, known.held));
  const walk = walkTrust({ ...input, known, now: clock.now(), verify });
  const after = trustAfter(known, walk);
  const result = { ...applied(world, known, after), steps: walk.steps.length, healed, missing: walk.missing };
  if (walk.steps.length === 0 && !moved) return result;
  await assertNodeApart(world, state, input, after.held);
  await writeNodeTrust(world, state, input, { before: known, after, event: 'apply' });
  return result;
}

/** What the node trusts after a walk. Without a step nothing changes: a node that was reverted stays so until a newer version comes. */
function trustAfter<P extends Purpose>(known: NodeTrust<P> | undefined, { steps }: Walk<P>): NodeTrust<P> {
  const newest = steps.at(-1);
  // On first contact a walk has one step at least.
  if (newest === undefined) return known as NodeTrust<P>;
  return { held: newest, floor: newest, previous: steps.at(-2) ?? known?.floor };
}

function applied(world: NodeWorld, before: NodeTrust | undefined, after: NodeTrust): Omit<AppliedTrust, 'steps' | 'healed' | 'missing'> {
  const { manifest, digest } = after.held.signed;
  return {
    purpose: manifest.purpose,
    from: before?.held.signed.manifest.trust_bundle_version,
    version: manifest.trust_bundle_version,
    floor: after.floor.signed.manifest.trust_bundle_version,
    digest,
    fingerprint: manifest.sha256_fingerprint,
    expiresAt: manifest.expires_at,
    expired: isExpired(manifest, world.clock.now()),
  };
}

/** Returns to the previous version, locally (FORMATS 2). @throws ERR_TRUST_REVERT, and what {@link applyTrust} throws of files */
export async function revertTrust<P extends Purpose>(world: NodeWorld, paths: NodePaths<P>): Promise<AppliedTrust> {
  const { state, trust } = await requireTrust(world, paths);
  const target = revertTarget(trust, world.clock.now(), paths.purpose);
  const after: NodeTrust = { ...trust, held: target };
  await assertNodeApart(world, state, paths, target);
  await writeNodeTrust(world, state, paths, { before: trust, after, event: 'revert' });
  return { ...applied(world, trust, after), steps: 0, healed: false, missing: undefined };
}

async function requireTrust<P extends Purpose>(world: NodeWorld, { statePath, purpose }: NodePaths<P>) {
  const state = await readNodeState(world, statePath);
  const trust = await readNodeTrust(world, state, purpose, statePath);
  if (trust !== undefined) return { state, trust };
  throw new JoineryError('ERR_TRUST_REVERT', `${statePath}: expected a version of ${purpose}, found none`, {
    hint: 'joinery trust apply makes the first one',
  });
}

/** Begins anew from a digest that the operator gave by another way: the only way back from lost signers. `floor` does not fall. */
export async function resetTrust<P extends Purpose>(
  world: NodeWorld,
  input: ApplyTrust<P> & { readonly firstDigest: Digest },
): Promise<AppliedTrust> {
  const { purpose, statePath } = input;
  const state = await readNodeState(world, statePath);
  const floor = state.purposes[purpose]?.floor ?? 0;
  const { clock, verifySignature: verify } = world;
  const walk = walkTrust({ ...input, known: undefined, now: clock.now(), verify });
  const after = trustAfter<P>(undefined, walk);
  const version = after.held.signed.manifest.trust_bundle_version;
  if (version <= floor) {
    throw new JoineryError(
      'ERR_TRUST_ROLLBACK',
      `${purpose}: expected a version above ${floor}, which was trusted once, found ${version}`,
      {
        hint: `the operator publishes with a higher number: joinery trust publish --new-chain --above ${floor}`,
        details: { floor, version },
      },
    );
  }
  await assertResetApart(world, state, input, after.held);
  await writeNodeTrust(world, state, input, { before: undefined, after, event: 'reset' });
  return {
    ...applied(world, undefined, after),
    from: state.purposes[purpose]?.held,
    steps: walk.steps.length,
    healed: false,
    missing: walk.missing,
  };
}
