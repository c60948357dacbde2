/** One gRPC call as the REST request that it stands for, and a stream as the same request made again whenever there is news. */
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { type JsonObject, type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import type { HttpHandler, HttpPeer, ServerResponse } from '../core/join/http.ts';
import { parseReply, type RevocationEntry } from '../core/join/messages.ts';
import { parseProblem, type Problem } from '../core/join/problem.ts';

/** A refusal of the handler, to be told as the status of a call. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.code);
    this.problem = problem;
  }
}

export interface CallContext {
  readonly peer: HttpPeer;
  readonly signal: AbortSignal;
}

export interface RestCall {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  readonly ifNoneMatch?: string | undefined;
  /** Default application/json. */
  readonly accept?: string;
}

/** @throws Refusal */
export async function callHandler(handler: HttpHandler, { peer, signal }: CallContext, call: RestCall): Promise<ServerResponse> {
  const { method, path, query = {}, body, ifNoneMatch, accept = 'application/json' } = call;
  const headers = new Map([['accept', accept]]);
  if (body !== undefined) headers.set('content-type', 'application/json');
  if (ifNoneMatch !== undefined) headers.set('if-none-match', ifNoneMatch);
  const response = await handler({
    method,
    path,
    query: new URLSearchParams(query),
    headers,
    body: body === undefined ? new Uint8Array() : utf8(JSON.stringify(body)),
    peer,
    signal,
  });
  if (response.status < 400) return response;
  throw new Refusal(parseProblem(jsonOf(response)));
}

export const textOf = ({ body }: ServerResponse): string => (typeof body === 'string' ? body : decodeUtf8(body, 'answer'));

export const bytesOf = ({ body }: ServerResponse): Uint8Array => (typeof body === 'string' ? utf8(body) : body);

export const jsonOf = (response: ServerResponse): JsonValue => parseStrictJson(textOf(response), 'answer', { maxLength: 64 * 1024 * 1024 });

/** Milliseconds after which a stream asks again although nothing has changed: its certificate may count no more. */
const ASK_AGAIN_MS = 30_000;

export interface RevocationFeed {
  readonly handler: HttpHandler;
  /** Calls back after every revocation; stop with the function that is returned. */
  onRevocation(changed: () => void): () => void;
}

/** Revocations after `since`, and every later one. Ends when `ended` does. @throws Refusal */
export async function* revocations(
  { handler, onRevocation }: RevocationFeed,
  context: CallContext,
  since: number,
): AsyncGenerator<RevocationEntry> {
  const bell = newBell(context.signal);
  const stop = onRevocation(bell.ring);
  try {
    for (let next = since; !context.signal.aborted;) {
      const answer = await callHandler(handler, context, { method: 'GET', path: '/v1/revocations', query: { since: String(next) } });
      const reply = parseReply('revocations', jsonOf(answer));
      yield* reply.revocations;
      if (reply.next === next) await bell.wait(ASK_AGAIN_MS);
      next = reply.next;
    }
  } finally {
    stop();
  }
}

interface Bell {
  readonly ring: () => void;
  /** Until it has rung since the last wait, the time is over, or the signal is aborted. */
  wait(ms: number): Promise<void>;
}

function newBell(signal: AbortSignal): Bell {
  let rung = false;
  let wake: () => void = () => undefined;
  const ring = (): void => {
    rung = true;
    wake();
  };
  signal.addEventListener('abort', ring, { once: true });
  return {
    ring,
    async wait(ms) {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      rung = false;
    },
  };
}
