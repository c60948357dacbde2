/** What the gauges of a server show, read from the realm: ends of certificates and manifests, nodes, and the trust that they report. */
import type { Store, StoreEntry } from '../core/ports.ts';
import { compareKeys } from '../core/store-keys.ts';
import { type Instant, parseInstant } from '../core/time.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { readCas } from './ca-records.ts';
import { nodePrefix, parseNode } from './node-records.ts';
import type { Realm } from './realm.ts';
import { activeTrust } from './show-trust.ts';
import { storeEntries } from './store-pages.ts';
import { parseReport, reportPrefix, type StoredReport } from './trust-reports.ts';

export interface TelemetrySnapshot {
  /** Of the authorities that are not revoked. */
  readonly expiries: readonly { readonly kind: 'ca' | 'server'; readonly name: string; readonly notAfter: Instant }[];
  /** The active trust manifest of each purpose. */
  readonly manifests: readonly { readonly purpose: Purpose; readonly version: number; readonly expiresAt: Instant }[];
  /** How many nodes report which trust bundle version, the highest first; `none`, at the end: those that never reported. */
  readonly trustVersions: readonly { readonly purpose: Purpose; readonly version: string; readonly nodes: number }[];
  /** How many nodes with a valid certificate each cluster has. */
  readonly nodes: readonly { readonly cluster: string; readonly nodes: number; readonly soonestExpiry: Instant | undefined }[];
}

/**
 * Reads every node once, in pages: the cost grows with the realm, so the caller decides how often.
 * @throws ERR_TRUST_NOT_ACTIVATED, ERR_REALM_MALFORMED
 */
export async function readTelemetrySnapshot(realm: Realm): Promise<TelemetrySnapshot> {
  const versions = new Map<string, { readonly purpose: Purpose; readonly version: string; nodes: number }>();
  const nodes: TelemetrySnapshot['nodes'][number][] = [];
  for (const { name } of realm.config.clusters) nodes.push(await countNodes(realm, name, (report) => countVersions(versions, report)));
  const cas = await readCas(realm);
  const manifests: TelemetrySnapshot['manifests'][number][] = [];
  for (const purpose of PURPOSES) {
    const { manifest } = (await activeTrust(realm, purpose)).signed;
    manifests.push({ purpose, version: manifest.trust_bundle_version, expiresAt: parseInstant(manifest.expires_at) as Instant });
  }
  return {
    expiries: cas
      .filter(({ record }) => record.revoked === undefined)
      .map(({ record, certificate }) => ({ kind: 'ca', name: record.name, notAfter: certificate.notAfter })),
    manifests,
    trustVersions: [...versions.values()].toSorted((a, b) => (Number(b.version) || 0) - (Number(a.version) || 0)),
    nodes,
  };
}

/** @param each is called for every node that counts, with its last report. */
async function countNodes(
  { store, clock }: Realm,
  cluster: string,
  each: (report: StoredReport | undefined) => void,
): Promise<TelemetrySnapshot['nodes'][number]> {
  const now = clock.now();
  const reportOf = reportsInOrder(store, cluster);
  let nodes = 0;
  let soonest: number | undefined;
  for await (const { key, value } of storeEntries(store, nodePrefix(cluster))) {
    const { node, not_after, revoked } = parseNode(key, value);
    if (revoked !== undefined || not_after <= now) continue;
    nodes += 1;
    soonest = Math.min(soonest ?? not_after, not_after);
    each(await reportOf(node));
  }
  return { cluster, nodes, soonestExpiry: soonest as Instant | undefined };
}

/** Reports of nodes that are asked for in the order of their names: both lists are walked once, and neither is held. */
function reportsInOrder(store: Store, cluster: string): (node: string) => Promise<StoredReport | undefined> {
  const prefix = reportPrefix(cluster);
  const reports = storeEntries(store, prefix);
  let next: Promise<IteratorResult<StoreEntry, void>> | undefined;
  return async (node) => {
    for (;;) {
      next ??= reports.next();
      const { done, value } = await next;
      const order = done === true ? 1 : compareKeys((value as StoreEntry).key, `${prefix}${node}`);
      if (order > 0) return undefined;
      next = undefined;
      if (order === 0) return parseReport((value as StoreEntry).key, (value as StoreEntry).value);
    }
  };
}

function countVersions(
  versions: Map<string, { readonly purpose: Purpose; readonly version: string; nodes: number }>,
  report: StoredReport | undefined,
): void {
  for (const purpose of PURPOSES) {
    const version = String(report?.purposes[purpose]?.version ?? 'none');
    const key = `${purpose}/${version}`;
    const counted = versions.get(key) ?? { purpose, version, nodes: 0 };
    counted.nodes += 1;
    versions.set(key, counted);
  }
}
