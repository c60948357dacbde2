/** Spends one use of a join token: verified, decided and recorded, with what the use gives, in one commit. */
import type { JsonValue } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import type { AuditEvent, StoreCheck, StoreWrite } from '../core/ports.ts';
import type { Accepted } from '../core/token/checks.ts';
import type { Grant } from '../core/token/grant.ts';
import type { VerificationKey } from '../core/token/signer.ts';
import type { UseRequest } from '../core/token/use.ts';
import { inTurn } from './in-turn.ts';
import { auditEvent, type Realm } from './realm.ts';
import { counterKey, moveClockMark, type ReadState, type StoredUse, untilOf, useKey } from './token-state.ts';
import { verifyGrant, type VerifyGrantInput } from './verify-grant.ts';

export interface ConsumeTokenInput extends UseRequest {
  readonly token: string;
  readonly cluster: string;
  readonly extraKeys?: readonly VerificationKey[];
  /** Opens `omnirelay` tokens: the realm does not keep their key. */
  readonly omnirelay?: NonNullable<VerifyGrantInput['omnirelay']>;
  /** Called when the token is known to be authentic, before it is judged; what it throws is thrown. */
  readonly onAuthentic?: () => void;
}

/** What is made for an accepted use: it is committed together with the use, or not at all. */
export interface Issued {
  /** Stored with the use and given again to the same request: a certificate, never a secret. */
  readonly result: JsonValue;
  readonly checks?: readonly StoreCheck[];
  readonly writes?: readonly StoreWrite[];
  readonly audit?: readonly AuditEvent[];
}

export interface ConsumeTokenResult {
  readonly grant: Grant;
  /** `same-request`: this very key asked before; nothing was issued or written now. */
  readonly decision: Accepted;
  readonly result: JsonValue;
}

/** Losing so many races in a row means that something else is wrong: each lost race is a use that another process won. */
const MAX_ATTEMPTS = 1000;

/**
 * A refused request writes nothing. Between verification and commit nothing is promised to the caller: when another process spends
 * the last use first, the commit conflicts, everything is read and decided again, and what was issued is thrown away.
 * @param issue makes what the use gives; called once, and only for an accepted use.
 * @throws the errors of {@link verifyGrant} and of `issue`; ERR_STORE_CONFLICT when `issue`'s own checks conflict.
 */
export async function consumeToken(
  realm: Realm,
  input: ConsumeTokenInput,
  issue: (grant: Grant) => Promise<Issued>,
): Promise<ConsumeTokenResult> {
  const made: { issued?: Issued } = {};
  const first = await spend(realm, { ...input, issue: async (grant) => (made.issued ??= await issue(grant)) });
  if ('done' in first) return first.done;
  // Uses of one token that meet in this process wait for each other from here on: each would make all others begin again.
  return inTurn(realm.store, first.conflict, async () => {
    const { onAuthentic: _told, ...again } = input;
    for (let attempt = 1; attempt < MAX_ATTEMPTS; attempt++) {
      const next = await spend(realm, { ...again, issue: () => Promise.resolve(made.issued as Issued) });
      if ('done' in next) return next.done;
    }
    throw lostRace(first.conflict);
  });
}

type Spent =
  { readonly done: ConsumeTokenResult } | { /** The record of the token that another use has changed. */ readonly conflict: string };

/** One try. @throws ERR_STORE_CONFLICT for another record than those of the token */
async function spend(realm: Realm, input: ConsumeTokenInput & { issue(grant: Grant): Promise<Issued> }): Promise<Spent> {
  const seen: { read?: ReadState } = {};
  const onState = (read: ReadState): void => {
    seen.read = read;
    input.onAuthentic?.();
  };
  const { grant, decision } = await verifyGrant(realm, input, { request: input, onState });
  const { state, sameUse, checks } = seen.read as ReadState;
  if (decision === 'same-request') return { done: { grant, decision, result: (sameUse as StoredUse).result as JsonValue } };
  const issued = await input.issue(grant);
  const conflict = await record(realm, input, grant, { used: state.used + 1, checks, issued });
  if (conflict === undefined) return { done: { grant, decision, result: issued.result } };
  if (!checks.some((check) => check.key === conflict)) throw lostRace(conflict);
  return { conflict };
}

interface Use {
  readonly used: number;
  readonly checks: readonly StoreCheck[];
  readonly issued: Issued;
}

/** @returns the key that conflicted, if one did. */
async function record(realm: Realm, input: UseRequest, grant: Grant, { used, checks, issued }: Use): Promise<string | undefined> {
  const { node, role, keyThumbprint } = input;
  const now = realm.clock.now();
  const until = untilOf(grant);
  const details = { format: grant.format, node, role, key: keyThumbprint, used, max_uses: grant.maxUses };
  const outcome = await realm.store.commit({
    checks: [...checks, ...(issued.checks ?? [])],
    writes: [
      { key: counterKey(grant), value: { used, ...until } },
      { key: useKey(grant, keyThumbprint), value: { node, role, used_at: now, ...until, result: issued.result } },
      ...(await moveClockMark(realm.store, now)),
      ...(issued.writes ?? []),
    ],
    audit: [auditEvent(realm, { event: 'token.use', subject: grant.id, details }), ...(issued.audit ?? [])],
  });
  return outcome.ok ? undefined : outcome.conflict;
}

function lostRace(key: string): JoineryError {
  return new JoineryError('ERR_STORE_CONFLICT', 'expected to spend a use of the token, found the realm changed by others each time', {
    hint: 'send the same request again',
    details: { key },
  });
}
