/** Goes back in content and forward in number: the next version has the anchors of an older one (FORMATS 2, rollback). */
import type { Purpose } from '../core/trust/purpose.ts';
import { type PublishedTrust, proposeVersion } from './propose-trust.ts';
import { DEFAULT_MANIFEST_LIFETIME } from './publish-trust.ts';
import type { Realm } from './realm.ts';
import { auditingRefusal } from './trust-audit.ts';
import { readVersion } from './trust-records.ts';

export interface RollbackTrust<P extends Purpose = Purpose> {
  readonly purpose: P;
  /** Whose anchors. */
  readonly to: number;
  readonly reason: string;
  readonly expires?: number | undefined;
  readonly grace?: number | undefined;
}

/** @throws ERR_TRUST_NOT_FOUND, and what publishing throws: an anchor that expired meanwhile is not brought back. */
export async function rollbackTrust<P extends Purpose>(realm: Realm, input: RollbackTrust<P>): Promise<PublishedTrust> {
  const { purpose, to, reason, grace, expires = DEFAULT_MANIFEST_LIFETIME } = input;
  const event = 'bootstrap_trust.rollback';
  return auditingRefusal(realm, event, purpose, { to }, async () => {
    const { signed } = await readVersion(realm, purpose, to);
    const sharedAnchorReason = signed.manifest.shared_anchor_reason;
    return proposeVersion(realm, { event, purpose, anchors: signed.anchors, expires, grace, reason, sharedAnchorReason });
  });
}
