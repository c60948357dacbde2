/** Measuring: medians of repeated runs, printed as ratios to a limit that was measured in the same run. */
import { spawnSync } from 'node:child_process';

export interface Row {
  readonly what: string;
  readonly value: string;
  /** The primitive's own limit on this machine, and what share of it was reached. */
  readonly limit?: string;
  readonly ratio?: string;
}

/** One part of `npm run bench`. */
export interface Bench {
  readonly title: string;
  run(): Promise<readonly Row[]>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

/**
 * Median milliseconds of whole processes, from start to exit, with stdout and stderr in pipes. They take turns, so that what else happens on the
 * machine happens to all of them.
 * @throws when one does not exit with 0.
 */
export function processTimes(
  commands: readonly (readonly string[])[],
  { rounds, ...options }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly rounds: number },
): readonly number[] {
  const times: number[][] = commands.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [number, [program, ...argv]] of commands.entries()) {
      const start = performance.now();
      const child = spawnSync(program as string, argv, { ...options, encoding: 'utf8' });
      times[number]?.push(performance.now() - start);
      if (child.status !== 0) throw new Error(`${program} ${argv.join(' ')}: exit ${child.status}\n${child.stderr}`);
    }
  }
  return times.map(median);
}

/** Calls per second of `work`, over at least `milliseconds`. */
export async function rate(work: () => unknown, milliseconds = 1000): Promise<number> {
  let count = 0;
  const start = performance.now();
  let now = start;
  while (now - start < milliseconds) {
    for (let index = 0; index < 50; index++) {
      const result = work();
      if (result instanceof Promise) await result;
    }
    count += 50;
    now = performance.now();
  }
  return (count * 1000) / (now - start);
}

export const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en-US')}/s`;
export const milliseconds = (value: number): string => `${value.toFixed(1)} ms`;
export const times = (value: number): string => `${value.toFixed(2)} x`;
export const percent = (value: number): string => `${Math.round(value * 100)} %`;
