/** A server that is killed at every step of a join: after a restart the same node succeeds with the same token, and one use is counted. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { clientOf, newNode, serverStart, startProcess, STEPS, type TestRealm, testRealm } from './server-world.ts';

const child = fileURLToPath(new URL('server-child.ts', import.meta.url));
let realm: TestRealm;
beforeAll(async () => {
  realm = await testRealm();
});
afterAll(() => realm.remove());

it('killed at any step of a join, it lets the same node in after a restart, by one use', async () => {
  const cases = await Promise.all(
    STEPS.map(async (step) => ({ step, node: await newNode(), token: await realm.mint('--node', `at-${step}`) })),
  );
  for (const { step, node, token } of cases) {
    const killed = await startProcess([process.execPath, child, realm.directory, step], realm);
    const client = clientOf(realm, killed);
    await expect(client.join({ token, csr: node.csr })).rejects.toMatchObject({ family: 'network' });
    await client.close();
    await killed.kill();
  }
  const server = await serverStart.start(realm);
  const client = clientOf(realm, server);
  for (const { step, node, token } of cases) {
    const reply = await client.join({ token, csr: node.csr });
    expect(reply.node_id).toBe(`at-${step}`);
    expect((await client.join({ token, csr: node.csr })).certificate_pem).toBe(reply.certificate_pem);
    await expect(client.join({ token, csr: (await newNode()).csr })).rejects.toMatchObject({ code: 'ERR_TOKEN_REPLAYED' });
  }
  await client.close();
  await server.stop();
  const accepted = (await realm.audit('join.accept')).map(({ subject }) => subject);
  expect(accepted.sort()).toEqual(STEPS.map((step) => `at-${step}`).sort());
  // The last checkpoint was signed at the stop and covers everything but its own record.
  expect(await realm.run('audit', 'verify')).toMatchObject({ outside: false, tail: 1 });
});
