import { request as http1Request } from 'node:https';
import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-node';
import grpc from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { capDeadline } from '../../src/adapters/grpc-edges.ts';
import { GRPC_CODES } from '../../src/adapters/grpc-server.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { ERRORS, JoineryError } from '../../src/core/errors.ts';
import { decodeUtf8 } from '../../src/core/encoding.ts';
import type { HttpHandler, ServerRequest, ServerResponse } from '../../src/core/join/http.ts';
import { problemOf } from '../../src/core/join/problem.ts';
import { Secret } from '../../src/core/secret.ts';
import { ErrorInfoSchema } from '../../src/proto/gen/google/rpc/error_info_pb.ts';
import { ClusterService } from '../../src/proto/gen/gastrolog/v1/cluster_pb.ts';
import { Bootstrap } from '../../src/proto/gen/joinery/v1/bootstrap_pb.ts';
import { type Fields, grpcJsClient, type GrpcJsClient, statusOf } from '../fakes/grpc-js.ts';
import { grpcListener, type GrpcListener, type GrpcListenerOptions, keyPemOf, pemOf, ROOT } from '../fakes/grpc-listener.ts';
import { identity } from '../fakes/tls-server.ts';

const HEX = 'ab'.repeat(32);
const TIME = '2026-11-22T10:00:00Z';
const SEED_PEERS = {
  schema: 'joinery/seed-peers/1',
  cluster: 'prod',
  version: 1900000000,
  peers: [{ address: 'n1.example:9443', role: 'worker', labels: { rack: 'a' } }, { address: 'n2.example:9443' }],
};
const JOIN_REPLY: JsonObject = {
  cluster: 'prod',
  role: 'worker',
  node_id: 'n-1',
  identity: 'spiffe://example/prod/worker/n-1',
  certificate_pem: 'CERT',
  chain_pem: 'CHAIN',
  trust: { 'control-plane-https': { a: [1, 'x'] }, 'node-cert-lifecycle': { b: 2 } },
  seed_peers: SEED_PEERS,
  metadata: { tier: 'gold' },
  issued_at: TIME,
  renew_after: TIME,
  expires_at: TIME,
  audit_id: 'c-1',
};

const ok = (body: JsonObject | string | Uint8Array, headers: Record<string, string> = {}): ServerResponse => ({
  status: 200,
  headers,
  body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
});

const refusal = (error: unknown, { peer }: ServerRequest): ServerResponse => {
  const problem = problemOf(error, { correlationId: peer.correlationId });
  return { status: problem.status, headers: {}, body: JSON.stringify(problem) };
};

let listener: GrpcListener;
let client: GrpcJsClient;
let seen: ServerRequest[];
const clients: GrpcJsClient[] = [];

async function serve(handler: HttpHandler, options: Partial<GrpcListenerOptions> = {}): Promise<void> {
  seen = [];
  listener = await grpcListener({
    handler: (request) => {
      seen.push(request);
      return handler(request);
    },
    ...options,
  });
  client = newClient();
}

function newClient(more: Partial<Parameters<typeof grpcJsClient>[2]> = {}): GrpcJsClient {
  const made = grpcJsClient('joinery/v1/bootstrap.proto', 'joinery.v1.Bootstrap', { port: listener.port, anchors: pemOf(ROOT), ...more });
  clients.push(made);
  return made;
}

afterEach(async () => {
  for (const open of clients.splice(0)) open.close();
  await listener.close();
});

const bodyOf = (request: ServerRequest | undefined): unknown => JSON.parse(decodeUtf8(request?.body as Uint8Array, 'body'));
const refused = (work: Promise<unknown>) => work.then(() => expect.unreachable('it was answered'), statusOf);

