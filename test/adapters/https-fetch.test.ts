import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fetchWithin, httpsFetch } from '../../src/adapters/https-fetch.ts';
import { signingKey } from '../../src/adapters/signatures.ts';
import { decodeUtf8 } from '../../src/core/encoding.ts';
import { testCa } from '../fakes/anchors.ts';

let server: Server;
let url: string;
let anchors: string;

beforeAll(async () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const root = await testCa('root');
  const leaf = await testCa('server', { issuer: root, leaf: true, ipAddress: '127.0.0.1', key: signingKey(key) });
  anchors = root.pem;
  server = createServer({ key: key.export({ type: 'pkcs8', format: 'pem' }), cert: leaf.pem + root.pem }, (request, response) => {
    if (request.url === '/slow') return;
    if (request.url === '/moved') response.writeHead(301, { location: 'https://elsewhere.example/' });
    if (request.url === '/failed') response.writeHead(503);
    if (request.url === '/endless') {
      const timer = setInterval(() => response.write('x'.repeat(1000)), 1);
      response.on('close', () => clearInterval(timer));
      return;
    }
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => response.end(`${request.method} ${String(request.headers['x-a'])} ${body}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const ask = (path: string, more: object = {}) =>
  fetchWithin({ method: 'GET', url: `${url}${path}`, anchors, maxBytes: 1000, ...more }, 300);

test('a document is got, and a question is asked', async () => {
  const { status, body } = await httpsFetch({ method: 'POST', url, headers: { 'x-a': 'b' }, body: 'who?', anchors, maxBytes: 1000 });
  expect([status, decodeUtf8(body)]).toEqual([200, 'POST b who?']);
  expect((await ask('/failed')).status).toBe(503);
});

test.each<[string, () => Promise<unknown>, RegExp]>([
  ['a redirect', () => ask('/moved'), /found a redirect/],
  ['no end of bytes', () => ask('/endless'), /found more than 1000 bytes/],
  ['no answer', () => ask('/slow'), /found (no answer in time|TimeoutError)/],
  ['a server that nothing proves', () => ask('/', { anchors: undefined }), /found (UNABLE_TO|SELF_SIGNED)/],
  ['nobody', () => ask('', { url: 'https://127.0.0.1:1/' }), /found ECONNREFUSED/],
])('%s is said to be', async (_name, work, expected) => {
  await expect(work()).rejects.toMatchObject({ code: 'ERR_ATTESTATION_UNAVAILABLE', message: expect.stringMatching(expected) as string });
});

test('the environment cannot switch verification off', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  await expect(ask('/', { anchors: undefined })).rejects.toMatchObject({ code: 'ERR_ATTESTATION_UNAVAILABLE' });
  vi.unstubAllEnvs();
});
