/** The guides for services are programs: they run, installed from the packed tarball, and do what `server start` does. */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parsePem } from '../../src/core/encoding.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { type InstalledService, installService } from './service-world.ts';
import { serverSuite } from './server-suite.ts';
import { clientOf, newNode, type ServerFixture, type StartedServer, startProcess, type TestRealm, testRealm } from './server-world.ts';

let service: InstalledService;
beforeAll(() => {
  service = installService();
});
afterAll(() => service.remove());

const embedded: ServerFixture = {
  name: 'a service that mounts it',
  start: (realm, { env = {}, port = 0 } = {}) =>
    startProcess([process.execPath, service.program('embed.mjs')], realm, { ...env, REALM: realm.directory, PORT: String(port) }),
};

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const blocks = (page: string): string[] => [...page.matchAll(/```js\n(.*?)```/gs)].map(([, block]) => block as string);

test('the guide shows the service that is tested', () => {
  expect(blocks(text('docs/guides/embedding.md'))).toEqual([text('test/fixtures/service/embed.mjs')]);
});

serverSuite(embedded);

describe('the routes of the service itself', () => {
  let realm: TestRealm;
  let server: StartedServer;
  beforeAll(async () => {
    realm = await testRealm();
    server = await embedded.start(realm);
  });
  afterAll(async () => {
    await server.stop();
    realm.remove();
  });

  interface Identity {
    readonly key: string;
    readonly cert: string;
  }

  async function ask(path: string, identity?: Identity, body?: string): Promise<readonly [number, Record<string, unknown>]> {
    const session = connect(server.url, { ca: realm.webRoot, ...identity });
    session.on('error', () => undefined);
    const stream = session.request({ ':path': path, ...(body !== undefined && { ':method': 'POST', 'content-type': 'application/json' }) });
    stream.end(body);
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    let answer = '';
    for await (const chunk of stream) answer += String(chunk);
    session.destroy();
    return [headers[':status'] as number, JSON.parse(answer) as Record<string, unknown>];
  }

  it('know which node asks, and that it is not revoked', async () => {
    const client = clientOf(realm, server);
    const node = await newNode();
    const reply = await client.join({ token: await realm.mint('--node', 'n1'), csr: node.csr });
    await client.close();
    const identity = { key: node.key.reveal(), cert: reply.certificate_pem + reply.chain_pem };
    expect(await ask('/jobs', identity)).toEqual([200, { hello: 'n1', cluster: 'prod', role: 'worker' }]);
    expect(await ask('/jobs')).toEqual([401, { code: 'ERR_JOIN_UNAUTHENTICATED' }]);
    const [block] = parsePem(reply.certificate_pem);
    await realm.run('cert', 'revoke', parseCertificate(block?.der as Uint8Array).serialNumber);
    expect(await ask('/jobs', identity)).toEqual([403, { code: 'ERR_CERTIFICATE_REVOKED' }]);
  });

  it('stand beside those of the server, by REST and by Connect', async () => {
    expect(await ask('/v1/ca')).toMatchObject([200, { anchors: expect.any(Array) as unknown }]);
    const [status, body] = await ask('/joinery.v1.Bootstrap/Join', undefined, '{"token":"x","csr":"x"}');
    expect([status, body]).toEqual([400, expect.objectContaining({ code: 'invalid_argument' })]);
  });
});
