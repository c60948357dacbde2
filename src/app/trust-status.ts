/** What a node reports of its trust: version, fingerprint, last successful update, and whether it is stale. */
import { PURPOSES, type Purpose } from '../core/trust/purpose.ts';
import { isExpired } from '../core/trust/transition.ts';
import type { NodeState, NodeStateEntry } from '../core/trust/node-state.ts';
import { instantOf } from '../core/trust/manifest.ts';
import { type NodeWorld, pemMatches, pemPath, readNodeState, readNodeTrust } from './node-trust.ts';

export interface TrustStatus {
  readonly purpose: Purpose;
  readonly version: number;
  readonly floor: number;
  readonly digest: string;
  readonly fingerprint: string;
  readonly updatedAt: string;
  readonly expiresAt: string;
  readonly path: string;
  /** Empty when all is well. */
  readonly problems: readonly ('expired' | 'file-changed' | 'anchor-expired' | 'not-updated' | 'clock-behind')[];
}

/**
 * @param maxAge seconds since the last update after which a node counts as stale.
 * @throws ERR_TRUST_STATE_MALFORMED, ERR_FILE_ACCESS
 */
export async function trustStatus(
  world: NodeWorld,
  statePath: string,
  options: { readonly purpose?: Purpose | undefined; readonly maxAge?: number | undefined } = {},
): Promise<readonly TrustStatus[]> {
  const state = await readNodeState(world, statePath);
  const statuses: TrustStatus[] = [];
  for (const purpose of options.purpose === undefined ? PURPOSES : [options.purpose]) {
    const status = await statusOf(world, state, purpose, statePath, options.maxAge);
    if (status !== undefined) statuses.push(status);
  }
  return statuses;
}

async function statusOf(
  world: NodeWorld,
  state: NodeState,
  purpose: Purpose,
  statePath: string,
  maxAge = Number.POSITIVE_INFINITY,
): Promise<TrustStatus | undefined> {
  const trust = await readNodeTrust(world, state, purpose, statePath);
  if (trust === undefined) return undefined;
  // Trust is read by the entry.
  const { updated_at: updatedAt } = state.purposes[purpose] as NodeStateEntry;
  const { manifest, digest, anchors } = trust.held.signed;
  const now = world.clock.now();
  const path = pemPath(state, purpose, statePath);
  const checks = {
    expired: isExpired(manifest, now),
    'file-changed': !(await pemMatches(world.files, path, manifest.sha256_fingerprint)),
    'anchor-expired': anchors.some((anchor) => anchor.notAfter < now),
    'not-updated': now - instantOf(updatedAt) > maxAge,
    // It has been later already: nothing expires by such a clock.
    'clock-behind': now < instantOf(updatedAt),
  };
  return {
    purpose,
    version: manifest.trust_bundle_version,
    floor: trust.floor.signed.manifest.trust_bundle_version,
    digest,
    fingerprint: manifest.sha256_fingerprint,
    updatedAt,
    expiresAt: manifest.expires_at,
    path,
    problems: (Object.keys(checks) as (keyof typeof checks)[]).filter((name) => checks[name]),
  };
}
