/** The handlers without a listener: routing, conditional requests, content types, limits, and random requests, none of which may crash them. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { writePkcs12 } from '../../src/adapters/pkcs12.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { issueOmnirelayToken } from '../../src/app/issue-omnirelay-token.ts';
import { openPublicDocuments } from '../../src/app/public-documents.ts';
import { refreshCrls } from '../../src/app/refresh-crls.ts';
import { parsePem, utf8 } from '../../src/core/encoding.ts';
import { ERRORS, JoineryError } from '../../src/core/errors.ts';
import { mintChallenge } from '../../src/core/join/challenge.ts';
import type { HttpHandler, ServerRequest, ServerResponse } from '../../src/core/join/http.ts';
import { RateLimiter } from '../../src/core/join/rate-limit.ts';
import type { Pkcs12Contents } from '../../src/core/key-ports.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { createAdminHandler } from '../../src/server/admin-listener.ts';
import { withinCapacity } from '../../src/server/capacity.ts';
import { createHandlers } from '../../src/server/handlers.ts';
import { problemResponse } from '../../src/server/responses.ts';
import { type JoinWorld, joinWorld, nodeKey } from '../fakes/join-realm.ts';
import { PROMPT_MS } from '../fakes/patience.ts';

interface Served {
  readonly transport: string;
  readonly route: string;
  readonly status: number;
}

let world: JoinWorld;
let handler: HttpHandler;
let perMinute: number;
const served: Served[] = [];
const bugs: unknown[] = [];

beforeAll(async () => {
  world = await joinWorld({ config: { server: { tokens: false } } });
  await refreshCrls(world.realm);
  const { realm, service } = world;
  const mac = (data: Uint8Array) => new Uint8Array(createHmac('sha256', 'key').update(data).digest());
  handler = createHandlers(service, {
    documents: openPublicDocuments(realm),
    perAddress: new RateLimiter(realm.clock, () => perMinute),
    newChallenge: () => mintChallenge({ mac, random: realm.random }, realm.clock.now()),
    served: ({ transport, route, status }) => void served.push({ transport, route, status }),
    failed: (error) => void bugs.push(error),
  });
});
beforeEach(() => {
  perMinute = 1_000_000;
  served.length = 0;
  bugs.length = 0;
});

interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly query?: string;
  readonly certificate?: ServerRequest['peer']['certificate'];
  readonly transport?: 'grpc';
  readonly address?: string;
}

function ask(
  path: string,
  { method, body, headers = {}, query = '', certificate, transport, address = '192.0.2.9' }: Asked = {},
): Promise<ServerResponse> {
  const bytes = body instanceof Uint8Array ? body : utf8(typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body));
  return handler({
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    path,
    query: new URLSearchParams(query),
    headers: new Map(Object.entries(headers)),
    body: bytes,
    peer: { address, correlationId: 'asked', certificate, transport },
    signal: new AbortController().signal,
  });
}

const text = ({ body }: ServerResponse) => (typeof body === 'string' ? body : Buffer.from(body).toString('utf8'));
const jsonOf = (response: ServerResponse) => JSON.parse(text(response)) as Record<string, unknown>;

describe('routes', () => {
  it.each([
    ['/', 404],
    ['/v1', 404],
    ['/v1/ca/', 404],
    ['/v1/trust/other', 404],
    ['/v1/trust/control-plane-https/0', 404],
    ['/v1/trust/control-plane-https/2', 404],
    ['/v1/trust/control-plane-https/1', 200],
    ['/v1/crl/node-issuing', 200],
    ['/v1/crl/node-root', 404],
    ['/v1/crl/nobody', 404],
    [`/${'a'.repeat(600)}`, 404],
    ['/v1/peers', 401],
    ['/v1/revocations', 401],
  ])('%s answers %i', async (path, status) => {
    const response = await ask(path);
    expect(response.status).toBe(status);
    if (status >= 400) expect(response.headers['content-type']).toBe('application/problem+json');
    if (status === 401) expect(response.headers['www-authenticate']).toBe('Joinery');
  });

  it('names the methods that a path takes, and answers HEAD as GET', async () => {
    expect(await ask('/v1/join')).toMatchObject({ status: 405, headers: { allow: 'POST, OPTIONS' } });
    expect(await ask('/v1/ca', { method: 'DELETE' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } });
    expect((await ask('/v1/ca', { method: 'HEAD' })).status).toBe(200);
    expect(served.map(({ route }) => route)).toEqual(['none', 'none', '/v1/ca']);
    expect((await ask('/v1/revocations', { method: 'PUT' })).headers['allow']).toBe('GET, HEAD, POST, OPTIONS');
    expect(await ask('/v1/ca', { method: 'OPTIONS' })).toMatchObject({ status: 204, headers: { allow: 'GET, HEAD, OPTIONS' }, body: '' });
    expect((await ask('/v1/none', { method: 'OPTIONS' })).status).toBe(404);
    // Of the server as a whole (RFC 9110 section 9.3.7).
    expect((await ask('*', { method: 'OPTIONS' })).headers['allow']).toBe('GET, HEAD, POST, OPTIONS');
    expect((await ask('*')).status).toBe(404);
  });

  it('offers what the configuration turns on, and nothing else', async () => {
    expect((await ask('/v1/tokens', { body: {} })).status).toBe(404);
    expect((await ask('/omnirelay/bootstrap/join', { body: {} })).status).toBe(404);
  });

  it('gives 304 to who has the document, by strong and weak tags', async () => {
    const { headers } = await ask('/v1/ca');
    const etag = headers['etag'] as string;
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      expect(await ask('/v1/ca', { headers: { 'if-none-match': tag } })).toMatchObject({ status: 304, body: '', headers: { etag } });
    }
    expect((await ask('/v1/ca', { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
  });

  it.each([
    ['application/pem-certificate-chain', 'pem'],
    ['Application/PEM-Certificate-Chain ; Q=0.5', 'pem'],
    ['application/pem-certificate-chain, */*;q=0.1', 'pem'],
    ['application/pem-certificate-chain;q=0.9, application/json;q=0.9', 'pem'],
    ['application/json;q=0, application/*, application/pem-certificate-chain', 'pem'],
    ['application/pem-certificate-chain;q=0', 'json'],
    ['application/pem-certificate-chain;q=0.000, */*', 'json'],
    ['application/pem-certificate-chain;q=0.5, application/*', 'json'],
    ['*/*', 'json'],
    ['text/html', 'json'],
    ['application/pem-certificate-chain;q=2', 'pem'],
    [';;,,q=1', 'json'],
  ])('gives who accepts %s %s', async (accept, kind) => {
    const { headers } = await ask('/v1/ca', { headers: { accept } });
    expect(headers).toMatchObject({
      'content-type': kind === 'pem' ? 'application/pem-certificate-chain' : 'application/json',
      vary: 'accept',
    });
  });

  it('gives PEM to who asks for it', async () => {
    const accept = { accept: 'text/html;q=0.5, application/pem-certificate-chain;q=1' };
    expect(text(await ask('/v1/ca', { headers: accept }))).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
    expect(text(await ask('/v1/trust/node-cert-lifecycle', { headers: accept }))).toMatch(/^-----BEGIN CERTIFICATE-----\n/);
    const { csr } = await nodeKey();
    const joined = await ask('/v1/join', { body: { token: await world.mint({ node: 'pem' }), csr }, headers: accept });
    expect(joined).toMatchObject({
      status: 200,
      headers: { 'joinery-node-id': 'pem', 'joinery-trust': 'control-plane-https=1, node-cert-lifecycle=1' },
    });
  });
});

