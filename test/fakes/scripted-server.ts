/** A server over TLS 1.3 on loopback that answers as a test tells it to, rightly or wrongly. */
import { once } from 'node:events';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { toPem } from '../../src/core/encoding.ts';
import type { Authority } from '../core/x509/make.ts';
import type { Identity } from './tls-server.ts';

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  readonly socket: TLSSocket;
  readonly response: Http2ServerResponse;
  /** Of HTTP/2. */
  readonly session: ServerHttp2Session | undefined;
}

export type Script = (asked: Asked) => Promise<void> | void;

export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  readonly asked: Asked[];
  /** Connections that finished their handshake. */
  connections(): number;
  close(): Promise<void>;
}

/** @param protocols `http/1.1` alone for a server without HTTP/2. */
export async function scriptedServer(
  leaf: Identity,
  others: readonly Authority[],
  script: Script,
  protocols: readonly string[] = ['h2', 'http/1.1'],
): Promise<ScriptedServer> {
  const asked: Asked[] = [];
  const sockets = new Set<TLSSocket>();
  const options = {
    key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: [leaf, ...others].map(({ certificate }) => toPem('CERTIFICATE', certificate.der)).join(''),
    minVersion: 'TLSv1.3',
    allowHTTP1: true,
    requestCert: true,
    rejectUnauthorized: false,
  } as const;
  // node:http2 offers HTTP/2 always.
  const server = protocols.includes('h2') ? createSecureServer(options) : createHttpsServer(options);
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.on('sessionError', () => undefined).on('tlsClientError', () => undefined);
  const onRequest = (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const session = (request as unknown as { readonly stream?: { readonly session?: ServerHttp2Session } }).stream?.session;
      const entry: Asked = {
        method: request.method,
        path: request.url,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        socket: (session === undefined ? request.socket : session.socket) as TLSSocket,
        response,
        session,
      };
      asked.push(entry);
      void script(entry);
    });
  };
  server.on('request', onRequest as never);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `https://127.0.0.1:${port}`, port, asked, connections: () => sockets.size, close };
}

export function sendJson({ response }: Asked, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}
