/** The only way back from a lost threshold: a version that replaces none, which each node accepts by a new digest only (FORMATS 2). */
import type { Purpose } from '../core/trust/purpose.ts';
import { type PublishedTrust, proposeVersion } from './propose-trust.ts';
import { DEFAULT_MANIFEST_LIFETIME, type PublishTrust, readAnchors } from './publish-trust.ts';
import type { Realm } from './realm.ts';
import { auditingRefusal } from './trust-audit.ts';

export interface ResetTrust<P extends Purpose = Purpose> extends Omit<PublishTrust<P>, 'grace' | 'phases'> {
  readonly reason: string;
  /** The highest number that a node may have seen, where an attacker signed versions of their own. */
  readonly above?: number | undefined;
}

/** @throws what publishing throws; ERR_TRUST_FAST_FORWARD when no number is left above */
export async function resetTrustChain<P extends Purpose>(realm: Realm, input: ResetTrust<P>): Promise<PublishedTrust> {
  const { purpose, expires = DEFAULT_MANIFEST_LIFETIME, reason, sharedAnchorReason, above } = input;
  const event = 'bootstrap_trust.reset';
  return auditingRefusal(realm, event, purpose, {}, async () => {
    const anchors = await readAnchors(realm, input);
    return proposeVersion(realm, { event, purpose, anchors, expires, reason, sharedAnchorReason, reset: { above } });
  });
}