describe('bodies', () => {
  it('are strict JSON in UTF-8, and of that type', async () => {
    const wrong = [new Uint8Array([0xff, 0xfe]), '{"token":"a","token":"b"}', '[', 'null', '{}', '[]', '"x"'];
    for (const body of wrong)
      expect(jsonOf(await ask('/v1/join', { body, method: 'POST' }))).toMatchObject({ code: 'ERR_REQUEST_MALFORMED' });
    const typed = await ask('/v1/join', { body: '{}', headers: { 'content-type': 'text/xml' } });
    expect(jsonOf(typed)).toMatchObject({ status: 415, code: 'ERR_REQUEST_TYPE', correlation_id: 'asked' });
    expect(typed.headers).toMatchObject({ accept: 'application/json', 'accept-encoding': 'identity' });
    expect((await ask('/v1/join', { body: '{}', headers: { 'content-encoding': 'gzip' } })).status).toBe(415);
    expect((await ask('/v1/join', { body: '{}', headers: { 'content-encoding': 'identity' } })).status).toBe(400);
    expect(world.watched.outcomes.at(-1)).toMatchObject({ operation: 'join', result: 'refused', authenticated: false });
  });
});

describe('a node with a certificate', () => {
  it('asks for peers, revocations and a new certificate, and reports its trust', async () => {
    const key = await nodeKey();
    const joined = jsonOf(await ask('/v1/join', { body: { token: await world.mint({ node: 'n1' }), csr: key.csr } }));
    const certificate = parseCertificate(parsePem(joined['certificate_pem'] as string)[0]?.der as Uint8Array);
    const peers = await ask('/v1/peers', { certificate });
    expect([peers.status, jsonOf(peers)['cluster'], peers.headers['cache-control']]).toEqual([200, 'prod', 'private, no-cache']);
    const again = { certificate, headers: { 'if-none-match': peers.headers['etag'] as string } };
    expect((await ask('/v1/peers', again)).status).toBe(304);
    expect(jsonOf(await ask('/v1/revocations', { certificate }))).toEqual({ revocations: [], next: 0 });
    expect(jsonOf(await ask('/v1/revocations', { certificate, query: 'since=7' }))).toEqual({ revocations: [], next: 7 });
    expect((await ask('/v1/revocations', { certificate, query: 'since=-1' })).status).toBe(400);
    const held = { version: 1, fingerprint: 'ab'.repeat(32), updated_at: '2026-11-22T10:00:00Z' };
    const report = await ask('/v1/trust-report', { certificate, body: { purposes: { 'control-plane-https': held } } });
    expect(report.status).toBe(200);
    const renewed = jsonOf(await ask('/v1/renew', { certificate, body: { csr: (await nodeKey()).csr } }));
    expect(renewed).toMatchObject({ identity: joined['identity'] });
    expect((await ask('/v1/revocations', { certificate, body: { serial: certificate.serialNumber } })).status).toBe(403);
    expect(world.watched.outcomes.map(({ transport }) => transport)).not.toContain('grpc');
    await ask('/v1/peers', { certificate, transport: 'grpc' });
    expect(served.at(-1)).toEqual({ transport: 'grpc', route: '/v1/peers', status: 200 });
  });
});

