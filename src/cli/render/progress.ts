/** Progress of long steps on stderr: an ora spinner on a terminal, nothing elsewhere (ora is not even loaded then). */
import type { Progress } from '../../core/ports.ts';

export interface PausableProgress extends Progress {
  /** Runs `work`, which asks the person something, with the spinner out of the way. */
  pause<T>(work: () => Promise<T>): Promise<T>;
}

/** @param open the stream, opened when there is something to tell */
export function progressOn(open: () => NodeJS.WriteStream, enabled: boolean): PausableProgress {
  let running: { stop(): unknown; start(): unknown } | undefined;
  return {
    async step(label, work) {
      const stream = enabled ? open() : undefined;
      // A terminal that does not know its width (a container's, a serial line) has 0 columns: ora would clear lines without end.
      if (!stream?.isTTY || !stream.columns) return work(() => undefined);
      const { default: ora } = await import('ora');
      const spinner = ora({ text: label, stream, discardStdin: false }).start();
      running = spinner;
      try {
        const result = await work((text) => (spinner.text = text));
        spinner.succeed();
        return result;
      } catch (error) {
        spinner.fail();
        throw error;
      } finally {
        running = undefined;
      }
    },
    async pause(work) {
      running?.stop();
      try {
        return await work();
      } finally {
        running?.start();
      }
    },
  };
}

const BAR_CELLS = 24;

/** A bar for a step that knows how much there is to do. */
export function bar(label: string, done: number, total: number): string {
  const filled = Math.floor((BAR_CELLS * done) / total);
  return `${label} [${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}] ${done}/${total}`;
}
