/** Removes what the store remembers of node certificates that ended long ago; nodes, issuance records and the audit log stay. */
import type { StoreEntry } from '../core/ports.ts';
import { fingerprintKey, NODE_CERTIFICATE_PREFIX, parseNodeCertificate, renewalKey } from './node-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { storePages } from './store-pages.ts';
import { moveClockMark } from './token-state.ts';

/** Seconds after its end for which a certificate is remembered: clocks differ, and people ask. */
export const KEPT_AFTER_END = 7 * 86400;
const PAGE = 500;

export interface CollectEnrollmentsResult {
  /** Certificates that were forgotten. */
  readonly removed: number;
  readonly kept: number;
}

/**
 * Goes through the certificates of nodes page by page; each page is one commit with one audit record.
 * @throws ERR_CLOCK_BEHIND: what was forgotten under a wrong clock would be a certificate that is valid and unknown.
 */
export async function collectEnrollments(realm: Realm): Promise<CollectEnrollmentsResult> {
  const now = realm.clock.now();
  let removed = 0;
  let kept = 0;
  for await (const page of storePages(realm.store, NODE_CERTIFICATE_PREFIX, PAGE)) {
    const ended = page.filter(({ key, value }) => parseNodeCertificate(key, value).not_after + KEPT_AFTER_END <= now);
    if (ended.length > 0) await remove(realm, ended);
    removed += ended.length;
    kept += page.length - ended.length;
  }
  return { removed, kept };
}

async function remove(realm: Realm, ended: readonly StoreEntry[]): Promise<void> {
  const keys = ended.flatMap(({ key, value }) => {
    const { serial, fingerprint } = parseNodeCertificate(key, value);
    return [key, fingerprintKey(fingerprint), renewalKey(serial)];
  });
  await commit(realm.store, {
    checks: ended.map(({ key, version }) => ({ key, version })),
    writes: [...keys.map((key) => ({ key, delete: true as const })), ...(await moveClockMark(realm.store, realm.clock.now()))],
    audit: [auditEvent(realm, { event: 'join.collect', subject: NODE_CERTIFICATE_PREFIX, details: { removed: ended.length } })],
  });
}
