/** Which trust bundle version each node runs, by its own report: whether an older version, or an anchor, can go. */
import type { Instant } from '../core/time.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { clusterOf } from '../core/realm/config.ts';
import { stateOf } from './enrollments.ts';
import { nodePrefix, parseNode } from './node-records.ts';
import type { Realm } from './realm.ts';
import { parseReport, reportPrefix, type StoredReport } from './trust-reports.ts';
import { findActive } from './trust-records.ts';
import { storeEntries } from './store-pages.ts';

export interface VersionAdoption {
  readonly version: number;
  readonly nodes: number;
}

export interface PurposeAdoption {
  readonly purpose: Purpose;
  /** The version in force; undefined before the first. */
  readonly active: number | undefined;
  /** By version, the newest first. */
  readonly versions: readonly VersionAdoption[];
  /** Nodes with a valid certificate that never reported. */
  readonly unreported: number;
  /** The first nodes that are behind, or silent: `<cluster>/<node>`. */
  readonly behind: readonly string[];
}

export interface TrustAdoption {
  /** Nodes with a valid certificate. */
  readonly nodes: number;
  readonly purposes: readonly PurposeAdoption[];
  /** True when every node runs the active version of both purposes. */
  readonly complete: boolean;
}

const BEHIND_SHOWN = 20;

interface Seen {
  readonly name: string;
  readonly report: StoredReport | undefined;
}

/** Counts what the nodes of one cluster, or of all, report. @throws ERR_CLUSTER_UNKNOWN, ERR_REALM_MALFORMED */
export async function trustAdoption(realm: Realm, cluster?: string): Promise<TrustAdoption> {
  const clusters = cluster === undefined ? realm.config.clusters.map(({ name }) => name) : [clusterOf(realm.config, cluster).name];
  const seen: Seen[] = [];
  for (const name of clusters) seen.push(...(await nodesOf(realm, name)));
  const purposes: PurposeAdoption[] = [];
  for (const purpose of PURPOSES) purposes.push(adoptionOf(purpose, (await findActive(realm, purpose)).value?.version, seen));
  return { nodes: seen.length, purposes, complete: purposes.every(({ behind }) => behind.length === 0) };
}

function adoptionOf(purpose: Purpose, active: number | undefined, seen: readonly Seen[]): PurposeAdoption {
  const counts = new Map<number, number>();
  const behind: string[] = [];
  let unreported = 0;
  for (const { name, report } of seen) {
    const version = report?.purposes[purpose]?.version;
    if (version === undefined) unreported += 1;
    else counts.set(version, (counts.get(version) ?? 0) + 1);
    if (version !== active && behind.length < BEHIND_SHOWN) behind.push(name);
  }
  const versions = [...counts].map(([version, nodes]) => ({ version, nodes })).sort((a, b) => b.version - a.version);
  return { purpose, active, versions, unreported, behind };
}

/** Nodes with a valid certificate, each with its report: both lists are in the order of names. */
async function nodesOf({ store, clock }: Realm, cluster: string): Promise<readonly Seen[]> {
  const reports = new Map<string, StoredReport>();
  for await (const { key, value } of storeEntries(store, reportPrefix(cluster)))
    reports.set(key.slice(reportPrefix(cluster).length), parseReport(key, value));
  const now: Instant = clock.now();
  const seen: Seen[] = [];
  for await (const { key, value } of storeEntries(store, nodePrefix(cluster))) {
    const record = parseNode(key, value);
    if (stateOf(record, now) === 'valid') seen.push({ name: `${cluster}/${record.node}`, report: reports.get(record.node) });
  }
  return seen;
}
