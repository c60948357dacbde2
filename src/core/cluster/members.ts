/** Who is a member of a cluster, and whose key gets answers. */
import { JoineryError } from '../errors.ts';
import { type EcPublicJwk, jwkThumbprint } from '../jwk.ts';
import { nearest } from '../names.ts';
import type { Instant } from '../time.ts';
import type { ClusterMember, ClusterRecord } from './record.ts';

/** @throws ERR_CLUSTER_MEMBER_UNKNOWN */
export function memberOf({ name, members }: ClusterRecord, node: string): ClusterMember {
  const found = members.find((member) => member.node === node);
  if (found !== undefined) return found;
  const near = nearest(
    node,
    members.map((member) => member.node),
  );
  throw new JoineryError('ERR_CLUSTER_MEMBER_UNKNOWN', `NODE: expected a member of cluster ${name}, found ${node}`, {
    hint: near === undefined ? 'joinery cluster status shows the members' : `did you mean ${near}?`,
  });
}

/**
 * A key that was evicted never comes back: whoever evicted it does not trust what holds it.
 * @throws ERR_CLUSTER_MEMBER_EXISTS, ERR_CLUSTER_EVICTED
 */
export function addMember(record: ClusterRecord, node: string, key: EcPublicJwk, at: Instant): ClusterRecord {
  const thumbprint = jwkThumbprint(key);
  const twin = record.members.find((member) => member.node === node || jwkThumbprint(member.key) === thumbprint);
  if (twin !== undefined) {
    const what = twin.node === node ? `${node}, which is one` : `the key of ${twin.node}`;
    throw new JoineryError('ERR_CLUSTER_MEMBER_EXISTS', `NODE: expected a new member of cluster ${record.name}, found ${what}`);
  }
  if (record.evicted.some(({ key_thumbprint }) => key_thumbprint === thumbprint)) {
    throw new JoineryError(
      'ERR_CLUSTER_EVICTED',
      `--key: expected a key that was not evicted from cluster ${record.name}, found one that was`,
      {
        hint: 'a node that comes back makes a new key: joinery cluster member key',
      },
    );
  }
  return { ...record, members: [...record.members, { node, key, added_at: at, confirmed: 0 }] };
}

/** @throws ERR_CLUSTER_MEMBER_UNKNOWN, ERR_USAGE for an answer that does not exist */
export function confirmMember(record: ClusterRecord, node: string, sequence = record.sequence): ClusterRecord {
  const { confirmed } = memberOf(record, node);
  if (sequence > record.sequence)
    throw new JoineryError('ERR_USAGE', `--sequence: expected at most ${record.sequence}, the newest answer, found ${sequence}`);
  const newest = Math.max(confirmed, sequence);
  return { ...record, members: record.members.map((member) => (member.node === node ? { ...member, confirmed: newest } : member)) };
}

/** @throws ERR_CLUSTER_MEMBER_UNKNOWN */
export function removeMember(record: ClusterRecord, node: string, at: Instant, reason: string | undefined): ClusterRecord {
  const { key } = memberOf(record, node);
  const entry = { node, key_thumbprint: jwkThumbprint(key), at, ...(reason !== undefined && { reason }) };
  return { ...record, members: record.members.filter((member) => member.node !== node), evicted: [...record.evicted, entry] };
}
