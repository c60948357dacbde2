import { constants } from 'node:http2';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { openHttpTransport } from '../../src/adapters/http-transport.ts';
import { plainPem } from '../../src/adapters/pkcs8.ts';
import type { TransportIdentity, TransportRequest } from '../../src/core/join/transport.ts';
import { toPem } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { type Asked, type Script, type ScriptedServer, scriptedServer, sendJson } from '../fakes/scripted-server.ts';
import { type Identity, identity, LOCALHOST } from '../fakes/tls-server.ts';

vi.setConfig({ testTimeout: 10_000 });

const root = identity({ ca: true, name: 'root', notAfter: '2040-01-01T00:00:00Z' });
const leaf = identity({ issuer: root, names: LOCALHOST, notAfter: '2040-01-01T00:00:00Z' });

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(script: Script, protocols?: readonly string[]): Promise<ScriptedServer> {
  const server = await scriptedServer(leaf, [root], script, protocols);
  open.push(server);
  return server;
}

interface Changes {
  readonly anchors?: () => readonly Uint8Array[];
  readonly identity?: () => TransportIdentity | undefined;
  readonly judge?: () => void;
}

function transportTo({ port }: ScriptedServer, changes: Changes = {}) {
  const transport = openHttpTransport({
    server: { host: '127.0.0.1', port, name: '127.0.0.1' },
    tls: () => Promise.resolve({ anchors: changes.anchors?.() ?? [root.certificate.der], identity: changes.identity?.() }),
    judge: changes.judge ?? (() => undefined),
  });
  open.push(transport);
  return transport;
}

const ask = (changes: Partial<TransportRequest> = {}): TransportRequest => ({
  method: 'GET',
  path: '/v1/ca',
  headers: { accept: 'application/json' },
  timeoutMs: 5000,
  maxBytes: 1000,
  ...changes,
});
const post = (changes: Partial<TransportRequest> = {}) => ask({ method: 'POST', body: Buffer.from('{"a":1}'), ...changes });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof JoineryError ? error.code : String(error)),
  );
const echo: Script = (asked) => sendJson(asked, 200, { path: asked.path, body: asked.body });

describe('a stream that the server refuses unseen', () => {
  const refusing = async (refusals: number) => {
    const server = await serve((asked) => {
      if (server.asked.length <= refusals) asked.response.stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else sendJson(asked, 200, {});
    });
    return { server, transport: transportTo(server) };
  };

  test('is sent again over a new connection, whatever it asks for', async () => {
    const { server, transport } = await refusing(2);
    expect((await transport.request(post())).status).toBe(200);
    expect(server.asked.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
    expect(new Set(server.asked.map(({ session }) => session)).size).toBe(3);
  });

  test('is given up when it is refused each time', async () => {
    const { server, transport } = await refusing(99);
    expect(await codeOf(transport.request(ask()))).toBe('ERR_REPLY_TRUNCATED');
    expect(server.asked).toHaveLength(3);
  });
});

describe.each([
  ['HTTP/2', ['h2', 'http/1.1']],
  ['HTTP/1.1', ['http/1.1']],
])('over %s', (_name, protocols) => {
  test('requests share one connection, bodies and headers go both ways', async () => {
    const server = await serve(echo, protocols);
    const transport = transportTo(server);
    const replies = await Promise.all([transport.request(ask()), transport.request(post()), transport.request(ask({ path: '/x?y=1' }))]);
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(replies.map(({ body }) => JSON.parse(Buffer.from(body).toString()) as unknown)).toEqual([
      { path: '/v1/ca', body: '' },
      { path: '/v1/ca', body: '{"a":1}' },
      { path: '/x?y=1', body: '' },
    ]);
    expect(replies[0]?.headers.get('content-type')).toBe('application/json');
    await transport.request(ask());
    expect(server.connections()).toBe(1);
    expect(server.asked[0]?.headers['accept']).toBe('application/json');
  });

  test('a reply over the limit is refused, whatever its announced length', async () => {
    const server = await serve(({ response }) => void response.end('x'.repeat(1001)), protocols);
    expect(await codeOf(transportTo(server).request(ask()))).toBe('ERR_REPLY_TOO_LARGE');
  });

  test('an endless reply is refused at the limit', async () => {
    const server = await serve(({ response }) => {
      const timer = setInterval(() => void response.write('x'.repeat(200)), 1);
      response.on('close', () => clearInterval(timer));
    }, protocols);
    expect(await codeOf(transportTo(server).request(ask()))).toBe('ERR_REPLY_TOO_LARGE');
  });

  test('a reply that is shorter than it said is truncated', async () => {
    const server = await serve(({ response, socket }) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"half":');
      setTimeout(() => socket.destroy(), 50);
    }, protocols);
    expect(await codeOf(transportTo(server).request(ask()))).toBe('ERR_REPLY_TRUNCATED');
  });

  test('a connection that breaks before the reply is no clean end', async () => {
    const server = await serve(({ socket }) => void socket.destroy(), protocols);
    expect(await codeOf(transportTo(server).request(post()))).toBe('ERR_REPLY_TRUNCATED');
  });

  test('silence ends by the time limit, and the next request has a connection that works', async () => {
    const server = await serve((asked) => (asked.path === '/silent' ? undefined : echo(asked)), protocols);
    const transport = transportTo(server);
    expect(await codeOf(transport.request(ask({ path: '/silent', timeoutMs: 100 })))).toBe('ERR_REPLY_TIMEOUT');
    expect((await transport.request(ask())).status).toBe(200);
  });

  test('whoever gives up is told so', async () => {
    const server = await serve(() => undefined, protocols);
    const transport = transportTo(server);
    const controller = new AbortController();
    const work = codeOf(transport.request(ask({ signal: controller.signal })));
    setTimeout(() => controller.abort(), 50);
    expect(await work).toBe('ERR_INTERRUPTED');
    expect(await codeOf(transport.request(ask({ signal: controller.signal })))).toBe('ERR_INTERRUPTED');
  });

  test('after the server has ended the session the next request opens another', async () => {
    const server = await serve(echo, protocols);
    const transport = transportTo(server);
    await transport.request(ask());
    server.asked[0]?.socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await transport.request(ask())).status).toBe(200);
    expect(server.connections()).toBe(2);
  });

  test('another identity, or other anchors, take effect with the next request', async () => {
    const seen: (string | undefined)[] = [];
    const server = await serve((asked) => {
      seen.push(asked.socket.getPeerX509Certificate()?.fingerprint256.replaceAll(':', '').toLowerCase());
      sendJson(asked, 200, {});
    }, protocols);
    const [one, two] = [clientOf('one'), clientOf('two')];
    let identityNow: TransportIdentity | undefined;
    let anchors: readonly Uint8Array[] = [root.certificate.der];
    const transport = transportTo(server, { identity: () => identityNow, anchors: () => anchors });
    await transport.request(ask());
    identityNow = one.transport;
    await transport.request(ask());
    identityNow = two.transport;
    await Promise.all([transport.request(ask()), transport.request(ask())]);
    expect(seen).toEqual([undefined, one.fingerprint, two.fingerprint, two.fingerprint]);
    expect(server.connections()).toBe(3);
    anchors = [identity({ ca: true, name: 'root', notAfter: '2040-01-01T00:00:00Z' }).certificate.der];
    expect(await codeOf(transport.request(ask()))).toBe('ERR_PIN_PATH');
  });
});

