/** Ends a hold: the one revocation that is not for good (RFC 5280 section 5.3.1, certificateHold). */
import { JoineryError } from '../core/errors.ts';
import type { StoreWrite } from '../core/ports.ts';
import { certificateKey, parseCertificateRecord } from './certificate-records.ts';
import { findRevocable, parseSerial, revocationPrefix, type Target } from './revoke-certificate.ts';
import { asJson, findNode, readNode, revokedKeyKey } from './node-records.ts';
import { inOneCommit } from './one-commit.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { appendRevocations } from './revocation-log.ts';

export interface UndoneRevocation {
  /** Certificates that count again. */
  readonly serials: readonly string[];
  /** Authorities whose lists named them. */
  readonly issuers: readonly string[];
}

/**
 * One commit: the record, what the next list names, the key, the entry `removeFromCRL` for those who follow the revocations, and the
 * audit event.
 * @throws ERR_CERTIFICATE_NOT_FOUND; ERR_REVOCATION_NOT_FOUND when it is not revoked; ERR_REVOCATION_FINAL when it is for another
 * reason, or its node is revoked; ERR_STORE_CONFLICT
 */
export async function undoCertificateHold(realm: Realm, input: { readonly serial: string }): Promise<UndoneRevocation> {
  const named = parseSerial(input.serial);
  const target = await findRevocable(realm, named);
  const serial = target.record?.serial ?? named;
  assertHeld(`certificate ${serial}`, target.revoked);
  const { node } = target;
  if (node !== undefined && (await findNode(realm.store, node.cluster, node.node)).record?.revoked !== undefined) {
    throw new JoineryError(
      'ERR_REVOCATION_FINAL',
      `certificate ${serial}: expected one of a node that is not revoked, found ${node.node} revoked`,
      {
        hint: 'joinery revocation undo --node ends the hold of a node with its certificates',
      },
    );
  }
  return release(realm, serial, target);
}

/**
 * The node and those of its certificates that are on hold. Its earlier tokens stay revoked.
 * @throws ERR_NODE_NOT_FOUND, ERR_REVOCATION_NOT_FOUND, ERR_REVOCATION_FINAL, ERR_STORE_CONFLICT
 */
export async function undoNodeHold(
  realm: Realm,
  { cluster, node }: { readonly cluster: string; readonly node: string },
): Promise<UndoneRevocation> {
  const { record, check } = await readNode(realm.store, cluster, node);
  assertHeld(`node ${node}`, record.revoked);
  return inOneCommit(realm, async (staged) => {
    const released: UndoneRevocation[] = [];
    for (const { serial } of record.certificates)
      if (await isHeld(staged, serial)) released.push(await release(staged, serial, await findRevocable(staged, serial)));
    const serials = released.flatMap((each) => each.serials);
    const { revoked: _, ...free } = record;
    await commit(staged.store, {
      checks: [check],
      writes: [{ key: check.key, value: asJson(free) }],
      audit: [auditEvent(staged, { event: 'revocation.undo', subject: node, details: { cluster, identity: record.identity, serials } })],
    });
    return { serials, issuers: [...new Set(released.flatMap((each) => each.issuers))] };
  });
}

async function isHeld({ store }: Realm, serial: string): Promise<boolean> {
  const key = certificateKey(serial);
  const entry = await store.get(key);
  return entry !== undefined && parseCertificateRecord(key, entry.value).revoked?.reason === 'certificateHold';
}

function assertHeld(what: string, revoked: Target['revoked']): void {
  if (revoked === undefined)
    throw new JoineryError('ERR_REVOCATION_NOT_FOUND', `${what}: expected one that is revoked, found it not revoked`);
  if (revoked.reason === 'certificateHold') return;
  throw new JoineryError('ERR_REVOCATION_FINAL', `${what}: expected the reason certificateHold, found ${revoked.reason}`, {
    hint: 'every other revocation is for good: issue another certificate, or let the node join again (token mint --allow-reentry)',
  });
}

async function release(realm: Realm, serial: string, target: Target): Promise<UndoneRevocation> {
  const { issuer, fingerprint, node, check } = target;
  const { revoked: _, ...value } = target.value;
  const log = await appendRevocations(realm.store, [
    {
      serial,
      fingerprint,
      ...(node !== undefined && { spiffe_id: node.identity, node: node.node, cluster: node.cluster }),
      at: realm.clock.now(),
      reason: 'removeFromCRL',
    },
  ]);
  await commit(realm.store, {
    checks: [check, ...log.checks],
    writes: [
      { key: check.key, value },
      { key: `${revocationPrefix(issuer)}${serial}`, delete: true },
      ...(await keyWrites(realm, serial, target)),
      ...log.writes,
    ],
    audit: [auditEvent(realm, { event: 'revocation.undo', subject: target.subject, details: { serial, issuer } })],
  });
  return { serials: [serial], issuers: [issuer] };
}

/** The key is free again where this hold was what kept it out. */
async function keyWrites({ store }: Realm, serial: string, { pin }: Target): Promise<readonly StoreWrite[]> {
  const key = revokedKeyKey(pin);
  const entry = (await store.get(key))?.value as { readonly serial?: unknown } | undefined;
  return entry?.serial === serial ? [{ key, delete: true }] : [];
}
