/**
 * Refusals that wait for the audit log. A caller that proved nothing must not be able to fill it: such refusals are counted here, in
 * bounded memory, and become one record for each reason and minute. What a token has proved is recorded at once, up to a cap.
 */
import type { ErrorCode } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';

/** Seconds of one window. */
export const REFUSAL_WINDOW = 60;
/** Records of one token, and of one node, in a window; more are counted. */
export const REFUSALS_RECORDED = 10;
/** Addresses that one record names. */
const ADDRESSES_SHOWN = 5;
/** Tokens and nodes whose refusals are counted apart: more share one count. */
const SUBJECTS_COUNTED = 10_000;
/** Refusals without proof in a window from which on somebody is told. */
export const REFUSED_BURST = 100;

export interface CountedRefusals {
  readonly reason: ErrorCode;
  readonly count: number;
  readonly firstAt: Instant;
  readonly lastAt: Instant;
  /** The first few. */
  readonly addresses: readonly string[];
}

interface Counter {
  count: number;
  readonly firstAt: Instant;
  lastAt: Instant;
  readonly addresses: Set<string>;
}

export interface RefusalBook {
  /** Counts a refusal without a record of its own. @returns how many there were in the window, of any reason. */
  count(reason: ErrorCode, address: string, now: Instant): number;
  /** Whether a refusal of this token or node still gets a record of its own. */
  hasRoom(subject: string, now: Instant): boolean;
  /** Takes out what was counted, once the window is over or when `all`. */
  take(now: Instant, all?: boolean): readonly CountedRefusals[];
}

/** @param subjects how many tokens and nodes are counted apart. */
export function newRefusalBook(subjects = SUBJECTS_COUNTED): RefusalBook {
  const counters = new Map<ErrorCode, Counter>();
  const recorded = new Map<string, number>();
  let windowStart = 0;
  let inWindow = 0;
  let recordedSince = 0;
  const roll = (now: Instant): void => {
    if (now - windowStart < REFUSAL_WINDOW) return;
    windowStart = now;
    inWindow = 0;
  };
  return {
    count(reason, address, now) {
      roll(now);
      inWindow += 1;
      const counter = counters.get(reason) ?? { count: 0, firstAt: now, lastAt: now, addresses: new Set<string>() };
      counter.count += 1;
      counter.lastAt = now;
      if (counter.addresses.size < ADDRESSES_SHOWN) counter.addresses.add(address);
      counters.set(reason, counter);
      return inWindow;
    },
    hasRoom(subject, now) {
      if (now - recordedSince >= REFUSAL_WINDOW) {
        recorded.clear();
        recordedSince = now;
      }
      const key = recorded.size < subjects || recorded.has(subject) ? subject : '';
      const used = (recorded.get(key) ?? 0) + 1;
      recorded.set(key, used);
      return used <= REFUSALS_RECORDED;
    },
    take(now, all = false) {
      const due = [...counters].filter(([, { firstAt }]) => all || now - firstAt >= REFUSAL_WINDOW);
      for (const [reason] of due) counters.delete(reason);
      return due.map(([reason, { addresses, ...counted }]) => ({ reason, ...counted, addresses: [...addresses] }));
    },
  };
}
