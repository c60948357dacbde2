/** Revokes a node: its certificates, its tokens, and its name, which then enters again only by a token that says so. */
import type { RevocationReason } from '../core/x509/crl-writer.ts';
import { asJson, readNode } from './node-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { appendRevocations } from './revocation-log.ts';
import { isStanding, planRevocation } from './revoke-certificate.ts';
import { nodeWatermarkKey } from './token-state.ts';
import { plus } from '../core/time.ts';

export interface RevokeNodeInput {
  readonly cluster: string;
  readonly node: string;
  readonly reason?: RevocationReason | undefined;
}

export interface RevokeNodeResult {
  /** Certificates that were revoked now. */
  readonly serials: readonly string[];
  /** True when the node and all its certificates were revoked before. */
  readonly already: boolean;
}

/**
 * One commit: the node, every certificate of it that has not ended, the entries in the list of revocations, and a watermark for its
 * tokens, so that no earlier token lets it in again.
 * @throws ERR_NODE_NOT_FOUND, ERR_STORE_CONFLICT
 */
export async function revokeNode(realm: Realm, { cluster, node, reason = 'unspecified' }: RevokeNodeInput): Promise<RevokeNodeResult> {
  const { record, check } = await readNode(realm.store, cluster, node);
  const now = realm.clock.now();
  const live = record.certificates.filter(({ not_after }) => not_after > now);
  const planned = (await Promise.all(live.map(({ serial }) => planRevocation(realm, { serial, reason })))).filter(
    ({ result }) => !result.already,
  );
  if (isStanding(record.revoked, reason) && planned.length === 0) return { serials: [], already: true };
  const serials = planned.map(({ result }) => result.serial);
  const log = await appendRevocations(
    realm.store,
    planned.map(({ logged }) => logged),
  );
  const watermark = nodeWatermarkKey(node);
  const marked = await realm.store.get(watermark);
  const keys = new Map(planned.flatMap(({ writes }) => writes).map((write) => [write.key, write]));
  await commit(realm.store, {
    checks: [check, { key: watermark, version: marked?.version ?? 'absent' }, ...log.checks, ...planned.map((each) => each.check)],
    writes: [
      { key: check.key, value: asJson({ ...record, revoked: { at: now, reason } }) },
      { key: watermark, value: { not_before: plus(now, 1) } },
      ...log.writes,
      ...keys.values(),
    ],
    audit: [
      auditEvent(realm, { event: 'revocation.node', subject: node, reason, details: { cluster, identity: record.identity, serials } }),
      ...planned.map(({ audit }) => audit),
    ],
  });
  return { serials, already: false };
}
