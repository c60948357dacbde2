/** The activated versions of a purpose, oldest first, with their anchors: what the history page shows. */
import { formatInstant } from '../core/time.ts';
import type { History, HistoryAnchor, HistoryVersion } from '../core/trust/history-html.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { activatedVersions } from './export-trust.ts';
import type { Realm } from './realm.ts';
import { listTrust } from './show-trust.ts';
import type { StoredVersion } from './trust-records.ts';

/** @throws ERR_TRUST_NOT_ACTIVATED */
export async function trustHistory(realm: Realm, purpose: Purpose): Promise<History> {
  const states = new Map((await listTrust(realm, purpose)).map(({ version, state }) => [version, state]));
  const versions = (await activatedVersions(realm, purpose)).map((stored) => {
    return historyOf(stored, states.get(stored.signed.manifest.trust_bundle_version) as string);
  });
  return { purpose, environment: realm.config.environment.name, versions, now: formatInstant(realm.clock.now()) };
}

function historyOf({ signed: { manifest, anchors, digest } }: StoredVersion, state: string): HistoryVersion {
  const described = anchors.map(({ fingerprint, subject }, index): HistoryAnchor => {
    const { phase, not_after: notAfter } = manifest.anchors[index] as (typeof manifest.anchors)[number];
    return { fingerprint, subject: subject.text, phase, notAfter };
  });
  const { trust_bundle_version: version, published_at: publishedAt, expires_at: expiresAt, reason } = manifest;
  return { version, state, publishedAt, expiresAt, digest, reason, anchors: described };
}
