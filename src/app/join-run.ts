/** The frame of every request: how long its steps took, how it ended, who is told, and what a caller without proof learns of it. */
import type { JsonObject } from '../core/canonical-json.ts';
import { type ErrorCode, isJoineryError } from '../core/errors.ts';
import { isServerFault, maskError } from '../core/join/problem.ts';
import type { JoinOperation, Peer, StepSeconds } from './join-peer.ts';
import type { JoinService } from './join-service.ts';
import { noteRefusal } from './refusals.ts';

/** One request while it is served. What is known of the caller is put in as it is proved. */
export interface Run {
  readonly operation: JoinOperation;
  readonly peer: Peer;
  authenticated: boolean;
  cluster?: string;
  node?: string;
  /** Id of an authentic token, or serial number of an authentic certificate. */
  subject?: string;
  /** SPIFFE ID in an authentic certificate. */
  identity?: string;
  sameRequest: boolean;
  /** What the node says of itself in its evidence: for the audit log alone. */
  unverifiedClaims?: JsonObject;
  readonly steps: Record<string, number>;
  /** Ends a step that began with the request, or with the end of the one before. */
  step(name: Exclude<keyof StepSeconds, 'total'>): void;
}

/**
 * Runs `work`, and tells the observer and the audit log how it ended.
 * @throws what `work` throws; to a remote caller who proved nothing ERR_JOIN_UNAUTHENTICATED instead (FORMATS 4, "Refusals").
 */
export async function observed<T>(service: JoinService, peer: Peer, operation: JoinOperation, work: (run: Run) => Promise<T>): Promise<T> {
  const start = service.ticks();
  let last = start;
  const run: Run = {
    operation,
    peer,
    authenticated: false,
    sameRequest: false,
    steps: {},
    step(name) {
      const now = service.ticks();
      run.steps[name] = (run.steps[name] ?? 0) + now - last;
      last = now;
    },
  };
  try {
    const result = await work(run);
    tell(service, run, start, run.sameRequest ? 'same-request' : 'accepted', 'none');
    return result;
  } catch (error) {
    const code = isJoineryError(error) ? error.code : 'ERR_INTERNAL';
    tell(service, run, start, isServerFault(code) ? 'failed' : 'refused', code);
    await noteRefusal(service, error, run);
    throw run.authenticated || peer.transport === 'offline' ? error : maskError(error);
  }
}

function tell(
  { observe, ticks }: JoinService,
  run: Run,
  start: number,
  result: 'accepted' | 'same-request' | 'refused' | 'failed',
  reason: ErrorCode | 'none',
): void {
  const { operation, peer, authenticated, cluster, node, subject } = run;
  observe.outcome({
    operation,
    result,
    reason,
    transport: peer.transport,
    address: peer.address,
    correlationId: peer.correlationId,
    authenticated,
    seconds: { ...run.steps, total: ticks() - start },
    // What nobody vouched for never becomes a label of a metric.
    ...(authenticated && {
      ...(cluster !== undefined && { cluster }),
      ...(node !== undefined && { node }),
      ...(subject !== undefined && { subject }),
    }),
  });
}
