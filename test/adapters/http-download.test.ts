import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { httpDownload } from '../../src/adapters/http-download.ts';
import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { testCa } from '../fakes/anchors.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server, scheme: string): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/document`;
}

const serve = (listener: RequestListener) => listen(createServer(listener), 'http');
const limits = { maxBytes: 1000, trust: undefined };

it('gets a document', async () => {
  const url = await serve((_request, response) => response.end('hello'));
  expect(Buffer.from(await httpDownload(url, limits)).toString()).toBe('hello');
});

it.each<[string, RequestListener, string, string]>([
  ['another status', (_request, response) => response.writeHead(404).end(), 'ERR_TRUST_DOWNLOAD', 'found 404'],
  ['a redirect', (_request, response) => response.writeHead(302, { location: '/x' }).end(), 'ERR_TRUST_DOWNLOAD', 'found 302'],
  ['endless data', (_request, response) => void response.write('x'.repeat(2000)), 'ERR_INPUT_TOO_LARGE', 'at most 1000'],
  ['a connection that breaks', (request) => request.socket.destroy(), 'ERR_TRUST_DOWNLOAD', 'ECONNRESET'],
])('refuses %s', async (_what, listener, code, text) => {
  const error = await httpDownload(await serve(listener), limits).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code, message: expect.stringContaining(text) as string });
});

it('gives up on a server that never answers, or never ends', async () => {
  const silent = await serve(() => undefined);
  const slow = await serve((_request, response) => void response.write('x'));
  for (const url of [silent, slow]) {
    await expect(httpDownload(url, { ...limits, timeoutMs: 100 })).rejects.toMatchObject({ code: 'ERR_TRUST_DOWNLOAD' });
  }
});

it('verifies the server by the trust that is held, and by nothing on first contact', async () => {
  const root = await testCa('root');
  const other = await testCa('other');
  const privateKey = generatePrivateKey('p256');
  const leaf = await testCa('server', { issuer: root, leaf: true, key: signingKey(privateKey), ipAddress: '127.0.0.1' });
  const tls = { key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: leaf.pem + root.pem };
  const url = await listen(
    createTlsServer(tls, (_request, response) => response.end('hello')),
    'https',
  );
  expect(await httpDownload(url, { ...limits, trust: root.pem })).toHaveLength(5);
  expect(await httpDownload(url, limits)).toHaveLength(5);
  await expect(httpDownload(url, { ...limits, trust: other.pem })).rejects.toMatchObject({ code: 'ERR_TRUST_DOWNLOAD' });
});
