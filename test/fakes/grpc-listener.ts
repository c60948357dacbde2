/** The listener with gRPC over a handler of the test, on loopback. */
import { type EnrolledMaterial, type GastrologEnrollment, type GrpcHandler, grpcHandler } from '../../src/adapters/grpc-server.ts';
import { startHttpServer } from '../../src/adapters/http-server.ts';
import { toPem } from '../../src/core/encoding.ts';
import type { HttpHandler, HttpPeer } from '../../src/core/join/http.ts';
import { limitsOf, type ServerConfig } from '../../src/core/realm/server-config.ts';
import { Secret } from '../../src/core/secret.ts';
import { type Identity, identity, LOCALHOST } from './tls-server.ts';

export const ROOT = identity({ name: 'root', ca: true });
const LEAF = identity({ name: 'server', issuer: ROOT, names: [...LOCALHOST] });

export const pemOf = ({ certificate }: Pick<Identity, 'certificate'>): string => toPem('CERTIFICATE', certificate.der);
export const keyPemOf = ({ privateKey }: Identity): string => privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

export interface GrpcListenerOptions {
  readonly handler: HttpHandler;
  readonly limits?: ServerConfig['limits'];
  readonly enroll?: (request: GastrologEnrollment, peer: HttpPeer) => Promise<EnrolledMaterial>;
}

export interface GrpcListener {
  readonly port: number;
  readonly grpc: GrpcHandler;
  /** What a revocation does. */
  ring(): void;
  /** Streams that wait for a revocation. */
  waiting(): number;
  load(): { readonly connections: number; readonly requests: number };
  close(): Promise<void>;
}

export async function grpcListener({ handler, limits, enroll }: GrpcListenerOptions): Promise<GrpcListener> {
  const bells = new Set<() => void>();
  let ids = 0;
  const own = limitsOf(limits && { limits });
  const newCorrelationId = (): string => `made-${(ids += 1)}`;
  const grpc = grpcHandler({
    handler,
    enroll,
    limits: () => own,
    newCorrelationId,
    onRevocation(changed) {
      bells.add(changed);
      return () => bells.delete(changed);
    },
  });
  const server = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    credentials: { chainPem: pemOf(LEAF) + pemOf(ROOT), keyPem: new Secret(keyPemOf(LEAF)) },
    handler,
    grpc,
    limits: () => own,
    newCorrelationId,
    refuse: (status) => ({ status, headers: {}, body: '' }),
  });
  return {
    port: server.address.port,
    grpc,
    ring: () => bells.forEach((ring) => ring()),
    waiting: () => bells.size,
    load: () => server.load(),
    async close() {
      grpc.endStreams();
      await server.stop(1000);
    },
  };
}
