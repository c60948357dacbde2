/** What a server does on its own from time to time: each job one at a time, a failure logged and tried again, none lost at a stop. */
import { isJoineryError } from '../core/errors.ts';

export interface Job {
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<unknown>;
}

export interface Jobs {
  /** Runs a job now, or once more after the run that is under way. */
  poke(name: string): void;
  /** No new run begins; resolves when those under way have ended. */
  stop(): Promise<void>;
}

interface State {
  readonly job: Job;
  readonly timer: NodeJS.Timeout;
  running: Promise<void> | undefined;
  again: boolean;
}

/** @param failed is told of every run that throws. */
export function startJobs(jobs: readonly Job[], failed: (name: string, code: string, message: string) => void): Jobs {
  const states = new Map<string, State>();
  let stopped = false;
  const attempt = async ({ job }: State): Promise<void> => {
    try {
      await job.run();
    } catch (error) {
      const code = isJoineryError(error) ? error.code : 'ERR_INTERNAL';
      failed(job.name, code, error instanceof Error ? error.message : String(error));
    }
  };
  const begin = (state: State): void => {
    if (stopped) return;
    if (state.running !== undefined) {
      state.again = true;
      return;
    }
    state.again = false;
    state.running = attempt(state).then(() => {
      state.running = undefined;
      if (state.again) begin(state);
    });
  };
  for (const job of jobs) {
    const timer = setInterval(() => begin(states.get(job.name) as State), job.everyMs);
    timer.unref();
    states.set(job.name, { job, timer, running: undefined, again: false });
  }
  return {
    poke(name) {
      const state = states.get(name);
      if (state !== undefined) begin(state);
    },
    async stop() {
      stopped = true;
      for (const { timer } of states.values()) clearInterval(timer);
      for (const { running } of states.values()) await running;
    },
  };
}