describe('each call is the REST call that it stands for', () => {
  test('Join carries every member both ways', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)));
    const reply = await client.call('Join', {
      token: 't',
      csr: 'CSR',
      cluster: 'prod',
      node_id: 'n-1',
      requested_role: 'worker',
      environment: 'control',
      labels: { rack: 'a' },
      attestation: { provider: 'fake', evidence: '{"quote": [1, 2]}' },
    });
    expect(seen[0]).toMatchObject({
      method: 'POST',
      path: '/v1/join',
      peer: { address: '127.0.0.1', transport: 'grpc', certificate: undefined },
    });
    expect(seen[0]?.headers.get('content-type')).toBe('application/json');
    expect(bodyOf(seen[0])).toEqual({
      token: 't',
      csr: 'CSR',
      cluster: 'prod',
      node_id: 'n-1',
      requested_role: 'worker',
      environment: 'control',
      labels: { rack: 'a' },
      attestation: { provider: 'fake', evidence: { quote: [1, 2] } },
    });
    expect(reply).toEqual({
      ...JOIN_REPLY,
      trust: { 'control-plane-https': '{"a":[1,"x"]}', 'node-cert-lifecycle': '{"b":2}' },
      seed_peers: {
        ...SEED_PEERS,
        peers: [{ address: 'n1.example:9443', role: 'worker', labels: { rack: 'a' } }, { address: 'n2.example:9443' }],
      },
    });
  });

  test('what was not sent is not in the request', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)));
    await client.call('Join', { token: 't', csr: 'CSR' });
    await client.call('Renew', { csr: 'CSR' });
    expect(seen.map(bodyOf)).toEqual([{ token: 't', csr: 'CSR' }, { csr: 'CSR' }]);
    expect(seen[1]?.path).toBe('/v1/renew');
  });

  test('the certificate of the connection and the correlation id of the caller go with every call', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)));
    const node = identity({ name: 'node', issuer: ROOT });
    const own = newClient({
      identity: { key: keyPemOf(node), certificates: pemOf(node) },
      metadata: { 'x-correlation-id': 'mine-1' },
    });
    await own.call('Renew', { csr: 'CSR' });
    expect(seen[0]?.peer.correlationId).toBe('mine-1');
    expect(seen[0]?.peer.certificate?.der).toEqual(node.certificate.der);
    await newClient({ metadata: { 'x-correlation-id': 'not one!' } }).call('Renew', { csr: 'CSR' });
    expect(seen[1]?.peer.correlationId).toMatch(/^made-/);
  });

  test('ListPeers', async () => {
    const nodes = [
      {
        node: 'n-1',
        role: 'worker',
        identity: 'spiffe://example/prod/worker/n-1',
        fingerprint: HEX,
        expires_at: TIME,
        reported_at: TIME,
        trust: { 'control-plane-https': { version: 3, fingerprint: HEX, updated_at: TIME } },
      },
      { node: 'n-2', role: 'worker', identity: 'spiffe://example/prod/worker/n-2', fingerprint: HEX, expires_at: TIME },
    ];
    await serve(({ headers }) =>
      Promise.resolve(
        headers.get('if-none-match') === '"e1"'
          ? { status: 304, headers: { etag: '"e1"' }, body: '' }
          : ok({ cluster: 'prod', seed_peers: SEED_PEERS, nodes, truncated: false } as unknown as JsonObject, { etag: '"e1"' }),
      ),
    );
    expect(await client.call('ListPeers', {})).toMatchObject({
      etag: '"e1"',
      cluster: 'prod',
      nodes: [{ node: 'n-1', reported_at: TIME, trust: { 'control-plane-https': { version: 3 } } }, { node: 'n-2' }],
    });
    expect(await client.call('ListPeers', { if_none_match: '"e1"' })).toMatchObject({ unmodified: true, etag: '"e1"' });
  });

  test('documents: trust by version and tag, anchors, SPIFFE bundle, revocation list', async () => {
    await serve(({ path, headers }) => {
      if (headers.has('if-none-match')) return Promise.resolve({ status: 304, headers: {}, body: '' });
      const anchor = { purpose: 'control-plane-https', fingerprint: HEX, spki_pin: `sha256:${HEX}`, certificate_pem: 'ROOT' };
      const documents: Record<string, ServerResponse> = {
        '/v1/ca': ok({ anchors: [anchor] }),
        '/v1/spiffe-bundle': ok('{"keys":[]}'),
        '/v1/crl/issuing': ok(Uint8Array.of(0x30, 0)),
        '/v1/crl/text': ok('0'),
      };
      return Promise.resolve(documents[path] ?? ok(`{"of":"${path}"}`, { etag: '"t"' }));
    });
    expect(await client.call('GetTrust', { purpose: 'control-plane-https' })).toMatchObject({
      etag: '"t"',
      document: '{"of":"/v1/trust/control-plane-https"}',
    });
    expect(await client.call('GetTrust', { purpose: 'a/../b', version: 2 })).toMatchObject({ document: '{"of":"/v1/trust/a%2F..%2Fb/2"}' });
    expect(await client.call('GetTrust', { purpose: 'p', if_none_match: '"t"' })).toMatchObject({ unmodified: true });
    expect(await client.call('GetCa', {})).toEqual({
      anchors: [{ purpose: 'control-plane-https', fingerprint: HEX, spki_pin: `sha256:${HEX}`, certificate_pem: 'ROOT' }],
    });
    expect(await client.call('GetSpiffeBundle', {})).toEqual({ document: '{"keys":[]}' });
    expect(await client.call('GetCrl', { issuer: 'issuing' })).toEqual({ der: Buffer.of(0x30, 0) });
    expect(await client.call('GetCrl', { issuer: 'text' })).toEqual({ der: Buffer.from('0') });
  });

  test('challenge, trust report, revocation, minting', async () => {
    const replies: Record<string, JsonObject> = {
      '/v1/challenge': { nonce: 'n', expires_at: TIME },
      '/v1/trust-report': { recorded_at: TIME },
      '/v1/revocations': { serials: ['ab'], token: 'id-123', already: false },
      '/v1/tokens': { token: 'tok', id: '3e1c7a52-7b1f-4c07-9d4e-2f6a1b0c9d8e', expires_at: TIME },
    };
    await serve(({ path }) => Promise.resolve(ok(replies[path] as JsonObject)));
    expect(await client.call('CreateChallenge', {})).toEqual({ nonce: 'n', expires_at: TIME });
    expect(await client.call('ReportTrust', { purposes: { p: { version: 3, fingerprint: HEX, updated_at: TIME } } })).toEqual({
      recorded_at: TIME,
    });
    expect(await client.call('Revoke', { node: 'n-1', cluster: 'prod', reason: 'keyCompromise' })).toMatchObject({
      serials: ['ab'],
      token: 'id-123',
    });
    expect(
      await client.call('MintToken', { cluster: 'prod', role: 'worker', ttl: 60, max_uses: 2, allow_reentry: true, labels: { a: 'b' } }),
    ).toMatchObject({ token: 'tok' });
    expect(seen.map(bodyOf)).toEqual([
      {},
      { purposes: { p: { version: 3, fingerprint: HEX, updated_at: TIME } } },
      { node: 'n-1', cluster: 'prod', reason: 'keyCompromise' },
      { cluster: 'prod', role: 'worker', ttl: 60, max_uses: 2, allow_reentry: true, labels: { a: 'b' } },
    ]);
    await serve(() => Promise.resolve(ok({ serials: ['ab'], already: true })));
    expect(await client.call('Revoke', { serial: 'ab' })).toMatchObject({ serials: ['ab'], already: true });
  });
});

