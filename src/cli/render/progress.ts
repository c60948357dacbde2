/** Progress of long steps on stderr: an ora spinner on a terminal, nothing elsewhere (ora is not even loaded then). */
import type { Progress } from '../../core/ports.ts';

export function progressOn(stream: NodeJS.WriteStream, enabled: boolean): Progress {
  if (!enabled || !stream.isTTY) return { step: (_label, work) => work() };
  return {
    async step(label, work) {
      const { default: ora } = await import('ora');
      const spinner = ora({ text: label, stream, discardStdin: false }).start();
      try {
        const result = await work();
        spinner.succeed();
        return result;
      } catch (error) {
        spinner.fail();
        throw error;
      }
    },
  };
}
