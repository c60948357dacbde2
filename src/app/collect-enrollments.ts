/** Removes what the store remembers of node certificates and evidence that ended; nodes, issuance records and the audit log stay. */
import type { StoreEntry } from '../core/ports.ts';
import { parseUsedEvidence } from './attest.ts';
import { EVIDENCE, fingerprintKey, NODE_CERTIFICATE_PREFIX, parseNodeCertificate, renewalKey } from './node-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { storePages } from './store-pages.ts';
import { moveClockMark } from './token-state.ts';

/** Seconds after its end for which a certificate, or evidence, is remembered: clocks differ, and people ask. */
export const KEPT_AFTER_END = 7 * 86400;
const PAGE = 500;

export interface Collected {
  readonly removed: number;
  readonly kept: number;
}

export interface CollectEnrollmentsResult {
  readonly certificates: Collected;
  readonly evidence: Collected;
}

/**
 * Goes through the records page by page; each page is one commit with one audit record.
 * @throws ERR_CLOCK_BEHIND: what was forgotten under a wrong clock would be a certificate that is valid and unknown, or evidence that
 *   counts twice.
 */
export async function collectEnrollments(realm: Realm): Promise<CollectEnrollmentsResult> {
  return {
    certificates: await collect(realm, NODE_CERTIFICATE_PREFIX, ({ key, value }) => {
      const { serial, fingerprint, not_after: end } = parseNodeCertificate(key, value);
      return { end, keys: [key, fingerprintKey(fingerprint), renewalKey(serial)] };
    }),
    evidence: await collect(realm, EVIDENCE, ({ key, value }) => ({ end: parseUsedEvidence(key, value).until ?? Infinity, keys: [key] })),
  };
}

interface Remembered {
  /** Instant, or infinity. */
  readonly end: number;
  /** What is removed with it. */
  readonly keys: readonly string[];
}

async function collect(realm: Realm, prefix: string, read: (entry: StoreEntry) => Remembered): Promise<Collected> {
  const now = realm.clock.now();
  let [removed, kept] = [0, 0];
  for await (const page of storePages(realm.store, prefix, PAGE)) {
    const ended = page.filter((entry) => read(entry).end + KEPT_AFTER_END <= now);
    if (ended.length > 0) await remove(realm, prefix, ended, read);
    removed += ended.length;
    kept += page.length - ended.length;
  }
  return { removed, kept };
}

async function remove(realm: Realm, prefix: string, ended: readonly StoreEntry[], read: (entry: StoreEntry) => Remembered): Promise<void> {
  const keys = ended.flatMap((entry) => read(entry).keys);
  await commit(realm.store, {
    checks: ended.map(({ key, version }) => ({ key, version })),
    writes: [...keys.map((key) => ({ key, delete: true as const })), ...(await moveClockMark(realm.store, realm.clock.now()))],
    audit: [auditEvent(realm, { event: 'join.collect', subject: prefix, details: { removed: ended.length } })],
  });
}
