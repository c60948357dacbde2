/** Which server is asked next, and when: several in order, again only where that is safe, and never beyond the deadline. */
import { type ErrorCode, isJoineryError, type JoineryError } from '../core/errors.ts';
import type { ClientWorld } from './world.ts';

export interface Attempts {
  /** Asking twice does what asking once does. */
  readonly safe: boolean;
  /** For everything together. */
  readonly timeoutMs: number;
  /** Times that each server is asked, at most. */
  readonly rounds: number;
  readonly signal?: AbortSignal | undefined;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/** Failures of which it is unknown whether the server did what it was asked to. */
const UNCERTAIN: readonly ErrorCode[] = ['ERR_REPLY_TIMEOUT', 'ERR_REPLY_TRUNCATED', 'ERR_REPLY_FAILED'];
/** Failures before anything was sent, or after which the server has surely done nothing. */
const HARMLESS: readonly ErrorCode[] = ['ERR_SERVER_UNREACHABLE', 'ERR_TRUST_DOWNLOAD', 'ERR_RATE_LIMITED'];

/** Failures of this machine. */
const OWN = /^ERR_(?:NODE|FILE|KEY|INTERRUPTED)/;

type Verdict = 'again' | 'elsewhere' | 'end';

function judge(error: JoineryError, safe: boolean): Verdict {
  if (HARMLESS.includes(error.code)) return 'again';
  const status = error.details['status'];
  const certain = !UNCERTAIN.includes(error.code) && !(typeof status === 'number' && status >= 500);
  if (!certain) return safe ? 'again' : 'end';
  // Without a status it is no answer: not the server that was meant, or one that cannot be proved. Another URL may lead to the right one.
  return status === undefined && !OWN.test(error.code) ? 'elsewhere' : 'end';
}

interface Round<E> {
  /** Servers that may be asked again. */
  readonly again: readonly E[];
  readonly failure: JoineryError;
}

/**
 * @param ask sends the request to one server, within this many milliseconds.
 * @throws the refusal, or the failure of the last attempt.
 */
export async function askInTurn<E, T>(
  world: Pick<ClientWorld, 'timer' | 'random'>,
  endpoints: readonly E[],
  attempts: Attempts,
  ask: (endpoint: E, leftMs: number) => Promise<T>,
): Promise<T> {
  const end = world.timer.elapsed() + attempts.timeoutMs;
  const within = (endpoint: E): Promise<T> => ask(endpoint, Math.max(1, end - world.timer.elapsed()));
  let left = endpoints;
  for (let round = 0; ; round++) {
    const result = await askEach(left, attempts, within);
    if ('answer' in result) return result.answer;
    left = result.again;
    const pause = pauseMs(world, round, result.failure);
    const over = left.length === 0 || round + 1 >= attempts.rounds || world.timer.elapsed() + pause >= end;
    if (over) throw result.failure;
    await world.timer.sleep(pause, attempts.signal);
  }
}

async function askEach<E, T>(
  endpoints: readonly E[],
  { safe, signal }: Attempts,
  ask: (endpoint: E) => Promise<T>,
): Promise<{ readonly answer: T } | Round<E>> {
  const again: E[] = [];
  const failures: JoineryError[] = [];
  for (const endpoint of endpoints) {
    try {
      return { answer: await ask(endpoint) };
    } catch (error) {
      if (!isJoineryError(error)) throw error;
      const verdict = judge(error, safe);
      if (verdict === 'end' || signal?.aborted === true) throw error;
      if (verdict === 'again') again.push(endpoint);
      failures.push(error);
    }
  }
  // A refusal says more than the failure of another server. There is one endpoint at least.
  const failure = failures.find(({ family }) => family !== 'network') ?? failures.at(-1);
  return { again, failure: failure as JoineryError };
}

/** Exponential with full jitter, so that nodes that failed together do not come back together; at least what the server asks for. */
function pauseMs({ random }: Pick<ClientWorld, 'random'>, round: number, failure: JoineryError): number {
  const [a, b] = random.bytes(2) as unknown as [number, number];
  const jitter = ((a * 256 + b) / 65536) * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** round);
  const asked = failure.details['retry_after'];
  return jitter + (typeof asked === 'number' ? asked * 1000 : 0);
}
