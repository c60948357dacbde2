/** The service of the guide for control planes, installed from the packed tarball, beside a real server and real nodes. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it, test } from 'vitest';
import { type IdentitySource, identitySource } from '../../src/identity-source.ts';
import { type InstalledService, installService } from './service-world.ts';
import { type StartedServer, serverStart, startProcess, type TestRealm, testRealm } from './server-world.ts';
import { PROMPT_MS } from '../fakes/patience.ts';

let service: InstalledService;
let realm: TestRealm;
let server: StartedServer;
let plane: StartedServer;
const serials = new Map<string, string>();
const sources: IdentitySource[] = [];
const agents: Agent[] = [];

beforeAll(async () => {
  service = installService();
  realm = await testRealm();
  server = await serverStart.start(realm);
  await joinAs('cp1', 'control-plane');
  plane = await startProcess([process.execPath, service.program('control-plane.mjs')], realm, {
    NODE_DIRECTORY: at('cp1'),
    SERVER: server.url,
  });
}, 60_000);
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
  for (const source of sources.splice(0)) source.close();
});
afterAll(async () => {
  await plane.stop();
  await server.stop();
  realm.remove();
  service.remove();
});

const at = (name: string): string => join(realm.directory, `node-${name}`);

/** @returns the serial number. */
async function joinAs(name: string, role: string): Promise<string> {
  const file = join(realm.directory, `${name}.jwt`);
  await realm.run('token', 'mint', '--cluster', 'prod', '--role', role, '--node', name, '--out', file);
  const { serial } = await realm.run('node', 'join', '--directory', at(name), '--token-file', file, '--url', server.url);
  serials.set(name, serial as string);
  return serial as string;
}

async function agentOf(name: string): Promise<Agent> {
  const source = await identitySource({ directory: at(name), pollMs: 20 });
  sources.push(source);
  const agent = source.agent({ peer: 'spiffe://lab.example/prod/control-plane/cp1' });
  agents.push(agent);
  return agent;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  /** Of the service. */
  readonly serial: string;
}

async function ask(agent: Agent): Promise<Answer> {
  const asked = request(`${plane.url}/`, { agent });
  asked.end();
  const [response] = await once(asked, 'response');
  const { serialNumber } = response.socket.getPeerCertificate();
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, body, serial: serialNumber };
}

test('the guide shows the service that is tested', () => {
  const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
  const blocks = [...text('docs/guides/control-plane-service.md').matchAll(/```js\n(.*?)```/gs)].map(([, block]) => block);
  expect(blocks).toContain(text('test/fixtures/service/control-plane.mjs'));
});

it('answers the workers of its cluster, and no other node', async () => {
  await joinAs('w1', 'worker');
  await joinAs('cp2', 'control-plane');
  expect(await ask(await agentOf('w1'))).toMatchObject({ status: 200, body: '{"hello":"spiffe://lab.example/prod/worker/w1"}' });
  expect(await ask(await agentOf('cp2'))).toMatchObject({ status: 403 });
  const nobody = new Agent({ ca: readFileSync(join(realm.directory, 'ca/node-root.crt')), checkServerIdentity: () => undefined });
  agents.push(nobody);
  await expect(ask(nobody)).rejects.toThrow(/certificate required|socket hang up|ECONNRESET/);
});

it('puts a revoked worker out within a second, and never lets it in again', async () => {
  const serial = await joinAs('w2', 'worker');
  const agent = await agentOf('w2');
  expect((await ask(agent)).status).toBe(200);
  const [socket] = Object.values(agent.freeSockets)[0] ?? [];
  const closed = once(socket as NonNullable<typeof socket>, 'close');
  await realm.run('cert', 'revoke', serial, '--reason', 'keyCompromise');
  const revokedAt = performance.now();
  await closed;
  expect(performance.now() - revokedAt).toBeLessThan(PROMPT_MS);
  expect((await ask(agent)).status).toBe(403);
});

it('shows its new certificate after a renewal, without dropping a session', async () => {
  await joinAs('w3', 'worker');
  const open = await agentOf('w3');
  const before = await ask(open);
  await realm.run('node', 'renew', '--directory', at('cp1'));
  await expect.poll(async () => (await ask(await agentOf('w3'))).serial, { timeout: PROMPT_MS }).not.toBe(before.serial);
  expect((await ask(open)).serial).toBe(before.serial);
  expect(plane.log().filter(({ event }) => event !== 'evicted')).toEqual([]);
});

it('goes on while the server is away, and says so', async () => {
  const port = Number(new URL(server.url).port);
  await server.stop();
  const w1 = await agentOf('w1');
  expect((await ask(w1)).status).toBe(200);
  await expect.poll(() => plane.log().some(({ event }) => event === 'revocations cannot be asked for'), { timeout: 20_000 }).toBe(true);
  server = await serverStart.start(realm, { port });
  await realm.run('cert', 'revoke', serials.get('w1') as string);
  await expect.poll(async () => (await ask(await agentOf('w1'))).status, { timeout: 20_000 }).toBe(403);
}, 60_000);
