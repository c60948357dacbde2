/** The frame of every change of a cluster that members must learn of: record, certificate, token, answers, one commit. */
import { type ClusterRecord } from '../core/cluster/record.ts';
import type { AuditEventName } from '../core/audit/events.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import type { Secret } from '../core/secret.ts';
import { plus, type Seconds } from '../core/time.ts';
import { withCertificate } from '../core/cluster/phases.ts';
import { readCa } from './ca-records.ts';
import { assertAnswerPlace, type ClusterWorld, type SealedAnswer, sealAnswers, writeAnswers } from './cluster-answers.ts';
import { issueShared } from './cluster-certificate.ts';
import { clusterWrite, type StoredCluster } from './cluster-records.ts';
import { mintSecretToken } from './mint-secret-token.ts';
import { inOneCommit } from './one-commit.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { revokeToken } from './revoke-token.ts';

export interface Changed {
  readonly record: ClusterRecord;
  readonly event: AuditEventName;
  readonly subject: string;
  readonly reason?: string | undefined;
  readonly details: JsonObject;
}

export interface ClusterChange {
  readonly record: ClusterRecord;
  readonly answers: readonly SealedAnswer[];
}

/**
 * Runs `work` on the collected realm, commits what it gives with the answers already made, then writes them to `out`.
 * @throws ERR_USAGE and ERR_FILE_EXISTS for `out`, ERR_STORE_CONFLICT, what `work` throws
 */
export async function changeCluster<T extends Changed>(
  realm: Realm,
  world: ClusterWorld,
  stored: StoredCluster,
  plan: { readonly out: string | undefined; readonly remaining: readonly unknown[]; work(staged: Realm): Promise<T> },
): Promise<T & ClusterChange> {
  await assertAnswerPlace(realm, plan.remaining, plan.out);
  const result = await inOneCommit(realm, async (staged) => {
    const changed = await plan.work(staged);
    const { record, event, subject, reason, details } = changed;
    await commit(staged.store, {
      checks: [stored.check],
      writes: [clusterWrite(record)],
      audit: [
        auditEvent(realm, { event, subject, ...(reason !== undefined && { reason }), details: { ...details, sequence: record.sequence } }),
      ],
    });
    return { ...changed, answers: await sealAnswers(staged, world, record) };
  });
  await writeAnswers(world, result.answers, plan.out);
  const { certificate: old } = stored.record;
  // Whoever reads the realm's files later should not find keys that members may still accept.
  if (old.serial !== result.record.certificate.serial) await realm.vault.discard(old.key);
  return result;
}

/** How long members may take to install a new certificate before the old one should be revoked. */
export const DEFAULT_OVERLAP = (7 * 86400) as Seconds;

export interface NewCertificateInput {
  readonly ca: string;
  readonly ttl?: Seconds | undefined;
  readonly overlap?: Seconds | undefined;
}

/** Issues the next certificate of the cluster, and gives the record with it. */
export async function nextCertificate(
  staged: Realm,
  record: ClusterRecord,
  input: NewCertificateInput,
): Promise<{ readonly record: ClusterRecord; readonly warnings: readonly string[] }> {
  const { name, names, certificate } = record;
  const { certificate: next, warnings } = await issueShared(staged, {
    cluster: name,
    ca: input.ca,
    names,
    generation: certificate.generation + 1,
    ttl: input.ttl,
    renews: certificate.serial,
  });
  const now = staged.clock.now();
  return { record: withCertificate(record, next, { now, overlapUntil: plus(now, input.overlap ?? DEFAULT_OVERLAP) }), warnings };
}

export interface TokenTerms {
  readonly ttl?: Seconds | null | undefined;
  readonly maxUses?: number | null | undefined;
}

/** Revokes the cluster's join token and mints the next, which pins `ca`. */
export async function nextToken(
  staged: Realm,
  record: ClusterRecord,
  ca: string,
  terms: TokenTerms = {},
): Promise<{ readonly record: ClusterRecord; readonly token: Secret }> {
  const authority = await readCa(staged, ca, `authority of cluster ${record.name}`);
  await revokeToken(staged, { id: record.token, reason: 'replaced', format: 'secure' });
  const { token, grant } = await mintSecretToken(staged, {
    dialect: { format: 'secure', caFingerprint: authority.certificate.fingerprint },
    cluster: record.name,
    role: record.role,
    ttl: terms.ttl ?? null,
    maxUses: terms.maxUses ?? null,
  });
  return { record: { ...record, token: grant.id }, token };
}