describe('refusals', () => {
  test('carry the status of the table of errors, and code, correlation id, hint and time in ErrorInfo', async () => {
    await serve((request) =>
      Promise.resolve(
        refusal(
          new JoineryError('ERR_RATE_LIMITED', 'address: expected fewer requests', { hint: 'wait', details: { retry_after: 7 } }),
          request,
        ),
      ),
    );
    const status = await refused(newClient({ metadata: { 'x-correlation-id': 'c-7' } }).call('Join', { token: 't', csr: 'c' }));
    expect(status).toEqual({
      code: grpc.status.RESOURCE_EXHAUSTED,
      details: 'address: expected fewer requests',
      reason: 'ERR_RATE_LIMITED',
      info: { correlation_id: 'c-7', hint: 'wait', retry_after: '7' },
    });
  });

  test('every gRPC name of the table of errors is a code of gRPC', () => {
    for (const { grpc: name } of Object.values(ERRORS)) expect(Object.keys(GRPC_CODES)).toContain(name);
  });

  test('evidence that is not JSON is malformed, a bug says nothing of itself', async () => {
    await serve(() => Promise.reject(new Error('secret inside')));
    const malformed = await refused(
      client.call('Join', { token: 't', csr: 'c', attestation: { provider: 'p', evidence: '{"a":1,"a":2}' } }),
    );
    expect(malformed).toMatchObject({ code: grpc.status.INVALID_ARGUMENT, reason: 'ERR_JSON_MALFORMED' });
    const bug = await refused(client.call('Join', { token: 't', csr: 'c' }));
    expect(bug).toMatchObject({ code: grpc.status.INTERNAL, reason: 'ERR_INTERNAL' });
    expect(JSON.stringify(bug)).not.toContain('secret');
  });

  test('what is compressed is not unpacked', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)));
    const session = connect(`https://localhost:${listener.port}`, { ca: pemOf(ROOT) });
    const headers = await new Promise<Record<string, unknown>>((resolve) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/joinery.v1.Bootstrap/Join',
        'content-type': 'application/grpc',
        'grpc-encoding': 'gzip',
      });
      let found = {};
      stream.on('response', (response) => (found = response));
      stream.on('trailers', (trailers) => (found = { ...found, ...trailers }));
      stream.on('close', () => resolve(found));
      stream.resume();
      const packed = gzipSync(Buffer.alloc(1024 * 1024));
      const frame = Buffer.alloc(5);
      frame[0] = 1;
      frame.writeUInt32BE(packed.length, 1);
      stream.end(Buffer.concat([frame, packed]));
    });
    session.close();
    expect(headers['grpc-status']).toBe(String(grpc.status.UNIMPLEMENTED));
    expect(seen).toHaveLength(0);
  });

  test('a message over the limit is refused unread', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)));
    const status = await refused(client.call('Join', { token: 'x'.repeat(70_000), csr: 'c' }));
    expect(status.code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    expect(seen).toHaveLength(0);
  });

  test('services and methods that are not there', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)));
    const gastrolog = grpcJsClient('gastrolog/v1/cluster.proto', 'gastrolog.v1.ClusterService', {
      port: listener.port,
      anchors: pemOf(ROOT),
    });
    clients.push(gastrolog);
    expect((await refused(gastrolog.call('Enroll', {}))).code).toBe(grpc.status.UNIMPLEMENTED);
    expect(await rest('/joinery.v1.Bootstrap/Nothing')).toBe(404);
    for (const httpVersion of ['1.1', '2'] as const)
      await expect(createClient(ClusterService, webTransport(httpVersion)).enroll({})).rejects.toMatchObject({ code: Code.Unimplemented });
  });

  test('a deadline that is longer than the server takes is shortened and no reason to refuse', async () => {
    await serve(() => Promise.resolve(ok({ nonce: 'n', expires_at: TIME })));
    expect(await client.call('CreateChallenge', {}, 3600)).toMatchObject({ nonce: 'n' });
    const web = createClient(Bootstrap, webTransport('2'));
    expect(await web.createChallenge({}, { timeoutMs: 90_000 })).toMatchObject({ nonce: 'n' });
    expect(
      await rest('/joinery.v1.Bootstrap/CreateChallenge', '{}', { 'content-type': 'application/json', 'connect-timeout-ms': '9999999999' }),
    ).toBe(200);
  });

  test('deadlines are capped by what a call, or a timer, may last', () => {
    const capped = (name: string, value: string, unary: boolean): string | null => {
      const headers = new Headers({ [name]: value });
      capDeadline(headers, unary);
      return headers.get(name);
    };
    expect(['60S', '61S', '2M', '99999999H', '1n', '60000m', 'soon'].map((value) => capped('grpc-timeout', value, true))).toEqual([
      '60S',
      '60S',
      '60S',
      '60S',
      '1n',
      '60000m',
      'soon',
    ]);
    expect(['24H', '1000H'].map((value) => capped('grpc-timeout', value, false))).toEqual(['24H', '2147483S']);
    expect(['60000', '60001', '-1'].map((value) => capped('connect-timeout-ms', value, true))).toEqual(['60000', '60000', '-1']);
    expect(capped('connect-timeout-ms', '9999999999', false)).toBe('2147483000');
  });
});

