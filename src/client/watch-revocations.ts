/** Revocations as they come, by asking again and again: it survives servers that restart, proxies, and sessions that break. */
import { isJoineryError } from '../core/errors.ts';
import type { RevocationEntry, RevocationsReply } from '../core/join/messages.ts';
import type { ClientWorld } from './world.ts';

export interface WatchOptions {
  /** Place of the last revocation that is known: `seq`, or `next` of a reply. Default 0, from the beginning. */
  readonly since?: number | undefined;
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
  /** Between two questions. Default 400 ms: a control plane evicts within a second. */
  readonly intervalMs?: number | undefined;
  /** Hears of failures that the watch outlives; without it they are silent until the next answer. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

type Ask = (since: number, options: { readonly signal?: AbortSignal | undefined }) => Promise<RevocationsReply>;

/** @throws what is no failure of the network: a refusal does not get better by asking again. */
export async function* watchRevocations(
  { timer }: Pick<ClientWorld, 'timer'>,
  ask: Ask,
  { since = 0, signal, intervalMs = 400, onFailure }: WatchOptions = {},
): AsyncGenerator<RevocationEntry, void, undefined> {
  const ended = (): boolean => signal?.aborted === true;
  const asked = async (from: number): Promise<RevocationsReply> => {
    try {
      return await ask(from, { signal });
    } catch (error) {
      if (!ended()) {
        if (!isJoineryError(error) || error.family !== 'network') throw error;
        onFailure?.(error);
      }
      return { revocations: [], next: from };
    }
  };
  for (let next = since; !ended();) {
    const reply = await asked(next);
    yield* reply.revocations.filter(({ seq }) => seq > next);
    const grew = reply.next > next;
    next = Math.max(next, reply.next);
    // A full page is followed by the next one at once.
    if (!grew) await timer.sleep(intervalMs, signal);
  }
}
