/** A real server on loopback over a realm in memory: the handlers of `server start` on the listener of `server start`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/clock.ts';
import { startHttpServer } from '../../src/adapters/http-server.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { systemSwitches } from '../../src/adapters/switches.ts';
import { clientWorld } from '../../src/bootstrap-client.ts';
import { joinNode } from '../../src/client/join-node.ts';
import type { NodeClientWorld } from '../../src/client/node-client.ts';
import { openPublicDocuments } from '../../src/app/public-documents.ts';
import { serverCertificate } from '../../src/app/server-certificate.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import type { Pin } from '../../src/core/digest.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { HttpHandler } from '../../src/core/join/http.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { RateLimiter } from '../../src/core/join/rate-limit.ts';
import { uuidV4 } from '../../src/core/names.ts';
import { limitsOf } from '../../src/core/realm/server-config.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { createHandlers } from '../../src/server/handlers.ts';
import { problemResponse } from '../../src/server/responses.ts';
import { type JoinRealmOptions, type JoinWorld, joinWorld } from './join-realm.ts';

export interface JoinServer extends JoinWorld {
  readonly url: string;
  /** PEM of the root that the server sends. */
  readonly rootPem: string;
  /** Of that root. */
  readonly pin: string;
  /** Stands before the handler: a test can lose or change what it answers. */
  intercept: ((handler: HttpHandler, ...args: Parameters<HttpHandler>) => ReturnType<HttpHandler>) | undefined;
  close(): Promise<void>;
}

const SERVER: JsonObject = { certificate: { dns: ['localhost'], ip: ['127.0.0.1'] }, tokens: true };

export async function joinServer(options: JoinRealmOptions & { readonly config?: JsonObject } = {}): Promise<JoinServer> {
  const world = await joinWorld({
    clock: systemClock,
    random: systemRandom,
    ...options,
    config: { server: SERVER, ...(options.config as object | undefined) },
  });
  const { service, realm } = world;
  const handler = createHandlers(service, {
    documents: openPublicDocuments(realm),
    perAddress: new RateLimiter(realm.clock, () => 100_000),
    newChallenge: () => ({ nonce: 'n', expires_at: '2030-01-01T00:00:00Z' }),
    served: () => undefined,
    failed: () => undefined,
  });
  const credentials = await serverCertificate(realm);
  const server: { intercept: JoinServer['intercept'] } = { intercept: undefined };
  const http = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    credentials,
    handler: (request) => (server.intercept === undefined ? handler(request) : server.intercept(handler, request)),
    limits: () => limitsOf(undefined),
    newCorrelationId: () => uuidV4(systemRandom),
    refuse: (status, code, correlationId) => problemResponse(new JoineryError(code, 'refused'), correlationId, status),
  });
  const root = parsePem(credentials.chainPem).at(-1);
  const certificate = parseCertificate(root?.der ?? new Uint8Array());
  return Object.assign(server, world, {
    url: `https://127.0.0.1:${http.address.port}`,
    rootPem: credentials.chainPem.slice(credentials.chainPem.lastIndexOf('-----BEGIN')),
    pin: certificate.pin as string,
    close: async () => {
      await http.stop(500);
      service.close();
    },
  });
}

/** The world of a node, as the commands have it. */
export function nodeClientWorld(changes: Partial<NodeClientWorld> = {}): NodeClientWorld {
  return { ...clientWorld, files: systemFiles, switches: systemSwitches, keys: portableKeys, actor: 'node', ...changes };
}

/** An empty place for a node directory, and how to remove it. */
export function nodePlace(): { readonly directory: string; remove(): void } {
  const parent = mkdtempSync(join(tmpdir(), 'joinery-node-'));
  return { directory: join(parent, 'node'), remove: () => rmSync(parent, { recursive: true, force: true }) };
}

/** A server and a node that has joined it in `directory`. */
export async function joinedNode(directory: string): Promise<JoinServer> {
  const server = await joinServer();
  const token = await server.mint({ node: 'n1', urls: [server.url], pins: [server.pin as Pin] });
  const wishes = { directory, urls: [], pins: [], trustDigests: {} };
  await joinNode(nodeClientWorld(), { ...wishes, token: () => Promise.resolve(new Secret(token)) });
  return server;
}
