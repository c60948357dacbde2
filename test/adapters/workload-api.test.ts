import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startWorkloadApi, type WorkloadApi } from '../../src/adapters/workload-api.ts';
import type { WorkloadIdentity } from '../../src/core/join/workload-identity.ts';
import { SpiffeWorkloadAPI } from '../../src/proto/gen/spiffe/workload_pb.ts';

const IDENTITY: WorkloadIdentity = {
  spiffeId: 'spiffe://example.org/n1',
  trustDomain: 'spiffe://example.org',
  svid: new Uint8Array([1, 2]),
  key: new Uint8Array([3]),
  bundle: new Uint8Array([4]),
};
const HEADER = { headers: { 'workload.spiffe.io': 'true' } };

let place: string;
let path: string;
let api: WorkloadApi | undefined;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'joinery-workload-'));
  path = join(place, 'own/api.sock');
});
afterEach(async () => {
  await api?.stop();
  api = undefined;
  rmSync(place, { recursive: true, force: true });
});

function client() {
  const nodeOptions = { createConnection: () => connect(path) };
  return createClient(SpiffeWorkloadAPI, createGrpcTransport({ baseUrl: 'http://localhost', nodeOptions }));
}

async function first<T>(stream: AsyncIterable<T>): Promise<T> {
  for await (const message of stream) return message;
  throw new Error('ended');
}

test('without the security header nothing is given, and without an identity neither', async () => {
  api = await startWorkloadApi(path);
  expect(statSync(join(place, 'own')).mode & 0o777).toBe(0o700);
  await expect(first(client().fetchX509SVID({}))).rejects.toThrow(/invalid_argument.*security header/);
  await expect(first(client().fetchX509SVID({}, HEADER))).rejects.toThrow(/permission_denied.*no identity/);
  api.publish(IDENTITY);
  await expect(first(client().fetchX509SVID({}))).rejects.toThrow(/security header/);
});

test('an open stream gets each change, and ends when the identity does', async () => {
  api = await startWorkloadApi(path);
  api.publish(IDENTITY);
  const stream = client().fetchX509Bundles({}, HEADER)[Symbol.asyncIterator]();
  expect((await stream.next()).value).toMatchObject({ bundles: { 'spiffe://example.org': new Uint8Array([4]) } });
  api.publish({ ...IDENTITY, bundle: new Uint8Array([5]) });
  expect((await stream.next()).value).toMatchObject({ bundles: { 'spiffe://example.org': new Uint8Array([5]) } });
  api.publish(undefined);
  await expect(stream.next()).rejects.toThrow(/permission_denied/);
});

test('a client that shares no code with it reads the same', async () => {
  api = await startWorkloadApi(path);
  api.publish(IDENTITY);
  const proto = fileURLToPath(new URL('../../src/proto', import.meta.url));
  const definition = protoLoader.loadSync('spiffe/workload.proto', { includeDirs: [proto], keepCase: true });
  const { SpiffeWorkloadAPI: Client } = grpc.loadPackageDefinition(definition) as unknown as {
    SpiffeWorkloadAPI: grpc.ServiceClientConstructor;
  };
  const foreign = new Client(`unix:${path}`, grpc.credentials.createInsecure());
  const metadata = new grpc.Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const method = foreign['FetchX509SVID']?.bind(foreign) as unknown as (
    request: object,
    metadata: grpc.Metadata,
  ) => grpc.ClientReadableStream<unknown>;
  const stream = method({}, metadata);
  stream.on('error', () => undefined);
  const message = await new Promise((resolve) => stream.once('data', resolve));
  expect(message).toMatchObject({
    svids: [{ spiffe_id: 'spiffe://example.org/n1', x509_svid: Buffer.from([1, 2]), x509_svid_key: Buffer.from([3]) }],
  });
  stream.cancel();
  foreign.close();
});

test('refuses a directory that others may enter, and a socket where somebody answers; takes over one that was left behind', async () => {
  mkdirSync(join(place, 'own'));
  chmodSync(join(place, 'own'), 0o755);
  await expect(startWorkloadApi(path)).rejects.toThrow(/only its owner may enter, found mode 0755/);
  chmodSync(join(place, 'own'), 0o700);
  writeFileSync(path, '');
  api = await startWorkloadApi(path);
  await expect(startWorkloadApi(path)).rejects.toThrow(/another process that answers/);
  await api.stop();
  api = undefined;
  expect(existsSync(path)).toBe(false);
});