describe('limits', () => {
  it('stop an address, or a /64, and tell it when it may come again', async () => {
    perMinute = 2;
    const from = (address: string) => ask('/v1/ca', { address });
    expect([(await from('198.51.100.1')).status, (await from('198.51.100.1')).status]).toEqual([200, 200]);
    expect(await from('198.51.100.1')).toMatchObject({ status: 429, headers: { 'retry-after': '30' } });
    expect((await from('2001:db8::1')).status + (await from('2001:db8::2')).status).toBe(400);
    expect((await from('2001:db8::3')).status).toBe(429);
    expect((await from('2001:db8:0:1::1')).status).toBe(200);
  });
});

it('answers for a bug without a word about it, and reports it', async () => {
  const { service, realm } = world;
  const broken = createHandlers(service, {
    documents: { anchors: () => Promise.reject(new Error('secret of the house')) } as never,
    perAddress: new RateLimiter(realm.clock, () => 1000),
    newChallenge: () => ({ nonce: 'n', expires_at: '2026-11-22T10:00:00Z' }) as never,
    served: () => undefined,
    failed: (error) => void bugs.push(error),
  });
  const peer = { address: 'x', correlationId: 'asked' };
  const { signal } = new AbortController();
  const request = { method: 'GET', path: '/v1/ca', query: new URLSearchParams(), headers: new Map(), body: new Uint8Array(), peer, signal };
  const response = await broken(request);
  expect([response.status, text(response)]).toEqual([500, expect.not.stringContaining('secret')]);
  expect(bugs).toHaveLength(1);
});

