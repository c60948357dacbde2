/** How often somebody may ask: a bucket for each, that refills with time. Bounded: the least recently seen are forgotten first. */
import type { Clock } from '../ports.ts';

/** Buckets that are remembered. Whoever has more addresses than this gains nothing by forgetting his own. */
const MAX_BUCKETS = 50_000;

interface Bucket {
  readonly left: number;
  readonly at: number;
}

export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();
  readonly #clock: Clock;
  readonly #perMinute: () => number;
  readonly #maxBuckets: number;

  /** @param perMinute asked each time, so that a new configuration counts at once; also the largest burst. */
  constructor(clock: Clock, perMinute: () => number, maxBuckets: number = MAX_BUCKETS) {
    this.#clock = clock;
    this.#perMinute = perMinute;
    this.#maxBuckets = maxBuckets;
  }

  /** Takes one from the bucket of `key`. @returns 0, or the seconds after which there is one again. */
  take(key: string): number {
    const now = this.#clock.now();
    const most = this.#perMinute();
    const known = this.#buckets.get(key) ?? { left: most, at: now };
    // A clock that was set back refills nothing.
    const left = Math.min(most, known.left + (Math.max(0, now - known.at) * most) / 60);
    this.#buckets.delete(key);
    this.#buckets.set(key, { left: left >= 1 ? left - 1 : left, at: now });
    if (this.#buckets.size > this.#maxBuckets) this.#buckets.delete(this.#buckets.keys().next().value as string);
    return left >= 1 ? 0 : Math.max(1, Math.ceil(((1 - left) * 60) / most));
  }

  /** Buckets that are remembered now. */
  get size(): number {
    return this.#buckets.size;
  }
}
