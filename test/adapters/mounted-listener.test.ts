import { once } from 'node:events';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { jsonLogger } from '../../src/adapters/logger.ts';
import type { BootstrapServer } from '../../src/bootstrap-server.ts';
import { createBootstrapServer } from '../../src/lazy-server.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { Secret } from '../../src/core/secret.ts';
import { clientOf, newNode, type TestRealm, testRealm } from '../feature/server-world.ts';

let realm: TestRealm;
let server: BootstrapServer;
let listener: Http2SecureServer | Server;
const lines: string[] = [];

beforeAll(async () => {
  realm = await testRealm();
});
afterAll(() => realm.remove());
afterEach(() => {
  listener.close();
  (listener as Server).closeAllConnections?.();
});

async function open(make: (server: BootstrapServer) => Promise<Http2SecureServer | Server>) {
  server = await createBootstrapServer({ realm: realm.directory, logger: jsonLogger({ stream: { write: (line) => lines.push(line) } }) });
  listener = await make(server);
  const mounted = await server.mount(listener);
  listener.on('request', (request, response) => {
    if (mounted.handle(request, response)) return;
    server.nodeOf(request).then(
      ({ node }) => response.writeHead(200).end(node),
      (error: { code: string }) => response.writeHead(418).end(error.code),
    );
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return { mounted, url: `https://127.0.0.1:${(listener.address() as AddressInfo).port}` };
}

async function statusOf(url: string, path: string, identity: { readonly key?: string; readonly cert?: string } = {}): Promise<number> {
  const asked = httpsRequest(`${url}${path}`, { ca: realm.webRoot, agent: false, ...identity });
  asked.end();
  const [response] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
  response.resume();
  return response.statusCode;
}

it('a server on the listener of a service answers what is its own, cuts the revoked, and stops without it', async () => {
  const { mounted, url } = await open(async (made) => createSecureServer(await made.listenerOptions()));
  expect([await statusOf(url, '/v1/ca'), await statusOf(url, '/v1/else'), await statusOf(url, '/v10'), await statusOf(url, '/')]).toEqual([
    200, 404, 418, 418,
  ]);
  const node = await newNode();
  const first = clientOf(realm, { url });
  const reply = await first.join({ token: await realm.mint('--node', 'm1'), csr: node.csr });
  await first.close();
  const client = clientOf(realm, { url }, { node, reply });
  expect((await client.peers()).value?.nodes).toContainEqual(expect.objectContaining({ node: 'm1' }));
  const identity = { key: node.key.reveal(), cert: reply.certificate_pem + reply.chain_pem };
  expect(await statusOf(url, '/', identity)).toBe(200);
  const [block] = parsePem(reply.certificate_pem);
  await realm.run('cert', 'revoke', parseCertificate(block?.der as Uint8Array).serialNumber);
  await expect.poll(() => lines.some((line) => line.includes('connections cut'))).toBe(true);
  await client.close();
  expect(await statusOf(url, '/', identity)).toBe(418);
  const metrics = await (await fetch(`http://127.0.0.1:${mounted.adminAddress.port}/metrics`)).text();
  expect(metrics).toContain('joinery_bootstrap_attempts_total');
  expect(await server.metricsText()).toContain('joinery_bootstrap_attempts_total');
  await expect(server.mount(listener)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  await server.close();
  expect(await statusOf(url, '/v1/ca')).toBe(418);
}, 30_000);

it('an https.Server will do, and its certificate is kept up to date', async () => {
  const { mounted, url } = await open(async (made) => createServer({ ...(await made.listenerOptions()) }));
  const { port } = new URL(url);
  const shown = async (): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca: realm.webRoot });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const before = await shown();
  // Files of somebody else take the place of the realm's own certificate.
  const own = join(realm.directory, 'own');
  const issued = ['cert', 'issue', 'web', '--ca', 'web-issuing', '--profile', 'server', '--ip', '127.0.0.1', '--out-dir', own];
  await realm.run(...issued);
  realm.configure((config) =>
    Object.assign(config['server'] as object, { certificate: { chain_file: 'own/web.crt', key_file: 'own/web.key' } }),
  );
  await mounted.reload();
  await expect.poll(shown, { timeout: 5000 }).not.toBe(before);
  realm.configure((config) => delete (config['server'] as Record<string, unknown>)['certificate']);
  await server.close();
}, 30_000);

it('a server that cannot be made leaves the realm as it was, and one that never listened ends', async () => {
  const prod = (config: Record<string, unknown>) => (config['clusters'] as Record<string, unknown>[])[0] as Record<string, unknown>;
  realm.configure((config) => (prod(config)['policy'] = 'none.yaml'));
  const options = { realm: realm.directory, onlinePassphrase: 'not asked for', logger: { log: () => undefined } };
  await expect(createBootstrapServer(options)).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
  realm.configure((config) => delete prod(config)['policy']);
  const made = await createBootstrapServer({ ...options, onlinePassphrase: () => Promise.resolve(new Secret('nor this')) });
  await made.close();
});
