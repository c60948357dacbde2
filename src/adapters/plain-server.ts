/** HTTP/1.1 without TLS, for the own listener of health, readiness and metrics: on loopback, or behind what protects it. */
import { createServer } from 'node:http';
import type { HttpHandler } from '../core/join/http.ts';
import type { ListenAddress } from '../core/realm/server-config.ts';
import { listenOn } from './listen.ts';

export interface PlainServer {
  readonly address: ListenAddress;
  stop(): Promise<void>;
}

const TIMEOUT_MS = 10_000;

/** Answers requests without a body. @throws ERR_SERVER_LISTEN */
export async function startPlainServer({ host, port }: ListenAddress, handler: HttpHandler): Promise<PlainServer> {
  const options = { requestTimeout: TIMEOUT_MS, headersTimeout: TIMEOUT_MS, connectionsCheckingInterval: 1000, maxHeaderSize: 8192 };
  const server = createServer(options, (request, response) => {
    request.resume();
    const path = (request.url ?? '').split('?', 1)[0] as string;
    const peer = { address: request.socket.remoteAddress ?? '', correlationId: 'admin' };
    const { signal } = new AbortController();
    const asked = {
      method: request.method ?? '',
      path,
      query: new URLSearchParams(),
      headers: new Map(),
      body: new Uint8Array(),
      peer,
      signal,
    };
    handler(asked).then(
      ({ status, headers, body }) => response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body),
      () => response.writeHead(500).end(),
    );
  });
  const address = await listenOn(server, { host, port }, 'admin_listen');
  return {
    address,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
