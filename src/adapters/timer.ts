/** Waiting, and measuring time that does not jump. */
import { setTimeout as wait } from 'node:timers/promises';

export const systemTimer = {
  elapsed: (): number => performance.now(),
  /** @param background does not keep the process alive. */
  async sleep(ms: number, signal?: AbortSignal, background = false): Promise<void> {
    // Who gives up waiting is told so by the signal; here nothing went wrong.
    await wait(ms, undefined, { signal, ref: !background }).catch(() => undefined);
  },
};
