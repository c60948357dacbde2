/** Time that moves when everybody sleeps: hours of a fleet in seconds, and clocks that jump. */
import type { Timer } from '../../src/client/world.ts';
import type { Clock } from '../../src/core/ports.ts';
import { type Instant, instant } from '../../src/core/time.ts';

interface Sleeper {
  readonly at: number;
  wake(): void;
}

export interface VirtualTime {
  readonly clock: Clock;
  readonly timer: Timer;
  /** Milliseconds since it began, which only grow. */
  elapsed(): number;
  /** The clock is set; the timer does not notice. @param seconds forwards, or backwards below 0 */
  jump(seconds: number): void;
  /** The machine sleeps: the clock goes on, and the timer stands still. */
  suspend(seconds: number): void;
  /** Lets `sleepers` sleepers live for so long: each sleeps again before time moves on. */
  run(seconds: number, sleepers: number | (() => number)): Promise<void>;
}

export function virtualTime(start: Instant): VirtualTime {
  let ms = 0;
  let offset = start as number;
  const sleeping = new Set<Sleeper>();
  const timer: Timer = {
    elapsed: () => ms,
    sleep: (wanted, signal) =>
      new Promise((resolve) => {
        const sleeper: Sleeper = {
          at: ms + Math.max(1, wanted),
          wake: () => {
            sleeping.delete(sleeper);
            signal?.removeEventListener('abort', sleeper.wake);
            resolve();
          },
        };
        sleeping.add(sleeper);
        signal?.addEventListener('abort', sleeper.wake);
        if (signal?.aborted === true) sleeper.wake();
      }),
  };
  const settle = async (count: () => number): Promise<void> => {
    while (sleeping.size < count()) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    clock: { now: () => instant(Math.floor(offset + ms / 1000)) },
    timer,
    elapsed: () => ms,
    jump: (seconds) => void (offset += seconds),
    suspend: (seconds) => void (offset += seconds),
    async run(seconds, sleepers) {
      const count = typeof sleepers === 'number' ? () => sleepers : sleepers;
      const end = ms + seconds * 1000;
      for (;;) {
        await settle(count);
        const next = Math.min(...[...sleeping].map(({ at }) => at));
        if (next > end) break;
        ms = Math.max(ms, next);
        for (const sleeper of [...sleeping].filter(({ at }) => at <= next)) sleeper.wake();
      }
      ms = end;
    },
  };
}
