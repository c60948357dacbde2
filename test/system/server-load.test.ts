/** Many at once: ten thousand idle connections, and five hundred nodes that join, then renew, in the same moment. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBootstrapClient } from '../../src/bootstrap-client.ts';
import { clientOf, metric, newNode, serverStart, type StartedServer, type TestRealm, testRealm } from '../feature/server-world.ts';

const IDLE = 10_000;
const NODES = 500;

let realm: TestRealm;
let server: StartedServer;
beforeAll(async () => {
  realm = await testRealm();
  realm.configure((config) => {
    const limits = {
      per_address: 1_000_000,
      per_token: 10_000,
      connections: 12_000,
      connections_per_address: 12_000,
      handshake_timeout: 120,
    };
    Object.assign(config['server'] as object, { limits });
  });
  server = await serverStart.start(realm);
});
afterAll(async () => {
  await server.stop();
  realm.remove();
});

it(`answers among ${IDLE} connections that say nothing`, async () => {
  const { port } = new URL(server.url);
  const idle: Socket[] = [];
  for (let opened = 0; opened < IDLE; opened += 500) {
    const batch = Array.from({ length: 500 }, () => connect(Number(port), '127.0.0.1').on('error', () => undefined));
    await Promise.all(batch.map((socket) => once(socket, 'connect')));
    idle.push(...batch);
  }
  await expect.poll(() => metric(server, 'joinery_connections'), { timeout: 20_000 }).toBeGreaterThanOrEqual(IDLE);
  const client = clientOf(realm, server);
  const started = performance.now();
  const [{ csr }, token] = [await newNode(), await realm.mint()];
  expect((await client.join({ token, csr })).cluster).toBe('prod');
  console.log(`a join among ${IDLE} idle connections: ${Math.round(performance.now() - started)} ms`);
  await client.close();
  for (const socket of idle) socket.destroy();
  await expect.poll(() => metric(server, 'joinery_connections'), { timeout: 20_000 }).toBeLessThan(10);
}, 120_000);

it(`lets ${NODES} nodes join at once, then renew at once: nothing is lost, no use is counted twice`, async () => {
  const nodes = await Promise.all(Array.from({ length: NODES }, () => newNode()));
  const token = await realm.mint('--max-uses', String(NODES));
  const client = clientOf(realm, server);
  const took: number[] = [];
  const timed = async <T>(work: Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work;
    took.push(performance.now() - started);
    return result;
  };
  const started = performance.now();
  const replies = await Promise.all(nodes.map(({ csr }) => timed(client.join({ token, csr }))));
  report('join', performance.now() - started, took);
  expect(new Set(replies.map(({ node_id }) => node_id)).size).toBe(NODES);
  await expect(client.join({ token, csr: (await newNode()).csr })).rejects.toMatchObject({ code: 'ERR_TOKEN_EXHAUSTED' });
  const clients = nodes.map(({ key }, index) => {
    const reply = replies[index] as (typeof replies)[number];
    return createBootstrapClient({
      urls: [server.url],
      trust: { kind: 'anchors', pem: () => Promise.resolve(realm.webRoot) },
      identity: () => Promise.resolve({ key, certificates: reply.certificate_pem + reply.chain_pem }),
      timeoutMs: 60_000,
    });
  });
  const fresh = await Promise.all(nodes.map(() => newNode()));
  took.length = 0;
  const second = performance.now();
  const renewed = await Promise.all(clients.map((one, index) => timed(one.renew({ csr: (fresh[index] as (typeof fresh)[number]).csr }))));
  report('renew, each with a handshake', performance.now() - second, took);
  expect(renewed.map(({ node_id }) => node_id)).toEqual(replies.map(({ node_id }) => node_id));
  await Promise.all([...clients, client].map((one) => one.close()));
  expect(await metric(server, 'joinery_bootstrap_issued_total', { operation: 'join' })).toBe(NODES + 1);
  expect(await metric(server, 'joinery_bootstrap_issued_total', { operation: 'renew' })).toBe(NODES);
  const text = await (await fetch(`${server.adminUrl}/metrics`)).text();
  const memory = Number(/^joinery_process_resident_memory_bytes (\d+)/m.exec(text)?.[1]);
  console.log(`resident memory of the server: ${Math.round(memory / 1048576)} MiB`);
  expect(memory).toBeLessThan(1024 ** 3);
}, 120_000);

function report(what: string, total: number, took: readonly number[]): void {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor(share * (sorted.length - 1))] as number);
  console.log(`${NODES} nodes ${what}: ${Math.round(total)} ms in all, median ${at(0.5)} ms, 99 % within ${at(0.99)} ms`);
}

it('leaves no trace of a secret in its log', () => {
  const log = JSON.stringify(server.log());
  expect(log).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\./);
  expect(readFileSync(`${realm.directory}/joinery.yaml`, 'utf8')).toContain('lab');
});
