/** Writes refusals to the audit log, and tells whoever watches of those that smell of an attack. */
import type { JsonObject } from '../core/canonical-json.ts';
import { type ErrorCode, isJoineryError, type JoineryError } from '../core/errors.ts';
import { isServerFault } from '../core/join/problem.ts';
import { formatInstant } from '../core/time.ts';
import type { AlertKind, JoinAlert, Peer } from './join-peer.ts';
import { type JoinService, realmOfPeer } from './join-service.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { REFUSED_BURST } from './refusal-book.ts';

/** What is known of a request that was refused. */
export interface RefusedRun {
  readonly operation: string;
  readonly peer: Peer;
  readonly authenticated: boolean;
  readonly cluster?: string;
  readonly node?: string;
  readonly subject?: string;
  readonly identity?: string;
  /** What the node says of itself. */
  readonly unverifiedClaims?: JsonObject;
}

/** Refusals that mean that somebody holds what is not his. */
const ALERTS: Readonly<Partial<Record<ErrorCode, AlertKind>>> = {
  ERR_TOKEN_REPLAYED: 'replay',
  ERR_ATTESTATION_REPLAYED: 'replay',
  ERR_RENEW_KEY: 'second-renewal-key',
  ERR_RENEW_SUPERSEDED: 'renewal-fork',
  ERR_NODE_REVOKED: 'revoked-node',
};

/**
 * Notes how a request failed. Of a caller who proved nothing only a count is kept, which {@link flushRefusals} writes; one with an
 * authentic token or certificate gets a record, up to a cap. What is not the caller's fault is for the log of the server alone.
 */
export async function noteRefusal(service: JoinService, error: unknown, run: RefusedRun): Promise<void> {
  if (!isJoineryError(error) || isServerFault(error.code)) return;
  // No refusal but a question: the node asks again, with what the provider signs.
  if (error.code === 'ERR_CSR_NAMES') return;
  const { refusals, realm } = service;
  const now = realm.clock.now();
  const { subject } = run;
  raiseAlert(service, error, run);
  if (run.authenticated && subject !== undefined && refusals.hasRoom(subject, now)) {
    await record(service, run, [refusalEvent(realmOfPeer(service, run.peer, run.identity), error, run, subject)]);
    return;
  }
  const count = refusals.count(error.code, run.peer.address, now);
  if (count % REFUSED_BURST === 0) tellOf(service, run, 'refused-burst', error.code, count);
}

function raiseAlert(service: JoinService, error: JoineryError, run: RefusedRun): void {
  const kind = ALERTS[error.code];
  if (run.authenticated && kind !== undefined) tellOf(service, run, kind, error.code);
}

/** Raises an alert about a request. @param count of what there are too many. */
export function tellOf(
  { observe, realm }: JoinService,
  run: RefusedRun,
  kind: AlertKind,
  reason: JoinAlert['reason'],
  count?: number,
): void {
  const { peer, cluster, node, subject } = run;
  observe.alert({
    kind,
    at: realm.clock.now(),
    reason,
    transport: peer.transport,
    address: peer.address,
    correlationId: peer.correlationId,
    ...(cluster !== undefined && { cluster }),
    ...(node !== undefined && { node }),
    ...(subject !== undefined && { subject }),
    ...(count !== undefined && { count }),
  });
}

type Event = ReturnType<typeof auditEvent>;

function refusalEvent(realm: Realm, error: JoineryError, run: RefusedRun, subject: string): Event {
  const { operation, peer, cluster, node, unverifiedClaims } = run;
  const { transport, address } = peer;
  const details: JsonObject = { operation, transport, address, cluster, node, message: error.message, unverified_claims: unverifiedClaims };
  return auditEvent(realm, {
    event: operation === 'renew' ? 'renew.refuse' : 'join.refuse',
    subject,
    result: 'refused',
    reason: error.code,
    details,
  });
}

/** A refusal stays one when its record cannot be written: somebody is told instead. */
async function record(service: JoinService, run: RefusedRun, audit: readonly Event[]): Promise<void> {
  try {
    await commit(service.realm.store, { checks: [], writes: [], audit });
  } catch (error) {
    tellOf(service, run, 'audit-failed', isJoineryError(error) ? error.code : 'ERR_INTERNAL');
  }
}

/**
 * Writes one record for each reason whose window is over: to be called every few seconds, and with `all` at a stop.
 * @returns how many records were written. @throws what the store throws; the counts are lost then.
 */
export async function flushRefusals({ realm, refusals }: JoinService, all = false): Promise<number> {
  const counted = refusals.take(realm.clock.now(), all);
  if (counted.length === 0) return 0;
  const audit = counted.map(({ reason, count, firstAt, lastAt, addresses }) =>
    auditEvent(realm, {
      event: 'join.refusals',
      subject: reason,
      result: 'refused',
      reason,
      details: { count, from: formatInstant(firstAt), to: formatInstant(lastAt), addresses: [...addresses] },
    }),
  );
  await commit(realm.store, { checks: [], writes: [], audit });
  return audit.length;
}
