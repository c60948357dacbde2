/** Ends a rotation: the next version is the active one without the anchors that are phasing out. */
import { JoineryError } from '../core/errors.ts';
import { formatInstant } from '../core/time.ts';
import { instantOf } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { type PublishedTrust, proposeVersion } from './propose-trust.ts';
import { DEFAULT_MANIFEST_LIFETIME } from './publish-trust.ts';
import type { Realm } from './realm.ts';
import { activeTrust } from './show-trust.ts';
import { auditingRefusal } from './trust-audit.ts';

export interface RetireTrust<P extends Purpose = Purpose> {
  readonly purpose: P;
  /** Inside the grace window: needs a reason. */
  readonly force: boolean;
  readonly reason?: string | undefined;
  readonly expires?: number | undefined;
}

/** @throws ERR_TRUST_NOT_ACTIVATED, ERR_TRUST_NOTHING_TO_RETIRE, ERR_TRUST_GRACE, ERR_USAGE for force without a reason, and what publishing throws */
export async function retireTrust<P extends Purpose>(realm: Realm, input: RetireTrust<P>): Promise<PublishedTrust> {
  const { purpose, reason, expires = DEFAULT_MANIFEST_LIFETIME } = input;
  const event = 'bootstrap_trust.retire';
  return auditingRefusal(realm, event, purpose, {}, async () => {
    const { signed } = await activeTrust(realm, purpose);
    const {
      anchors: described,
      grace_until: grace,
      trust_bundle_version: version,
      shared_anchor_reason: sharedAnchorReason,
    } = signed.manifest;
    const leaving = new Set(described.filter((anchor) => anchor.phase === 'phasing-out').map((anchor) => anchor.fingerprint));
    if (leaving.size === 0) {
      throw new JoineryError(
        'ERR_TRUST_NOTHING_TO_RETIRE',
        `${purpose}: expected an anchor that is phasing out in version ${version}, found none`,
        {
          hint: 'joinery trust publish --grace begins a rotation',
        },
      );
    }
    assertGraceOver(realm, input, grace);
    const anchors = signed.anchors.filter((anchor) => !leaving.has(anchor.fingerprint));
    return proposeVersion(realm, { event, purpose, anchors, expires, reason, sharedAnchorReason });
  });
}

function assertGraceOver(realm: Realm, { force, reason, purpose }: RetireTrust, grace: string | undefined): void {
  // Anchors phase out within a grace window only (compose.ts).
  if (instantOf(grace as string) <= realm.clock.now()) return;
  if (!force) {
    throw new JoineryError(
      'ERR_TRUST_GRACE',
      `${purpose}: expected a grace window that has ended by ${formatInstant(realm.clock.now())}, found its end at ${grace}`,
      {
        hint: 'wait, or cut off the nodes that have not updated: --force with --reason',
      },
    );
  }
  if (reason === undefined) throw new JoineryError('ERR_USAGE', '--force: expected --reason with it, found none');
}
