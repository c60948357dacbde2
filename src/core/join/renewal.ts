/** When a node renews its certificate: early enough that an outage of the server does no harm. */
import { formatInstant, type Instant, plus } from '../time.ts';

/** Two thirds of the life of the certificate: a third is left to retry in. */
export function renewAfter(issuedAt: Instant, expiresAt: Instant): Instant {
  return plus(issuedAt, Math.floor(((expiresAt - issuedAt) * 2) / 3));
}

export type RenewalState = 'fresh' | 'due' | 'expired';

export interface RenewalDecision {
  readonly state: RenewalState;
  /** Whole seconds until it is due; 0 from then on. */
  readonly wait: number;
}

/** @param due what the reply said as `renew_after`. */
export function renewalState(due: Instant, expiresAt: Instant, now: Instant): RenewalDecision {
  if (now >= expiresAt) return { state: 'expired', wait: 0 };
  return now >= due ? { state: 'due', wait: 0 } : { state: 'fresh', wait: due - now };
}

/** `issued_at`, `renew_after` and `expires_at` of a reply. */
export function scheduleText(issuedAt: Instant, expiresAt: Instant) {
  return {
    issued_at: formatInstant(issuedAt),
    renew_after: formatInstant(renewAfter(issuedAt, expiresAt)),
    expires_at: formatInstant(expiresAt),
  };
}
