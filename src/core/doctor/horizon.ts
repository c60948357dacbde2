/** How long before its end something is worth a warning. */
import { formatDuration, formatInstant, type Instant } from '../time.ts';
import type { DoctorCheck, Finding } from './finding.ts';

export interface Horizon {
  /** Seconds before the end. */
  readonly warn: number;
  readonly critical: number;
}

const DAY = 86400;

/** By what ends. `--warn-before` and `--critical-before` replace them all. */
export const HORIZONS = {
  authority: { warn: 90 * DAY, critical: 14 * DAY },
  certificate: { warn: 30 * DAY, critical: 3 * DAY },
  list: { warn: 2 * DAY, critical: 0 },
  manifest: { warn: 30 * DAY, critical: 3 * DAY },
} as const satisfies Record<string, Horizon>;

export interface Ending {
  readonly code: DoctorCheck;
  readonly where: string;
  /** What it is: `authority`, `trust manifest`. */
  readonly what: string;
  readonly from: Instant;
  readonly until: Instant;
  readonly next: string;
  readonly horizon: Horizon;
}

/**
 * A finding for what has ended or soon will. What lives shortly is not warned about from its first day: a warning comes in the last
 * third of a life at the earliest, a critical finding in its last twentieth.
 */
export function judgeEnding({ code, where, what, from, until, next, horizon }: Ending, now: Instant): Finding[] {
  const [left, life] = [until - now, until - from];
  const end = formatInstant(until);
  if (now < from) {
    const early = `expected a ${what} that is valid now, found one from ${formatInstant(from)} on`;
    return [{ code, severity: 'critical', where, what: early, next: 'compare the clocks of the two machines' }];
  }
  if (left < 0) return [{ code, severity: 'critical', where, what: `expected a ${what} that is valid now, found its end at ${end}`, next }];
  const isNear = (before: number, share: number): boolean => left < Math.min(before, life * share);
  if (!isNear(horizon.warn, 1 / 3)) return [];
  const severity = isNear(horizon.critical, 1 / 20) ? 'critical' : 'warn';
  return [{ code, severity, where, what: `the ${what} ends at ${end}, in ${formatDuration(left)}`, next }];
}