it('offers tokens and OmniRelay where they are on', async () => {
  const mac = (data: Uint8Array) => new Uint8Array(createHmac('sha256', 'shared').update(data).digest());
  const omnirelay = {
    mac,
    issuers: ['omnirelay-cli'],
    portableKeys,
    writePkcs12: (of: Pkcs12Contents) => Promise.resolve(writePkcs12(of, systemRandom)),
  };
  const { realm, service } = await joinWorld({ config: { server: { tokens: true } }, omnirelay });
  const on = createHandlers(service, {
    documents: openPublicDocuments(realm),
    perAddress: new RateLimiter(realm.clock, () => 1000),
    newChallenge: () => mintChallenge({ mac, random: realm.random }, realm.clock.now()),
    served: () => undefined,
    failed: (error) => void bugs.push(error),
  });
  const post = (path: string, body: string) =>
    on({
      method: 'POST',
      path,
      query: new URLSearchParams(),
      headers: new Map(),
      body: utf8(body),
      peer: { address: '192.0.2.1', correlationId: 'c' },
      signal: new AbortController().signal,
    });
  expect(jsonOf(await post('/v1/tokens', JSON.stringify({ cluster: 'prod', role: 'worker' })))).toMatchObject({
    code: 'ERR_JOIN_UNAUTHENTICATED',
  });
  const { token } = await issueOmnirelayToken(realm, { mac, cluster: 'prod', role: 'worker' });
  const joined = jsonOf(await post('/omnirelay/bootstrap/join', JSON.stringify({ Token: token.reveal(), nodeId: 'n1' })));
  expect(joined).toMatchObject({ clusterId: 'prod', role: 'worker', certificateData: expect.any(String) as string });
  const again = await post('/omnirelay/bootstrap/join', JSON.stringify({ token: token.reveal() }));
  expect([again.status, jsonOf(again)]).toEqual([400, { code: 'error.validation', message: 'Token was already consumed.' }]);
  expect((await post('/omnirelay/bootstrap/join', 'no json')).status).toBe(400);
  service.observe.outcome = () => {
    throw new Error('a bug');
  };
  expect((await post('/omnirelay/bootstrap/join', '{}')).status).toBe(500);
  expect((await post('/v1/challenge', '')).status).toBe(200);
});

it('keeps what is wrong with the server from callers, and tells it to whoever runs it', async () => {
  const { store } = world.realm;
  const get = store.get.bind(store);
  const broken = new JoineryError('ERR_STORE_BUSY', '/var/lib/realm/state.db: locked', { hint: 'look into /var/lib/realm' });
  store.get = () => Promise.reject(broken);
  const response = await ask('/v1/join', { body: { token: 'abcdef.0123456789abcdef', csr: (await nodeKey()).csr } });
  store.get = get;
  expect(response.status).toBe(503);
  expect(text(response)).toContain('ERR_STORE_BUSY');
  expect(text(response)).not.toContain('/var/lib');
  expect(bugs).toEqual([broken]);
});

