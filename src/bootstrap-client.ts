/** The client with the real world around it: what `createBootstrapClient` of the public library is. */
import { systemClock } from './adapters/clock.ts';
import { httpDownload } from './adapters/http-download.ts';
import { openHttpTransport } from './adapters/http-transport.ts';
import { pinnedTls } from './adapters/pinned-tls.ts';
import { systemRandom } from './adapters/random.ts';
import { verifySignature } from './adapters/signatures.ts';
import { systemTimer } from './adapters/timer.ts';
import { type BootstrapClient, type BootstrapClientOptions, createClient } from './client/client.ts';
import type { ClientWorld } from './client/world.ts';

export const clientWorld: ClientWorld = {
  clock: systemClock,
  random: systemRandom,
  timer: systemTimer,
  verifySignature,
  tls: pinnedTls,
  openTransport: openHttpTransport,
  download: httpDownload,
};

/** A client of bootstrap servers, over TLS 1.3 and HTTP/2 or HTTP/1.1. @throws ERR_USAGE, ERR_NODE_NO_URL, ERR_CERTIFICATE_NAME */
export function createBootstrapClient(options: BootstrapClientOptions): BootstrapClient {
  return createClient(clientWorld, options);
}
