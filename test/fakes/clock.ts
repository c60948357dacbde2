import type { Clock } from '../../src/core/ports.ts';
import { type Instant, instant, parseInstant } from '../../src/core/time.ts';

/** A clock that stands still until it is told to move. */
export function fakeClock(start = '2026-11-22T10:00:00Z'): Clock & { set(at: Instant): void; advance(seconds: number): void } {
  let now = parseInstant(start) as Instant;
  return {
    now: () => now,
    set: (at) => (now = at),
    advance: (seconds) => (now = instant(now + seconds)),
  };
}
