/** The listener with real sockets: TLS, both versions of HTTP, limits, hot reload, and how it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/adapters/http-server.ts';
import type { Fingerprint } from '../../src/core/digest.ts';
import { toPem } from '../../src/core/encoding.ts';
import type { HttpHandler, ServerRequest } from '../../src/core/join/http.ts';
import { limitsOf, type ServerLimits } from '../../src/core/realm/server-config.ts';
import { Secret } from '../../src/core/secret.ts';
import { identity, type Identity, LOCALHOST } from '../fakes/tls-server.ts';

const root = identity({ name: 'root', ca: true });
const leaf = identity({ name: 'server', issuer: root, names: [...LOCALHOST] });
const leaf2 = identity({ name: 'server 2', issuer: root, names: [...LOCALHOST] });
const client = identity({ name: 'client', issuer: root, names: [...LOCALHOST] });

const pemOf = (of: Identity) => toPem('CERTIFICATE', of.certificate.der);
const keyOf = (of: Identity) => of.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const credentials = (of: Identity) => ({ chainPem: pemOf(of) + pemOf(root), keyPem: new Secret(keyOf(of)) });

const running: HttpServer[] = [];
const clients: { destroy(): void }[] = [];
let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-http-'));
  writeFileSync(join(directory, 'root.pem'), pemOf(root));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));
afterEach(async () => {
  for (const one of clients.splice(0)) one.destroy();
  for (const server of running.splice(0)) await server.stop(0);
});

const echo: HttpHandler = (request) =>
  Promise.resolve({
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      method: request.method,
      path: request.path,
      since: request.query.get('since'),
      octets: request.body.length,
      certificate: request.peer.certificate?.subject.text ?? null,
      address: request.peer.address,
    }),
  });

async function start(
  handler: HttpHandler = echo,
  limits: Partial<ServerLimits> = {},
  more: Partial<HttpServerOptions> = {},
): Promise<HttpServer> {
  const server = await startHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    credentials: credentials(leaf),
    handler,
    limits: () => ({ ...limitsOf(undefined), ...limits }),
    newCorrelationId: () => 'made-here',
    refuse: (status, code) => ({ status, headers: { 'content-type': 'text/plain' }, body: code }),
    ...more,
  });
  running.push(server);
  return server;
}

const tls = (more: ConnectionOptions = {}): ConnectionOptions => ({ ca: pemOf(root), servername: 'localhost', ...more });

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

async function session(server: HttpServer, more: ConnectionOptions = {}): Promise<ClientHttp2Session> {
  const opened = connectHttp2(`https://127.0.0.1:${server.address.port}`, tls(more) as object);
  opened.on('error', () => undefined);
  clients.push(opened);
  await once(opened, 'connect');
  return opened;
}

async function ask(over: ClientHttp2Session, path: string, body?: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  const stream = over.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST', ...headers });
  stream.on('error', () => undefined);
  stream.end(body);
  const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return { status: answer[':status'] as number, headers: answer, text };
}

function ask1(server: HttpServer, path: string, more: object = {}, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({ host: '127.0.0.1', port: server.address.port, path, agent: false, ...tls(), ...more }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += String(chunk)));
      response.on('end', () => resolve({ status: response.statusCode as number, headers: response.headers, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function socket(server: HttpServer, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const opened = connect({ host: '127.0.0.1', port: server.address.port, ...tls(more) });
  opened.on('error', () => undefined);
  clients.push(opened);
  await once(opened, 'secureConnect');
  return opened;
}

async function rest(from: TLSSocket): Promise<string> {
  let text = '';
  from.on('data', (chunk) => (text += String(chunk)));
  if (!from.closed) await once(from, 'close');
  return text;
}

it('serves HTTP/2 and HTTP/1.1 on one port, and shows who holds a client certificate', async () => {
  const server = await start();
  const mine = { cert: pemOf(client), key: keyOf(client) };
  const over2 = await ask(await session(server, mine), '/v1/x?since=7', Buffer.from('hello'));
  expect(JSON.parse(over2.text)).toEqual({
    method: 'POST',
    path: '/v1/x',
    since: '7',
    octets: 5,
    certificate: 'CN=client',
    address: '127.0.0.1',
  });
  expect(over2.headers).toMatchObject({
    'x-correlation-id': 'made-here',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  const over1 = await ask1(server, '/v1/y', { headers: { 'x-correlation-id': 'from-peer' } });
  expect(JSON.parse(over1.text)).toMatchObject({ method: 'GET', path: '/v1/y', certificate: null });
  expect(over1.headers['x-correlation-id']).toBe('from-peer');
  expect((await ask1(server, '/', { headers: { 'x-correlation-id': 'no spaces allowed' } })).headers['x-correlation-id']).toBe('made-here');
});

it('speaks TLS 1.3 only, with its three suites, sends its root, and resumes nothing', async () => {
  const server = await start();
  const run = (...argv: string[]) =>
    new Promise<string>((resolve) => {
      const where = ['-connect', `127.0.0.1:${server.address.port}`, '-CAfile', join(directory, 'root.pem')];
      const child = spawn('openssl', ['s_client', ...where, '-ign_eof', ...argv]);
      let stdout = '';
      child.stdout.on('data', (chunk) => (stdout += String(chunk)));
      child.stdin.on('error', () => undefined);
      child.stdin.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      child.on('exit', () => resolve(stdout));
    });
  const good = await run('-showcerts', '-sess_out', join(directory, 'session'));
  expect(good).toContain('Verify return code: 0 (ok)');
  expect(good.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  expect(good).toContain('TLSv1.3');
  expect(await run('-tls1_2')).toContain('Cipher is (NONE)');
  for (const suite of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])
    expect(await run('-ciphersuites', suite)).toContain(`Cipher is ${suite}`);
  expect(await run('-ciphersuites', 'TLS_AES_128_CCM_SHA256')).toContain('Cipher is (NONE)');
  expect(good).not.toContain('Reused');
  const sessions: Buffer[] = [];
  const first = connect({ host: '127.0.0.1', port: server.address.port, ...tls({ ALPNProtocols: ['http/1.1'] }) });
  clients.push(first);
  first.on('session', (ticket) => sessions.push(ticket)).on('error', () => undefined);
  await once(first, 'secureConnect');
  first.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await rest(first);
  for (const ticket of sessions) expect((await socket(server, { session: ticket })).isSessionReused()).toBe(false);
});

it('bounds a body, and ends the connection of who sends more', async () => {
  const server = await start(echo, { body: 1024 });
  const over = await session(server);
  expect(await ask(over, '/', Buffer.alloc(1025))).toMatchObject({ status: 413, text: 'ERR_INPUT_TOO_LARGE' });
  expect((await ask(over, '/', Buffer.alloc(1024))).status).toBe(200);
  const one = await ask1(server, '/', { method: 'POST' }, Buffer.alloc(200_000)).catch((error: Error) => error);
  expect(one instanceof Error || one.status === 413).toBe(true);
  const slow = await socket(server, { ALPNProtocols: ['http/1.1'] });
  slow.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(2000)}`);
  expect(await rest(slow)).toContain('413 Payload Too Large');
});

it('ends slow bodies, slow headers, slow handshakes, and sessions that do nothing but ping', async () => {
  const server = await start(echo, { request_timeout: 1, header_timeout: 1, handshake_timeout: 1, idle_timeout: 1 });
  const body = await socket(server, { ALPNProtocols: ['http/1.1'] });
  body.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
  const headers = await socket(server, { ALPNProtocols: ['http/1.1'] });
  headers.write('GET / HTTP/1.1\r\nHo');
  const pings = await session(server);
  const timer = setInterval(() => !pings.destroyed && pings.ping(() => undefined), 100);
  const silent = connectTcp(server.address.port, '127.0.0.1');
  silent.on('error', () => undefined);
  clients.push(silent);
  const stalled = (await session(server)).request({ ':path': '/', ':method': 'POST' });
  stalled.on('error', () => undefined);
  const [answer] = (await once(stalled, 'response')) as [Record<string, unknown>];
  expect(answer[':status']).toBe(408);
  expect(await rest(body)).toContain('408 Request Timeout');
  expect(await rest(headers)).toContain('408');
  if (!pings.closed) await once(pings, 'close');
  clearInterval(timer);
  if (!silent.closed) await once(silent, 'close');
});

it('keeps a session with an open stream, however long it is silent', async () => {
  let answer: (() => void) | undefined;
  const server = await start((request) => new Promise((resolve) => (answer = () => void echo(request).then(resolve))), { idle_timeout: 1 });
  const asked = ask(await session(server), '/late');
  await sleep(1600);
  answer?.();
  expect((await asked).status).toBe(200);
});

it('refuses what is no HTTP, too many headers, and too many connections', async () => {
  const server = await start(echo, { connections_per_address: 4 });
  const garbage = await socket(server, { ALPNProtocols: ['http/1.1'] });
  garbage.write('\x16\x03\x01 nonsense\r\n\r\n');
  expect(await rest(garbage)).toContain('400 Bad Request');
  const large = await socket(server, { ALPNProtocols: ['http/1.1'] });
  large.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`);
  expect(await rest(large)).toContain('431');
  const plain = connectTcp(server.address.port, '127.0.0.1');
  plain.on('error', () => undefined);
  plain.write('GET / HTTP/1.1\r\n\r\n');
  if (!plain.closed) await once(plain, 'close');
  const open = await Promise.all([1, 2, 3, 4].map(() => socket(server)));
  await expect(socket(server)).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(server.load().connections).toBe(4);
  for (const one of open) one.destroy();
});

it('takes no more requests at once than it may, and says so', async () => {
  let release: (() => void) | undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const server = await start(async (request) => held.then(() => echo(request)), { requests: 1 });
  const over = await session(server);
  const first = ask(over, '/first');
  await sleep(50);
  expect(await ask(over, '/second')).toMatchObject({ status: 503, text: 'ERR_SERVER_BUSY' });
  release?.();
  expect((await first).status).toBe(200);
});

it('lets a peer that never reads its answers hold places of its own address only, and not for ever', async () => {
  const server = await start(echo, { requests: 2, request_timeout: 1 });
  const over = await session(server, { settings: { initialWindowSize: 0 } } as object);
  const stalled = ['/a', '/b'].map((path) => over.request({ ':path': path }));
  const ends = stalled.map((stream) =>
    once(
      stream.on('error', () => undefined),
      'close',
    ),
  );
  for (const stream of stalled) await once(stream, 'response');
  expect(server.load().requests).toBe(2);
  expect(await ask1(server, '/mine')).toMatchObject({ status: 503, text: 'ERR_SERVER_BUSY', headers: { connection: 'close' } });
  expect((await ask1(server, '/other', { localAddress: '127.0.0.2' })).status).toBe(200);
  await Promise.all(ends);
  expect((await ask1(server, '/mine')).status).toBe(200);
  expect(server.load().requests).toBe(0);
});

it('ends the connection of who goes on without waiting for answers', async () => {
  const server = await start(echo, { requests: 2, request_timeout: 30 });
  const over = await session(server, { settings: { initialWindowSize: 0 } } as object);
  for (let i = 0; i < 5; i++) over.request({ ':path': '/' }).on('error', () => undefined);
  await once(over, 'close');
  await expect.poll(() => server.load().requests).toBe(0);
});

it('ends a connection of HTTP/1.1 that does not read', async () => {
  const large = 'x'.repeat(20_000_000);
  const server = await start(() => Promise.resolve({ status: 200, headers: {}, body: large }), { request_timeout: 1 });
  const deaf = await socket(server, { ALPNProtocols: ['http/1.1'] });
  deaf.pause();
  deaf.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await expect.poll(() => server.load(), { timeout: 5000 }).toEqual({ connections: 0, requests: 0 });
});

it('refuses a body that is announced too large before it comes, and two hosts, and takes the absolute form of a target', async () => {
  const server = await start();
  const large = await socket(server, { ALPNProtocols: ['http/1.1'] });
  large.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n');
  expect(await rest(large)).toContain('413 Payload Too Large');
  const twice = await socket(server, { ALPNProtocols: ['http/1.1'] });
  twice.write('GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n');
  expect(await rest(twice)).toContain('400 Bad Request');
  expect(JSON.parse((await ask1(server, 'https://localhost:1/v1/ca?since=3?4')).text)).toMatchObject({ path: '/v1/ca', since: '3?4' });
});

it('tells who asks before a body is sent whether it is wanted', async () => {
  const server = await start();
  const asking = async (length: number, body: string): Promise<string> => {
    const peer = await socket(server, { ALPNProtocols: ['http/1.1'] });
    peer.write(`POST /v1/join HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${length}\r\n\r\n`);
    const answer = rest(peer);
    await sleep(100);
    peer.write(body);
    return answer;
  };
  expect(await asking(99_999_999, '')).toMatch(/^HTTP\/1\.1 413 /);
  expect(await asking(2, '{}')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
});

it('gives no length to an answer that has no body', async () => {
  const server = await start((request: ServerRequest) =>
    Promise.resolve({ status: Number(request.path.slice(1)), headers: { allow: 'GET' }, body: '' }),
  );
  const over = await session(server);
  for (const status of [204, 304]) {
    expect((await ask(over, `/${status}`)).headers).not.toHaveProperty('content-length');
    expect((await ask1(server, `/${status}`)).headers).not.toHaveProperty('content-length');
  }
  const head = await ask1(server, '/200', { method: 'HEAD' });
  expect([head.headers['content-length'], head.text]).toEqual(['0', '']);
});

it('answers for a handler that throws, and tells a handler when the peer has gone', async () => {
  let gone = false;
  const server = await start(async (request: ServerRequest) => {
    if (request.path === '/bug') throw new Error('a bug');
    await new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve()));
    gone = true;
    return echo(request);
  });
  const over = await session(server);
  expect(await ask(over, '/bug')).toMatchObject({ status: 500, text: 'ERR_INTERNAL' });
  const stream = over.request({ ':path': '/wait' });
  stream.on('error', () => undefined);
  stream.end();
  await sleep(50);
  stream.close(8);
  await expect.poll(() => gone).toBe(true);
});

it('gives calls of gRPC to their own handler', async () => {
  const server = await start(echo, {}, { grpc: (_request, response) => void response.end('rpc') });
  const over = await session(server);
  expect((await ask(over, '/joinery.v1.JoinService/Join', Buffer.from(''))).text).toBe('rpc');
  expect((await ask(over, '/v1/join')).text).toContain('/v1/join');
});

it('takes a new certificate for new handshakes and keeps open sessions', async () => {
  const server = await start();
  const old = await session(server);
  server.setCredentials(credentials(leaf2));
  expect((await socket(server)).getPeerX509Certificate()?.subject).toBe('CN=server 2');
  expect((await ask(old, '/still')).status).toBe(200);
});

it('cuts every connection under a certificate at once, and no other', async () => {
  const server = await start();
  const mine = { cert: pemOf(client), key: keyOf(client) };
  const [cut, kept] = [await session(server, mine), await session(server)];
  await ask(cut, '/');
  expect(server.peers()).toMatchObject([{ fingerprint: client.certificate.fingerprint, serial: client.certificate.serialNumber }]);
  const ended = once(cut, 'close');
  expect(server.cut(client.certificate.fingerprint as Fingerprint)).toBe(1);
  await ended;
  expect((await ask(kept, '/')).status).toBe(200);
  expect([server.cut(client.certificate.fingerprint as Fingerprint), server.peers()]).toEqual([0, []]);
});

it('answers what is under way before it stops, and ends what does not end by itself', async () => {
  const server = await start(async (request) => {
    await sleep(request.path === '/long' ? 60_000 : 300, undefined, { ref: false });
    return echo(request);
  });
  const [over2, idle] = [await session(server), await session(server)];
  const keepAlive = await socket(server, { ALPNProtocols: ['http/1.1'] });
  const answers = [ask(over2, '/a'), ask1(server, '/b')];
  await sleep(100);
  const started = performance.now();
  await server.stop(5000);
  expect(performance.now() - started).toBeLessThan(3000);
  for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
  if (!idle.closed) await once(idle, 'close');
  if (!keepAlive.closed) await once(keepAlive, 'close');
  const stuck = await start(async (request) => sleep(60_000, undefined, { ref: false }).then(() => echo(request)));
  const cut = await session(stuck);
  void ask(cut, '/long').catch(() => undefined);
  await sleep(100);
  await stuck.stop(200);
  if (!cut.closed) await once(cut, 'close');
  const aborted = await start();
  const open = await session(aborted);
  aborted.abort();
  if (!open.closed) await once(open, 'close');
});

it('says so when the port is taken', async () => {
  const server = await start();
  await expect(start(echo, {}, { listen: server.address })).rejects.toMatchObject({ code: 'ERR_SERVER_LISTEN' });
});

it('bears a peer that closes its half after the request', async () => {
  const server = await start();
  const half = await socket(server, { ALPNProtocols: ['http/1.1'] });
  half.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await rest(half);
  expect((await ask(await session(server), '/')).status).toBe(200);
});
