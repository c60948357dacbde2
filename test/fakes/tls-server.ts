/** Real TLS servers on loopback, with chains of any kind. */
import { once } from 'node:events';
import type { KeyObject } from 'node:crypto';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { toPem } from '../../src/core/encoding.ts';
import { type Authority, make, type MakeOptions } from '../core/x509/make.ts';

/** A certificate whose private key a server can use. */
export interface Identity extends Authority {
  readonly privateKey: KeyObject;
}

export function identity(options: MakeOptions = {}): Identity {
  const privateKey = generatePrivateKey('p256');
  return { ...make({ ...options, key: signingKey(privateKey) }), privateKey };
}

export const LOCALHOST = [
  { kind: 'dns', value: 'localhost' },
  { kind: 'ip', bytes: Uint8Array.of(127, 0, 0, 1) },
] as const;

export interface RunningServer {
  readonly port: number;
  /** Bytes of application data that clients have sent. */
  received(): number;
  connections(): number;
  close(): void;
}

/** Shows the leaf and these certificates, in this order. */
export async function tlsServer(leaf: Identity, others: readonly Authority[], maxVersion?: 'TLSv1.2'): Promise<RunningServer> {
  let received = 0;
  let connections = 0;
  const sockets = new Set<TLSSocket>();
  const server = createServer(
    {
      key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: [leaf, ...others].map(({ certificate }) => toPem('CERTIFICATE', certificate.der)).join(''),
      ...(maxVersion && { maxVersion }),
    },
    (socket) => {
      connections += 1;
      sockets.add(socket);
      socket.on('data', (chunk) => (received += chunk.length)).on('error', () => undefined);
    },
  );
  server.on('tlsClientError', () => undefined);
  const port = await listen(server);
  const close = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { port, received: () => received, connections: () => connections, close };
}

/** Accepts connections and never says a word. */
export async function silentServer(): Promise<RunningServer> {
  const server = createTcpServer((socket) => void socket.on('error', () => undefined).resume());
  return { port: await listen(server), received: () => 0, connections: () => 0, close: () => server.close() };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
