import * as grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { joinNode } from '../../src/client/join-node.ts';
import { renewNode } from '../../src/client/renew-node.ts';
import type { Pin } from '../../src/core/digest.ts';
import { Secret } from '../../src/core/secret.ts';
import { identitySource } from '../../src/identity-source.ts';
import { type JoinServer, joinServer, nodeClientWorld, nodePlace } from '../fakes/join-server.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let server: JoinServer;
beforeAll(async () => {
  server = await joinServer();
});
afterAll(() => server.close());

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

const bytes = {
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
  requestStream: false,
  responseStream: false,
} as const;
const SERVICE = { ask: { path: '/test.Echo/Ask', ...bytes } };

type Ask = (request: Buffer, done: (error: Error | null, reply?: Buffer) => void) => void;

test('server and client of @grpc/grpc-js follow the identity of their node through a rotation', async () => {
  const world = nodeClientWorld();
  const { directory, remove } = nodePlace();
  open.push(remove);
  const token = await server.mint({ node: 'grpc', urls: [server.url], pins: [server.pin as Pin] });
  await joinNode(world, { directory, urls: [], pins: [], trustDigests: {}, token: () => Promise.resolve(new Secret(token)) });
  const source = await identitySource({ directory, pollMs: 20 });
  open.push(() => source.close());

  const provider = source.grpcProvider();
  const listener = new grpc.Server();
  const seen: string[] = [];
  listener.addService(SERVICE, {
    ask: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      seen.push(call.getAuthContext().sslPeerCertificate?.serialNumber ?? 'none');
      done(null, Buffer.from('answer'));
    },
  });
  const credentials = grpc.experimental.createCertificateProviderServerCredentials(provider, provider, true);
  const port = await new Promise<number>((resolve, reject) =>
    listener.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
  );
  open.push(() => listener.forceShutdown());

  const Client = grpc.makeGenericClientConstructor(SERVICE, 'Echo');
  // A node has no DNS name: its SPIFFE ID is what the caller compares.
  const verify = { checkServerIdentity: source.checkPeer('spiffe://control.example.internal/prod/worker/grpc') };
  const options = { 'grpc.ssl_target_name_override': 'node' };
  const connect = () => {
    const own = source.grpcProvider();
    const channel = grpc.experimental.createCertificateProviderChannelCredentials(own, own, verify);
    const client = new Client(`127.0.0.1:${port}`, channel, options);
    open.push(() => client.close());
    return (): Promise<string> =>
      new Promise((resolve, reject) =>
        (client['ask'] as unknown as Ask).call(client, Buffer.from('?'), (error, reply) =>
          error ? reject(error) : resolve(String(reply)),
        ),
      );
  };
  const before = connect();
  expect(await before()).toBe('answer');
  const { fingerprint } = source.current();
  await renewNode(world, { directory });
  await vi.waitFor(() => expect(source.current().fingerprint).not.toBe(fingerprint), { timeout: 5000, interval: 10 });
  // The open channel stays, and a new one is made with the new certificate on both sides.
  expect(await before()).toBe('answer');
  expect(await connect()()).toBe('answer');
  expect(new Set(seen).size).toBe(2);
});
