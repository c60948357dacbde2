/** Who is in a cluster: the configured seed peers and the nodes that joined, each with its role and its last report. */
import { canonicalBytes } from '../core/canonical-json.ts';
import { digestOf } from '../core/digest.ts';
import type { PeerEntry, PeersReply } from '../core/join/messages.ts';
import type { Store, StoreEntry } from '../core/ports.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import { type JoinService, type ListedPeers, seedPeersOf } from './join-service.ts';
import { asJson, nodePrefix, type NodeRecord, parseNode } from './node-records.ts';
import { parseReport, reportPrefix, type StoredReport } from './trust-reports.ts';

/** Nodes in one reply: about 4 MB. */
export const MAX_PEERS = 10_000;

/** Seconds after which a reply is made again although no node changed: for reports, and for certificates that end. */
const KEPT = 10;

/**
 * Nodes whose certificate has not ended and that are not revoked, by name. Whoever asks often is given what was made for the last one.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_REALM_MALFORMED
 */
export function listPeers(service: JoinService, cluster: string): Promise<ListedPeers> {
  const { peers, realm } = service;
  const now = realm.clock.now();
  const kept = peers.get(cluster);
  if (kept !== undefined && now - kept.madeAt < KEPT) return kept.listed;
  const made = { listed: readPeers(service, cluster), madeAt: now };
  peers.set(cluster, made);
  // A failure is nothing to keep.
  made.listed.catch(() => peers.delete(cluster));
  return made.listed;
}

async function readPeers(service: JoinService, cluster: string): Promise<ListedPeers> {
  const { store, clock } = service.realm;
  const seeds = seedPeersOf(service, cluster);
  const now = clock.now();
  const [stored, reports] = [await upTo(store, nodePrefix(cluster)), await reportsOf(store, cluster)];
  const live = stored
    .map(({ key, value }) => parseNode(key, value))
    .filter(({ revoked, not_after }) => revoked === undefined && not_after > now);
  const reply: PeersReply = {
    cluster,
    seed_peers: seeds,
    nodes: live.slice(0, MAX_PEERS).map((record) => peerOf(record, reports.get(record.node))),
    truncated: stored.length > MAX_PEERS,
  };
  return { reply, etag: `"${digestOf(canonicalBytes(asJson(reply)))}"` };
}

export function peerOf({ node, role, identity, fingerprint, not_after }: NodeRecord, report: StoredReport | undefined): PeerEntry {
  return {
    node,
    role,
    identity,
    fingerprint: fingerprint as PeerEntry['fingerprint'],
    expires_at: formatInstant(not_after as Instant),
    ...(report !== undefined && { reported_at: formatInstant(report.reported_at as Instant), trust: report.purposes }),
  };
}

/** The reports of a cluster by node. */
async function reportsOf(store: Store, cluster: string): Promise<ReadonlyMap<string, StoredReport>> {
  const prefix = reportPrefix(cluster);
  const entries = await upTo(store, prefix);
  return new Map(entries.map(({ key, value }) => [key.slice(prefix.length), parseReport(key, value)]));
}

/** One entry more than fits, so that the reply can say that there is more. */
async function upTo(store: Store, prefix: string): Promise<readonly StoreEntry[]> {
  const found: StoreEntry[] = [];
  for (;;) {
    const last = found.at(-1);
    const page = await store.list(prefix, {
      limit: Math.min(1000, MAX_PEERS + 1 - found.length),
      ...(last !== undefined && { after: last.key }),
    });
    found.push(...page);
    if (page.length < 1000 || found.length > MAX_PEERS) return found;
  }
}
