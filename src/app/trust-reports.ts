/** What nodes report of the trust that they hold: which version, which bytes, and since when (seed: node-side reporting). */
import { canonicalJson, type JsonObject, type JsonValue } from '../core/canonical-json.ts';
import type { ReportReply, TrustReport } from '../core/join/messages.ts';
import { integer, object, optional, type Parsed, parseDocument } from '../core/parse.ts';
import type { Store } from '../core/ports.ts';
import { formatInstant } from '../core/time.ts';
import { digestText, instantText, versionNumber } from '../core/trust/manifest.ts';
import { authenticateNode } from './authenticate.ts';
import type { Peer } from './join-peer.ts';
import { observed } from './join-run.ts';
import { type JoinService, realmOfPeer, retryConflicts } from './join-service.ts';
import { asJson } from './node-records.ts';
import { auditEvent, commit } from './realm.ts';

const reported = object({ version: versionNumber(), fingerprint: digestText(), updated_at: instantText() });
const report = object({
  purposes: object({ 'control-plane-https': optional(reported), 'node-cert-lifecycle': optional(reported) }),
  reported_at: integer(),
});

export type StoredReport = Parsed<typeof report>;

export const reportPrefix = (cluster: string): string => `trust-report/${cluster}/`;
export const reportKey = (cluster: string, node: string): string => `${reportPrefix(cluster)}${node}`;

export function parseReport(key: string, value: JsonValue): StoredReport {
  return parseDocument(report, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
}

/** @throws ERR_REALM_MALFORMED */
export async function findReport(store: Store, cluster: string, node: string): Promise<StoredReport | undefined> {
  const key = reportKey(cluster, node);
  const entry = await store.get(key);
  return entry && parseReport(key, entry.value);
}

/**
 * Keeps the newest report of a node. An audit record is written when it differs from the one before, not each time it comes.
 * @throws as {@link authenticateNode}; ERR_RATE_LIMITED
 */
export async function recordTrustReport(service: JoinService, message: TrustReport, peer: Peer): Promise<ReportReply> {
  return observed(service, peer, 'report', async (run) => {
    const { cluster, node, identity, serial } = await authenticateNode(service, peer, run);
    run.step('verify');
    // Each report that differs from the one before is a record of the audit log.
    service.admitToken(serial);
    const realm = realmOfPeer(service, peer, identity);
    const now = realm.clock.now();
    const key = reportKey(cluster, node);
    await retryConflicts(service, async () => {
      const entry = await realm.store.get(key);
      const before = entry && parseReport(key, entry.value);
      const purposes = message.purposes as JsonObject;
      const changed = before === undefined || canonicalJson(before.purposes as JsonObject) !== canonicalJson(purposes);
      const details = { cluster, purposes };
      await commit(realm.store, {
        checks: [{ key, version: entry?.version ?? 'absent' }],
        writes: [{ key, value: asJson({ purposes, reported_at: now }) }],
        audit: changed ? [auditEvent(realm, { event: 'join.trust_report', subject: node, details })] : [],
      });
    });
    run.step('commit');
    return { recorded_at: formatInstant(now) };
  });
}
