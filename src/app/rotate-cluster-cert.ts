/** A new shared certificate and key from the same authority, with a time in which the old one still stands; and the end of that time. */
import { type ClusterRecord, issuingAuthority } from '../core/cluster/record.ts';
import { JoineryError } from '../core/errors.ts';
import { formatInstant, type Instant, type Seconds } from '../core/time.ts';
import { changeCluster, type ClusterChange, nextCertificate } from './cluster-change.ts';
import type { ClusterWorld } from './cluster-answers.ts';
import { clusterWrite, readCluster } from './cluster-records.ts';
import { inOneCommit } from './one-commit.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { revokeCertificate } from './revoke-certificate.ts';

export interface RotateClusterCertInput {
  readonly cluster?: string | undefined;
  readonly ttl?: Seconds | undefined;
  /** Default 7 days. */
  readonly overlap?: Seconds | undefined;
  /** New directory for the answers; needed when there are members. */
  readonly out?: string | undefined;
}

export interface RotateClusterCertResult extends ClusterChange {
  readonly warnings: readonly string[];
}

/**
 * Certificate, record, audit events: one commit. The old certificate verifies until it is revoked or its authority retires.
 * @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_USAGE, ERR_FILE_EXISTS, ERR_CA_*, ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function rotateClusterCert(
  realm: Realm,
  world: ClusterWorld,
  input: RotateClusterCertInput,
): Promise<RotateClusterCertResult> {
  const stored = await readCluster(realm, input.cluster);
  const old = stored.record.certificate;
  return changeCluster(realm, world, stored, {
    out: input.out,
    remaining: stored.record.members,
    async work(staged) {
      const { record, warnings } = await nextCertificate(staged, stored.record, { ...input, ca: issuingAuthority(stored.record) });
      const { serial, ca, not_after, generation } = record.certificate;
      const details = { ca, serial, replaces: old.serial, generation, not_after: formatInstant(not_after as Instant) };
      return { record, warnings, event: 'cert.cluster_rotate', subject: record.name, details };
    },
  });
}

export interface EndOverlapResult {
  readonly record: ClusterRecord;
  /** Serial numbers that the next revocation lists name. */
  readonly revoked: readonly string[];
}

/**
 * Revokes the superseded certificates; members that have not the new one yet are cut off where lists are checked.
 * @param input.force before the overlap has ended.
 * @throws ERR_CLUSTER_NOT_INITIALIZED, ERR_CLUSTER_WOULD_BREAK, ERR_STORE_CONFLICT
 */
export async function endClusterOverlap(
  realm: Realm,
  input: { readonly cluster?: string | undefined; readonly force: boolean },
): Promise<EndOverlapResult> {
  const { record: before, check } = await readCluster(realm, input.cluster);
  const now = realm.clock.now();
  const running = before.superseded.find(({ overlap_until }) => overlap_until > now);
  if (running !== undefined && !input.force) {
    throw new JoineryError(
      'ERR_CLUSTER_WOULD_BREAK',
      `cluster ${before.name}: expected the end of the overlap, ${formatInstant(running.overlap_until as Instant)}, found ${formatInstant(now)}`,
      { hint: 'members may still present the old certificate; --force revokes it now' },
    );
  }
  const serials = before.superseded.map(({ serial }) => serial);
  const record = { ...before, superseded: [] };
  await inOneCommit(realm, async (staged) => {
    for (const serial of serials) await revokeCertificate(staged, { serial, reason: 'superseded' });
    await commit(staged.store, {
      checks: [check],
      writes: [clusterWrite(record)],
      audit: [auditEvent(realm, { event: 'cert.cluster_overlap_end', subject: record.name, details: { revoked: serials } })],
    });
  });
  return { record, revoked: serials };
}