const webTransport = (httpVersion: '1.1' | '2') =>
  createGrpcWebTransport({
    baseUrl: `https://localhost:${listener.port}`,
    httpVersion,
    nodeOptions: { ca: pemOf(ROOT) },
  } as Parameters<typeof createGrpcWebTransport>[0]);

/** Status of a POST over HTTP/1.1. */
function rest(
  path: string,
  body = '{}',
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port: listener.port,
      path,
      method: 'POST',
      ca: pemOf(ROOT),
      servername: 'localhost',
      headers,
      agent: false,
    };
    const request = http1Request(options, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('other protocols and broken peers', () => {
  test('Connect over HTTP/1.1 with JSON reaches the same handler', async () => {
    await serve(() => Promise.resolve(ok({ nonce: 'n', expires_at: TIME })));
    expect(await rest('/joinery.v1.Bootstrap/CreateChallenge')).toBe(200);
    expect(seen[0]?.path).toBe('/v1/challenge');
  });

  test('an answer has its correlation id once, refused or not, and a 405 names the method', async () => {
    const problem = new JoineryError('ERR_JOIN_UNAUTHENTICATED', 'request: expected a valid join token');
    await serve((request) =>
      Promise.resolve(request.path === '/v1/challenge' ? ok({ nonce: 'n', expires_at: TIME }) : refusal(problem, request)),
    );
    const headersOf = (path: string, method: string): Promise<Record<string, unknown>> =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port: listener.port, path, method, ca: pemOf(ROOT), servername: 'localhost', agent: false };
        const headers = { 'content-type': 'application/json', 'x-correlation-id': 'mine' };
        const request = http1Request({ ...options, headers }, (response) => {
          response.resume();
          resolve({ status: response.statusCode, ...response.headers });
        });
        request.on('error', reject);
        request.end(method === 'POST' ? '{}' : undefined);
      });
    expect(await headersOf('/joinery.v1.Bootstrap/CreateChallenge', 'POST')).toMatchObject({ status: 200, 'x-correlation-id': 'mine' });
    expect(await headersOf('/joinery.v1.Bootstrap/Join', 'POST')).toMatchObject({ status: 401, 'x-correlation-id': 'mine' });
    expect(await headersOf('/joinery.v1.Bootstrap/Join', 'PUT')).toMatchObject({ status: 405, allow: 'POST' });
  });

  test('gRPC-Web over HTTP/1.1 and over HTTP/2 has the same answers and the same refusals', async () => {
    await serve((request) =>
      Promise.resolve(
        request.path === '/v1/challenge'
          ? ok({ nonce: 'n', expires_at: TIME })
          : refusal(new JoineryError('ERR_JOIN_UNAUTHENTICATED', 'request: expected a valid join token'), request),
      ),
    );
    for (const httpVersion of ['1.1', '2'] as const) {
      const web = createClient(Bootstrap, webTransport(httpVersion));
      expect(await web.createChallenge({})).toMatchObject({ nonce: 'n' });
      const error = await web.join({ token: 't', csr: 'c' }).catch((reason: unknown) => ConnectError.from(reason));
      expect(error).toMatchObject({ code: Code.Unauthenticated });
      expect((error as ConnectError).findDetails(ErrorInfoSchema)[0]).toMatchObject({
        reason: 'ERR_JOIN_UNAUTHENTICATED',
        domain: 'joinery',
      });
    }
  });

  test('an authority that is no host ends its stream and nothing else', async () => {
    await serve(() => Promise.resolve(ok({ nonce: 'n', expires_at: TIME })));
    const session = connect(`https://localhost:${listener.port}`, { ca: pemOf(ROOT) });
    const ended = (authority: string): Promise<unknown> =>
      new Promise((resolve) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/joinery.v1.Bootstrap/CreateChallenge',
          ':authority': authority,
          'content-type': 'application/grpc',
        });
        stream.on('error', () => undefined);
        stream.on('close', () => resolve(stream.rstCode));
        stream.end();
      });
    for (const authority of ['[::::', 'a b', '%%%', '@', ':99999999']) await ended(authority);
    session.close();
    expect(await client.call('CreateChallenge', {})).toMatchObject({ nonce: 'n' });
  });

  test('any bytes as a message give a status', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)));
    const session = connect(`https://localhost:${listener.port}`, { ca: pemOf(ROOT) });
    const send = (bytes: Uint8Array): Promise<unknown> =>
      new Promise((resolve) => {
        let status: unknown;
        const stream = session.request({ ':method': 'POST', ':path': '/joinery.v1.Bootstrap/Join', 'content-type': 'application/grpc' });
        stream.on('response', (headers) => (status = headers['grpc-status']));
        stream.on('trailers', (headers) => (status = headers['grpc-status'] ?? status));
        stream.on('error', () => undefined);
        stream.on('close', () => resolve(status));
        stream.resume();
        stream.end(bytes);
      });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (bytes, framed) => {
        const frame = framed ? Buffer.concat([Buffer.of(0, 0, 0, 0, bytes.length), bytes]) : bytes;
        expect(String(await send(frame))).toMatch(/^\d+$/);
      }),
      { numRuns: 100 },
    );
    session.close();
    expect(await client.call('Join', { token: 't', csr: 'c' })).toMatchObject({ cluster: 'prod' });
  });

  test('a request that never ends is ended', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)), { limits: { request_timeout: 1, header_timeout: 1 } });
    const session = connect(`https://localhost:${listener.port}`, { ca: pemOf(ROOT) });
    const started = Date.now();
    await new Promise<void>((resolve) => {
      const stream = session.request({ ':method': 'POST', ':path': '/joinery.v1.Bootstrap/Join', 'content-type': 'application/grpc' });
      stream.on('error', () => undefined);
      stream.on('close', () => resolve());
      stream.write(Buffer.of(0, 0));
    });
    session.close();
    expect(Date.now() - started).toBeLessThan(4000);
    await expect.poll(() => listener.load().requests).toBe(0);
  });
});

