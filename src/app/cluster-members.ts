/** Members of a cluster that shares one certificate: who gets answers, and who is known to have them. */
import { addMember, confirmMember } from '../core/cluster/members.ts';
import type { ClusterRecord } from '../core/cluster/record.ts';
import { JoineryError } from '../core/errors.ts';
import { jwkThumbprint, type PublicJwk } from '../core/jwk.ts';
import { parseName } from '../core/names.ts';
import { clusterWrite, readCluster } from './cluster-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

/** @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_CLUSTER_MEMBER_EXISTS, ERR_CLUSTER_EVICTED, ERR_KEY_MALFORMED, ERR_INPUT_MALFORMED, ERR_STORE_CONFLICT */
export async function addClusterMember(
  realm: Realm,
  input: { readonly cluster?: string | undefined; readonly node: string; /** P-256. */ readonly key: PublicJwk },
): Promise<ClusterRecord> {
  const node = parseName(input.node, 'NODE');
  const { key } = input;
  if (key.crv !== 'P-256') throw new JoineryError('ERR_KEY_MALFORMED', `--key: expected a key on P-256, found ${key.crv}`);
  const { record: before, check } = await readCluster(realm, input.cluster);
  const record = addMember(before, node, key, realm.clock.now());
  const details = { cluster: record.name, key_thumbprint: jwkThumbprint(key) };
  await commit(realm.store, {
    checks: [check],
    writes: [clusterWrite(record)],
    audit: [auditEvent(realm, { event: 'cert.cluster_member', subject: node, details })],
  });
  return record;
}

/** Records that a member has installed an answer; default the newest. @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_CLUSTER_MEMBER_UNKNOWN, ERR_USAGE, ERR_STORE_CONFLICT */
export async function confirmClusterMember(
  realm: Realm,
  input: { readonly cluster?: string | undefined; readonly node: string; readonly sequence?: number | undefined },
): Promise<ClusterRecord> {
  const { record: before, check } = await readCluster(realm, input.cluster);
  const record = confirmMember(before, input.node, input.sequence);
  const details = { cluster: record.name, sequence: input.sequence ?? record.sequence };
  await commit(realm.store, {
    checks: [check],
    writes: [clusterWrite(record)],
    audit: [auditEvent(realm, { event: 'cert.cluster_confirm', subject: input.node, details })],
  });
  return record;
}