it('works on so many requests at once and no more, and makes room when one fails', async () => {
  const waiting: (() => void)[] = [];
  const handler = withinCapacity(
    () => new Promise((_resolve, reject) => waiting.push(() => reject(new Error('over')))),
    () => 1,
  );
  const request = { peer: { correlationId: 'c' } } as ServerRequest;
  const first = handler(request);
  const refused = await handler(request);
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(refused.body).toContain('ERR_SERVER_BUSY');
  waiting[0]?.();
  await expect(first).rejects.toThrow('over');
  const next = handler(request);
  waiting[1]?.();
  await expect(next).rejects.toThrow('over');
});

it('says when to come again to who finds the server busy', () => {
  const busy = problemResponse(new JoineryError('ERR_STORE_BUSY', 'expected x, found y'), 'c');
  expect(busy).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(JSON.parse(text(problemResponse(new JoineryError('ERR_INPUT_TOO_LARGE', 'expected x, found y'), 'c', 413)))).toMatchObject({
    status: 413,
  });
});

describe('random requests', () => {
  const paths = [
    '/v1/join',
    '/v1/renew',
    '/v1/trust-report',
    '/v1/revocations',
    '/v1/tokens',
    '/v1/challenge',
    '/v1/peers',
    '/v1/ca',
    '/v1/crl/node-issuing',
    '/v1/trust/control-plane-https/1',
    '/omnirelay/bootstrap/join',
  ];
  const member = fc.constantFrom(
    'token',
    'csr',
    'node_id',
    'labels',
    'attestation',
    'purposes',
    'serial',
    'node',
    'cluster',
    'role',
    '__proto__',
    'x',
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      'abcdef.0123456789abcdef',
      'a.b.c',
      '00',
    ),
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ maxLength: 300 }),
    fc.dictionary(member, value, { maxKeys: 6 }).map((object) => JSON.stringify(object)),
  );
  const path = fc.oneof(fc.constantFrom(...paths), fc.webPath({ size: 'small' }), fc.string({ maxLength: 80 }));
  const headers = fc.dictionary(
    fc.constantFrom('accept', 'content-type', 'if-none-match', 'x-correlation-id'),
    fc.string({ maxLength: 60 }),
  );

  it('get a coded answer, quickly, and change nothing', async () => {
    const before = world.realm.store.audit.length;
    await fc.assert(
      fc.asyncProperty(path, fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', ''), body, headers, async (at, method, sent, given) => {
        const started = performance.now();
        const response = await ask(at, { method, body: sent, headers: given });
        expect(performance.now() - started).toBeLessThan(PROMPT_MS);
        expect(response.status).toBeGreaterThanOrEqual(200);
        if (response.status < 400) return;
        expect(response.status).toBeLessThan(PROMPT_MS);
        const problem = jsonOf(response);
        if (response.headers['content-type'] === 'application/problem+json') expect(Object.keys(ERRORS)).toContain(problem['code']);
      }),
      { numRuns: 1500 },
    );
    expect(bugs).toEqual([]);
    expect(world.realm.store.audit.length).toBe(before);
  }, 60_000);
});

describe('the listener of health and metrics', () => {
  it('answers what it knows', async () => {
    let problems: readonly string[] = [];
    const admin = createAdminHandler({
      unready: () => Promise.resolve(problems),
      metricsText: () => Promise.resolve('m 1\n'),
      metricsType: 'text/plain',
    });
    const get = (path: string, method = 'GET') =>
      admin({
        method,
        path,
        query: new URLSearchParams(),
        headers: new Map(),
        body: new Uint8Array(),
        peer: { address: '', correlationId: 'c' },
        signal: new AbortController().signal,
      });
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await get('/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
    problems = ['store: ERR_STORE_BUSY', 'stopping'];
    expect(await get('/readyz')).toMatchObject({ status: 503, body: 'store: ERR_STORE_BUSY\nstopping\n' });
    expect(await get('/metrics', 'HEAD')).toMatchObject({ status: 200, body: 'm 1\n' });
    expect(await get('/metrics', 'POST')).toMatchObject({ status: 405 });
    expect(await get('/')).toMatchObject({ status: 404 });
  });
});
