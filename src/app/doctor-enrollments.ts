/** Looks through the nodes that a realm remembers, for the doctor. */
import { type EnrolledNode, judgeEnrolled } from '../core/doctor/enrolled.ts';
import type { Finding } from '../core/doctor/finding.ts';
import { isJoineryError } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import {
  findNodeCertificate,
  NODE_CERTIFICATE_PREFIX,
  nodeKey,
  type NodeRecord,
  NODES,
  parseNode,
  parseNodeCertificate,
} from './node-records.ts';
import type { Realm } from './realm.ts';
import { findRevocable } from './revoke-certificate.ts';
import { storeEntries } from './store-pages.ts';

/** @throws ERR_REALM_MALFORMED */
export async function examineEnrollments(realm: Realm, now: Instant): Promise<readonly Finding[]> {
  const { store, config } = realm;
  const nodes: EnrolledNode[] = [];
  for await (const { key, value } of storeEntries(store, NODES)) nodes.push(await enrolledNode(realm, parseNode(key, value), now));
  const orphans: string[] = [];
  for await (const { key, value } of storeEntries(store, NODE_CERTIFICATE_PREFIX)) {
    const { serial, cluster, node, not_after: end } = parseNodeCertificate(key, value);
    if (end > now && (await store.get(nodeKey(cluster, node))) === undefined) orphans.push(serial);
  }
  return judgeEnrolled({ clusters: config.clusters.map(({ name }) => name), nodes, orphans }, now);
}

async function enrolledNode(realm: Realm, record: NodeRecord, now: Instant): Promise<EnrolledNode> {
  const { cluster, node, serial, fingerprint } = record;
  const own = await findNodeCertificate(realm.store, serial);
  return {
    cluster,
    node,
    revoked: record.revoked !== undefined,
    issuedAt: record.issued_at as Instant,
    notAfter: record.not_after as Instant,
    isRecorded: own?.fingerprint === fingerprint && own.cluster === cluster && own.node === node,
    open: record.revoked === undefined ? [] : await openCertificates(realm, record, now),
  };
}

async function openCertificates(realm: Realm, { certificates }: NodeRecord, now: Instant): Promise<readonly string[]> {
  const open: string[] = [];
  for (const { serial, not_after: end } of certificates) if (end > now && !(await isRevoked(realm, serial))) open.push(serial);
  return open;
}

/** A certificate that the realm has forgotten is in no list. */
async function isRevoked(realm: Realm, serial: string): Promise<boolean> {
  try {
    return (await findRevocable(realm, serial)).revoked !== undefined;
  } catch (error) {
    if (isJoineryError(error, 'ERR_CERTIFICATE_NOT_FOUND')) return false;
    throw error;
  }
}
