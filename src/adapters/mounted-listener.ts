/**
 * The server on a listener of somebody else: a service that has a port of its own hands over the requests that are not its own. What
 * belongs to connections (certificates, cutting, counting) is the same as on a listener of our own.
 */
import type { Server as HttpsServer } from 'node:https';
import type { Http2SecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Connections } from './http-connections.ts';
import type { AnyRequest, AnyResponse } from './http-exchange.ts';
import { dispatch, type HttpServer, type HttpServerOptions, tlsOptions } from './http-server.ts';
import { OpenRequests } from './http-work.ts';

export interface MountedListener extends HttpServer {
  /** Answers the request if it is one of the server's. @returns false for those of the service, and when the server has stopped. */
  handle(request: AnyRequest, response: AnyResponse): boolean;
}

/** REST (FORMATS 4), OmniRelay's endpoint, and calls of our own and GastroLog's gRPC services. */
const OURS = /^\/(?:v1\/|omnirelay\/bootstrap\/|joinery\.v1\.|gastrolog\.v1\.)/;

/** What {@link HttpServerOptions} say of listening is the service's affair: `listen` is not used. */
export function mountOn(listener: Http2SecureServer | HttpsServer, options: HttpServerOptions): MountedListener {
  const connections = new Connections();
  const work = new OpenRequests();
  let stopping = false;
  const identify = (socket: TLSSocket): void => connections.identify(socket);
  listener.on('secureConnection', identify);
  listener.setSecureContext(tlsOptions(options.credentials));
  return {
    address: addressOf(listener),
    handle(request, response) {
      if (stopping || !OURS.test(request.url ?? '')) return false;
      dispatch(options, { request, response, stopping, work });
      return true;
    },
    setCredentials: (credentials) => listener.setSecureContext(tlsOptions(credentials)),
    cut: (fingerprint) => connections.cut(fingerprint),
    peers: () => connections.peers(),
    load: () => ({ connections: connections.peers().length, requests: work.size }),
    async stop(deadlineMs) {
      stopping = true;
      listener.off('secureConnection', identify);
      await within(deadlineMs, work.idle());
    },
    // Connections are the service's to end.
    abort: () => undefined,
  };
}

function addressOf(listener: Http2SecureServer | HttpsServer): HttpServer['address'] {
  const { address = '', port = 0 } = (listener.address() ?? {}) as Partial<AddressInfo>;
  return { host: address, port };
}

async function within(deadlineMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([work, new Promise((resolve) => (timer = setTimeout(resolve, deadlineMs)))]);
  clearTimeout(timer);
}
