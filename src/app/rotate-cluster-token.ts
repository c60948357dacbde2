/** Another join token for a cluster with a shared certificate; the one before it stops working at once. */
import { issuingAuthority, type ClusterRecord } from '../core/cluster/record.ts';
import type { Secret } from '../core/secret.ts';
import { nextToken, type TokenTerms } from './cluster-change.ts';
import { clusterWrite, readCluster } from './cluster-records.ts';
import { inOneCommit } from './one-commit.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export interface RotateClusterTokenResult {
  readonly record: ClusterRecord;
  readonly token: Secret;
}

/** Members need no token, so no answer is sent. @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_TOKEN_LIFETIME, ERR_STORE_CONFLICT */
export async function rotateClusterToken(
  realm: Realm,
  input: TokenTerms & { readonly cluster?: string | undefined },
): Promise<RotateClusterTokenResult> {
  const { record: before, check } = await readCluster(realm, input.cluster);
  return inOneCommit(realm, async (staged) => {
    const { record, token } = await nextToken(staged, before, issuingAuthority(before), input);
    const details = { token: record.token, replaces: before.token };
    await commit(staged.store, {
      checks: [check],
      writes: [clusterWrite(record)],
      audit: [auditEvent(realm, { event: 'cert.cluster_token', subject: record.name, details })],
    });
    return { record, token };
  });
}
