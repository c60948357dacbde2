/** What every use case of a realm is given, and the two things every one of them does: name its audit event, and commit. */
import type { AuditEventName } from '../core/audit/events.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import type { CertificateReadBack, KeyVault, VerifyJws, VerifySignature } from '../core/key-ports.ts';
import type { AuditEvent, Clock, Commit, Files, Random, Store } from '../core/ports.ts';
import type { RealmConfig } from '../core/realm/config.ts';

export interface Actor {
  readonly name: string;
  /** True for an identity that a certificate proved, false for `--actor` and the OS user. */
  readonly verified: boolean;
}

/** Who asks, and under which correlation id: the same for every audit record of one command or request. */
export interface Caller {
  readonly actor: Actor;
  readonly correlationId: string;
}

export interface Realm {
  /** Directory of the realm. */
  readonly directory: string;
  readonly config: RealmConfig;
  readonly store: Store;
  readonly vault: KeyVault;
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly verifySignature: VerifySignature;
  readonly certificates: CertificateReadBack;
  readonly verifyJws: VerifyJws;
  readonly caller: Caller;
}

export interface AuditInput {
  readonly event: AuditEventName;
  /** What it happened to: a CA name, a token id, a bundle version. */
  readonly subject: string;
  readonly result?: AuditEvent['result'];
  readonly reason?: string;
  readonly details?: JsonObject;
}

/** The audit event of something that the realm's caller does now. */
export function auditEvent(realm: Pick<Realm, 'clock' | 'config' | 'caller'>, input: AuditInput): AuditEvent {
  const { actor, correlationId } = realm.caller;
  const { result = 'ok', ...rest } = input;
  return {
    time: realm.clock.now(),
    actor: { name: actor.name, verified: actor.verified },
    environment: realm.config.environment.name,
    correlation_id: correlationId,
    result,
    ...rest,
  };
}

/** Commits, or reports what another process changed meanwhile. @returns the sequence numbers of the audit records. @throws ERR_STORE_CONFLICT */
export async function commit(store: Store, change: Commit): Promise<readonly number[]> {
  const result = await store.commit(change);
  if (result.ok) return result.audit;
  throw new JoineryError('ERR_STORE_CONFLICT', `expected ${result.conflict} as it was read, found it changed by another process`, {
    hint: 'run the command again',
    details: { key: result.conflict },
  });
}
