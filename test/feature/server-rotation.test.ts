/** The server's certificate and its authorities are replaced, and nodes renew, under fifty clients that never stop asking: none fails. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBootstrapClient } from '../../src/bootstrap-client.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import { clientOf, newNode, serverStart, type StartedServer, type TestNode, type TestRealm, testRealm } from './server-world.ts';

const CLIENTS = 50;

let realm: TestRealm;
let server: StartedServer;
beforeAll(async () => {
  realm = await testRealm();
  server = await serverStart.start(realm);
});
afterAll(async () => {
  await server.stop();
  realm.remove();
});

interface Member {
  node: TestNode;
  reply: JoinReply;
}

it(`${CLIENTS} clients see a certificate, an authority and a root change, and renew, without one failed request`, async () => {
  let anchors = realm.webRoot;
  const joiner = clientOf(realm, server);
  const tokens = await realm.mintMany(CLIENTS);
  const members: Member[] = await Promise.all(
    tokens.map(async (token) => {
      const node = await newNode();
      return { node, reply: await joiner.join({ token, csr: node.csr }) };
    }),
  );
  await joiner.close();
  const clients = members.map((member) =>
    createBootstrapClient({
      urls: [server.url],
      trust: { kind: 'anchors', pem: () => Promise.resolve(anchors) },
      identity: () => Promise.resolve({ key: member.node.key, certificates: member.reply.certificate_pem + member.reply.chain_pem }),
      attempts: 1,
      timeoutMs: 30_000,
    }),
  );
  const enough = new AbortController();
  let answered = 0;
  const failures: unknown[] = [];
  const asking = clients.map(async (client) => {
    while (!enough.signal.aborted) {
      await client.peers().then(
        () => (answered += 1),
        (error: unknown) => failures.push(error),
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  const newRoot = () => readFileSync(join(realm.directory, 'ca/web-root-2.crt'), 'utf8');
  const publish = async (version: number, ...more: readonly string[]): Promise<void> => {
    await realm.run('trust', 'publish', '--purpose', 'control-plane-https', '--ca', 'web-root-2', ...more);
    await realm.run('trust', 'activate', '--purpose', 'control-plane-https', '--version', String(version));
  };
  const changes = () => server.log().filter(({ msg }) => msg === 'certificate changed').length;
  await realm.run('ca', 'create', 'web-issuing-2', '--parent', 'web-root');
  await expect.poll(changes, { timeout: 20_000 }).toBe(1);
  await realm.run('ca', 'create', 'web-root-2');
  await realm.run('ca', 'create', 'web-issuing-3', '--parent', 'web-root-2');
  // In the window the server stays under the old root, which every client knows; clients learn the new one.
  await publish(2, '--grace', '1h');
  anchors += newRoot();
  await Promise.all(
    members.map(async (member, index) => {
      const node = await newNode();
      const reply = await (clients[index] as (typeof clients)[number]).renew({ csr: node.csr });
      Object.assign(member, { node, reply });
    }),
  );
  expect(changes()).toBe(1);
  await publish(3);
  await expect.poll(changes, { timeout: 20_000 }).toBe(2);
  const asked = answered;
  await expect.poll(() => answered, { timeout: 20_000 }).toBeGreaterThan(asked + 3 * CLIENTS);
  enough.abort();
  await Promise.all(asking);
  await Promise.all(clients.map((client) => client.close()));
  expect(failures).toEqual([]);
  // A new connection stands under the new root alone.
  const late = createBootstrapClient({ urls: [server.url], trust: { kind: 'anchors', pem: () => Promise.resolve(newRoot()) } });
  expect((await late.status()).ca.anchors.filter(({ purpose }) => purpose === 'control-plane-https')).toHaveLength(1);
  await late.close();
}, 90_000);
