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

/** Median milliseconds of a whole process, from start to exit. @throws when it does not exit with 0. */
export function processTime(
  command: string,
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly runs?: number } = {},
): number {
  const times: number[] = [];
  for (let run = 0; run < (options.runs ?? 15); run++) {
    const start = performance.now();
    const child = spawnSync(command, argv, { cwd: options.cwd, env: options.env, encoding: 'utf8' });
    times.push(performance.now() - start);
    if (child.status !== 0) throw new Error(`${command} ${argv.join(' ')}: exit ${child.status}\n${child.stderr}`);
  }
  return median(times);
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