function clientOf(name: string): { readonly transport: TransportIdentity; readonly fingerprint: string } {
  const client: Identity = identity({ issuer: root, name, purposes: [OID.clientAuth], notAfter: '2040-01-01T00:00:00Z' });
  return {
    transport: { key: new Secret(plainPem(client.privateKey)), certificates: toPem('CERTIFICATE', client.certificate.der) },
    fingerprint: client.certificate.fingerprint,
  };
}

test('what the caller refuses gets not a byte, and the next request asks again', async () => {
  const server = await serve(echo);
  let refuse = true;
  const transport = transportTo(server, {
    judge: () => {
      if (refuse) throw new JoineryError('ERR_PIN_PATH', 'no');
    },
  });
  expect(await codeOf(transport.request(post()))).toBe('ERR_PIN_PATH');
  expect(server.asked).toEqual([]);
  refuse = false;
  expect((await transport.request(post())).status).toBe(200);
});

test('a server under another authority gets not a byte', async () => {
  const server = await serve(echo);
  const other = identity({ ca: true, name: 'root', notAfter: '2040-01-01T00:00:00Z' });
  expect(await codeOf(transportTo(server, { anchors: () => [other.certificate.der] }).request(post()))).toBe('ERR_PIN_PATH');
  expect(server.asked).toEqual([]);
});

test('a port where nobody listens is unreachable, and closing twice is harmless', async () => {
  const server = await serve(echo);
  const transport = transportTo(server);
  await server.close();
  expect(await codeOf(transport.request(ask()))).toBe('ERR_SERVER_UNREACHABLE');
  await transport.close();
  await transport.close();
});

test('a GOAWAY of the server is obeyed', async () => {
  const server = await serve(echo);
  const transport = transportTo(server);
  await transport.request(ask());
  server.asked[0]?.session?.goaway();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await transport.request(ask())).status).toBe(200);
  expect(server.connections()).toBe(2);
});

test('a stream that the server resets is truncated', async () => {
  const server = await serve(({ response }: Asked) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{');
    setTimeout(() => response.stream.close(8), 20);
  });
  expect(await codeOf(transportTo(server).request(ask()))).toBe('ERR_REPLY_TRUNCATED');
});