describe('WatchRevocations', () => {
  const entry = (seq: number): JsonObject => ({
    serial: 'ab',
    revoked_at: TIME,
    reason: 'keyCompromise',
    seq,
    fingerprint: HEX,
    spiffe_id: 'spiffe://a/b',
    node: 'n',
    cluster: 'prod',
  });

  test('tells what was revoked, then what is, and asks again after every change', async () => {
    let known = 2;
    await serve(({ query }) => {
      const since = Number(query.get('since'));
      const revocations = Array.from({ length: known - since }, (_, index) => entry(since + index + 1));
      return Promise.resolve(ok({ revocations, next: known } as unknown as JsonObject));
    });
    const stream = client.stream('WatchRevocations', { since: 0 }, ({ seq }) => seq !== 4);
    await expect.poll(() => seen.length).toBe(2);
    known = 4;
    listener.ring();
    const messages = await stream;
    expect(messages.map(({ seq }: Fields) => seq)).toEqual([1, 2, 3, 4]);
    expect(messages[0]).toMatchObject({
      serial: 'ab',
      spiffe_id: 'spiffe://a/b',
      node: 'n',
      cluster: 'prod',
      reason: 'keyCompromise',
      fingerprint: HEX,
    });
    await expect.poll(() => listener.waiting()).toBe(0);
    await expect.poll(() => listener.load().requests).toBe(0);
    expect(await client.call('ListRevocations', { since: 3 })).toMatchObject({ next: 4, revocations: [{ seq: 4 }] });
  });

  test('ends with the refusal when the certificate counts no more', async () => {
    let revoked = false;
    await serve((request) =>
      Promise.resolve(
        revoked
          ? refusal(new JoineryError('ERR_CERTIFICATE_REVOKED', 'revoked'), request)
          : ok({ revocations: [{ serial: 'ab', revoked_at: TIME, reason: 'superseded', seq: 1 }], next: 1 }),
      ),
    );
    const status = await refused(
      client.stream('WatchRevocations', {}, () => {
        revoked = true;
        listener.ring();
        return true;
      }),
    );
    expect(status).toMatchObject({ code: grpc.status.PERMISSION_DENIED, reason: 'ERR_CERTIFICATE_REVOKED' });
  });

  test('one certificate holds ten, and leaves the others their places', async () => {
    await serve(() => Promise.resolve(ok({ revocations: [], next: 0 })));
    const node = identity({ name: 'greedy', issuer: ROOT });
    const greedy = newClient({ identity: { key: keyPemOf(node), certificates: pemOf(node) } });
    const streams = Array.from({ length: 10 }, () => refused(greedy.stream('WatchRevocations', {}, () => true)));
    await expect.poll(() => listener.waiting()).toBe(10);
    expect((await refused(greedy.stream('WatchRevocations', {}, () => true))).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    streams.push(refused(client.stream('WatchRevocations', {}, () => true)));
    await expect.poll(() => listener.waiting()).toBe(11);
    listener.grpc.endStreams();
    await Promise.all(streams);
  });

  test('ends when the server stops, and no stream is too many but the one over the bound', async () => {
    await serve(() => Promise.resolve(ok({ revocations: [], next: 0 })), { limits: { streams: 1000 } });
    const streams = Array.from({ length: 200 }, () => refused(client.stream('WatchRevocations', {}, () => true)));
    await expect.poll(() => listener.waiting()).toBe(200);
    expect((await refused(client.stream('WatchRevocations', {}, () => true))).code).toBe(grpc.status.RESOURCE_EXHAUSTED);
    listener.grpc.endStreams();
    expect(new Set((await Promise.all(streams)).map(({ code }) => code))).toEqual(new Set([grpc.status.UNAVAILABLE]));
  });
});

describe("GastroLog's Enroll", () => {
  const enrolled = { caPem: 'CA', certificatePem: 'CERT', keyPem: new Secret('KEY') };

  test('has its own names, bytes and transport', async () => {
    const calls: unknown[] = [];
    await serve(() => Promise.resolve(ok(JOIN_REPLY)), {
      enroll: (request, peer) => {
        calls.push(request, peer.transport);
        return Promise.resolve(enrolled);
      },
    });
    const gastrolog = grpcJsClient('gastrolog/v1/cluster.proto', 'gastrolog.v1.ClusterService', {
      port: listener.port,
      anchors: pemOf(ROOT),
    });
    clients.push(gastrolog);
    const reply = await gastrolog.call('Enroll', { token_secret: 'aa', node_id: Buffer.from('n-1'), node_addr: '10.0.0.5:4565' });
    expect(reply).toEqual({ ca_cert_pem: Buffer.from('CA'), cluster_cert_pem: Buffer.from('CERT'), cluster_key_pem: Buffer.from('KEY') });
    expect(calls).toEqual([{ tokenSecret: 'aa', nodeId: new Uint8Array(Buffer.from('n-1')), nodeAddress: '10.0.0.5:4565' }, 'gastrolog']);
  });

  test('a refusal is one status with the code', async () => {
    await serve(() => Promise.resolve(ok(JOIN_REPLY)), {
      enroll: () => Promise.reject(new JoineryError('ERR_JOIN_UNAUTHENTICATED', 'request: expected a valid join token')),
    });
    const gastrolog = grpcJsClient('gastrolog/v1/cluster.proto', 'gastrolog.v1.ClusterService', {
      port: listener.port,
      anchors: pemOf(ROOT),
    });
    clients.push(gastrolog);
    expect(await refused(gastrolog.call('Enroll', { token_secret: 'bb' }))).toMatchObject({
      code: grpc.status.UNAUTHENTICATED,
      reason: 'ERR_JOIN_UNAUTHENTICATED',
    });
  });
});
