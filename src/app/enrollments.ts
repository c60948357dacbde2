/** The nodes that joined, for the operator: who, by which token and policy, until when, and what each last reported. */
import { JoineryError } from '../core/errors.ts';
import { parseName } from '../core/names.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import { clusterOf } from '../core/realm/config.ts';
import { type Instant } from '../core/time.ts';
import { type CertificateRecord, certificateKey, parseCertificateRecord } from './certificate-records.ts';
import { findNode, nodePrefix, type NodeRecord, parseNode } from './node-records.ts';
import type { Realm } from './realm.ts';
import { findReport, type StoredReport } from './trust-reports.ts';

export type EnrollmentState = 'valid' | 'expired' | 'revoked';

export interface Enrollment {
  readonly record: NodeRecord;
  readonly state: EnrollmentState;
  readonly report: StoredReport | undefined;
}

export interface ListEnrollmentsInput {
  /** Left out: every cluster, in the order of the configuration. */
  readonly cluster?: string | undefined;
  /** Where the page before ended: `<cluster>/<node>`. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface EnrollmentPage {
  readonly enrollments: readonly Enrollment[];
  /** Where the next page begins; absent after the last. */
  readonly next?: string;
}

/** One page of the nodes, by cluster and name. @throws ERR_CLUSTER_UNKNOWN, ERR_REALM_MALFORMED */
export async function listEnrollments(realm: Realm, { cluster, after, limit }: ListEnrollmentsInput): Promise<EnrollmentPage> {
  const enrollments: Enrollment[] = [];
  for (const name of clustersFrom(realm.config, cluster, after)) {
    const prefix = nodePrefix(name);
    const start = after?.startsWith(`${name}/`) ? { after: `node/${after}` } : {};
    const entries = await realm.store.list(prefix, { ...start, limit: limit - enrollments.length });
    for (const { key, value } of entries) enrollments.push(await enrollmentOf(realm, parseNode(key, value)));
    const last = entries.at(-1);
    if (last !== undefined && enrollments.length === limit) return { enrollments, next: last.key.slice('node/'.length) };
  }
  return { enrollments };
}

function clustersFrom(config: RealmConfig, cluster: string | undefined, after: string | undefined): readonly string[] {
  if (cluster !== undefined) return [clusterOf(config, cluster).name];
  const names = config.clusters.map(({ name }) => name);
  return after === undefined ? names : names.slice(names.indexOf(after.slice(0, after.indexOf('/'))));
}

async function enrollmentOf(realm: Realm, record: NodeRecord): Promise<Enrollment> {
  return { record, state: stateOf(record, realm.clock.now()), report: await findReport(realm.store, record.cluster, record.node) };
}

export function stateOf({ revoked, not_after }: NodeRecord, now: Instant): EnrollmentState {
  if (revoked !== undefined) return 'revoked';
  return not_after > now ? 'valid' : 'expired';
}

export interface ShownEnrollment extends Enrollment {
  /** Those that have not ended, the newest last. */
  readonly certificates: readonly CertificateRecord[];
}

/** One node by its name. @throws ERR_INPUT_MALFORMED, ERR_NODE_NOT_FOUND, ERR_CLUSTER_UNKNOWN, ERR_USAGE when clusters share the name and none is given */
export async function showEnrollment(realm: Realm, name: string, cluster?: string): Promise<ShownEnrollment> {
  const node = parseName(name, 'NODE');
  const clusters =
    cluster === undefined ? realm.config.clusters.map((configured) => configured.name) : [clusterOf(realm.config, cluster).name];
  const found: NodeRecord[] = [];
  for (const candidate of clusters) {
    const { record } = await findNode(realm.store, candidate, node);
    if (record !== undefined) found.push(record);
  }
  const [only, ...others] = found;
  if (only === undefined) {
    throw new JoineryError('ERR_NODE_NOT_FOUND', `NODE: expected one that joined ${clusters.join(' or ')}, found ${node}`, {
      hint: 'joinery enrollment list shows them',
    });
  }
  if (others.length > 0) {
    throw new JoineryError('ERR_USAGE', `--cluster: expected one of ${found.map((record) => record.cluster).join(', ')}, found none named`);
  }
  const now = realm.clock.now();
  const certificates: CertificateRecord[] = [];
  for (const { serial, not_after } of only.certificates) {
    const entry = not_after > now ? await realm.store.get(certificateKey(serial)) : undefined;
    if (entry !== undefined) certificates.push(parseCertificateRecord(certificateKey(serial), entry.value));
  }
  return { ...(await enrollmentOf(realm, only)), certificates };
}
