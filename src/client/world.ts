/** What the client needs from outside: ports, which `src/bootstrap-client.ts` serves with the real adapters. */
import type { PinnedTls, VerifySignature } from '../core/key-ports.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { OpenTransport } from '../core/join/transport.ts';

export interface Timer {
  /** Milliseconds that only grow, whatever the clock does. */
  elapsed(): number;
  /** Ends early, without an error, when the signal does. @param background does not keep the process alive */
  sleep(ms: number, signal?: AbortSignal, background?: boolean): Promise<void>;
}

export interface ClientWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly timer: Timer;
  readonly verifySignature: VerifySignature;
  /** First contact with a pinned server. */
  readonly tls: PinnedTls;
  readonly openTransport: OpenTransport;
  /** Gets a public document from a server that nothing proves yet; its digest will. @throws ERR_TRUST_DOWNLOAD, ERR_INPUT_TOO_LARGE */
  readonly download: (url: string, limits: { readonly maxBytes: number; readonly trust: string | undefined }) => Promise<Uint8Array>;
}
