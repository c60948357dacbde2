/**
 * Puts a node out of a cluster that shares one certificate. The node holds that certificate and its key, and perhaps the join token, so
 * all of them are replaced and revoked; what it can still do until the authority is rotated is said, not hidden.
 */
import { removeMember } from '../core/cluster/members.ts';
import { issuingAuthority } from '../core/cluster/record.ts';
import type { Secret } from '../core/secret.ts';
import type { Seconds } from '../core/time.ts';
import type { ClusterWorld } from './cluster-answers.ts';
import { changeCluster, type ClusterChange, nextCertificate, nextToken } from './cluster-change.ts';
import { readCluster } from './cluster-records.ts';
import type { Realm } from './realm.ts';
import { revokeCertificate } from './revoke-certificate.ts';
import { revokeTokensOfNode } from './revoke-token.ts';

export interface EvictMemberInput {
  readonly node: string;
  readonly cluster?: string | undefined;
  readonly reason?: string | undefined;
  readonly ttl?: Seconds | undefined;
  readonly out?: string | undefined;
}

export interface EvictMemberResult extends ClusterChange {
  readonly token: Secret;
  /** Serial numbers that the next revocation lists name: all that the node holds. */
  readonly revoked: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Member out, certificate and token replaced, old ones revoked, answers for those who stay: one commit.
 * @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_CLUSTER_MEMBER_UNKNOWN, ERR_USAGE, ERR_FILE_EXISTS, ERR_CA_*, ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function evictMember(realm: Realm, world: ClusterWorld, input: EvictMemberInput): Promise<EvictMemberResult> {
  const stored = await readCluster(realm, input.cluster);
  const { node, reason } = input;
  const without = removeMember(stored.record, node, realm.clock.now(), reason);
  return changeCluster(realm, world, stored, {
    out: input.out,
    remaining: without.members,
    async work(staged) {
      const ca = issuingAuthority(without);
      // No overlap: whoever presents the old certificate may be the node that is out.
      const next = await nextCertificate(staged, without, { ca, ttl: input.ttl, overlap: 0 as Seconds });
      const revoked = next.record.superseded.map(({ serial }) => serial);
      for (const serial of revoked) await revokeCertificate(staged, { serial, reason: 'keyCompromise' });
      const { record, token } = await nextToken(staged, { ...next.record, superseded: [] }, ca);
      await revokeTokensOfNode(staged, { node, reason: reason ?? 'evicted' });
      const details = { cluster: record.name, serial: record.certificate.serial, revoked, members: record.members.length };
      const warnings = [
        ...next.warnings,
        `the old certificate is revoked, and verifies until members check the list of ${ca} (joinery ca crl ${ca}) or the authority is rotated (joinery cluster rotate-ca)`,
      ];
      return { record, token, revoked, warnings, event: 'cert.cluster_evict', subject: node, reason, details };
    },
  });
}
