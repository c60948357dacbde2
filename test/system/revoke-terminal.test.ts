import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientOf, newNode, serverStart, type TestRealm, testRealm } from '../feature/server-world.ts';
import { openTerminal, type TestTerminal } from './terminal.ts';

/** The question of `revoke` on a real terminal: what stops, for whom, and the name that has to be typed. */
let realm: TestRealm;
let terminal: TestTerminal;

beforeAll(async () => {
  realm = await testRealm();
  const server = await serverStart.start(realm);
  for (const node of ['lost', 'kept']) {
    const [{ csr }, token] = [await newNode(), await realm.mint('--node', node)];
    const client = clientOf(realm, server);
    await client.join({ token, csr });
    await client.close();
  }
  await server.stop();
  terminal = openTerminal();
});
afterAll(() => {
  terminal.remove();
  realm.remove();
});

const start = (words: string): Promise<void> => terminal.start(`revoke ${words} --realm '${realm.directory}'`);
const events = async (): Promise<readonly string[]> => (await realm.audit()).map(({ event }) => event);
const isRevoked = async (node: string): Promise<boolean> => (await realm.run('enrollment', 'show', node))['state'] === 'revoked';

test('ctrl-C at the question ends with status 130, and nothing was changed', async () => {
  const before = await events();
  await start('--node lost --reason keyCompromise');
  const screen = await terminal.shows(/Type lost to revoke it/);
  expect(screen).toMatch(/This stops working:\nnode prod\/lost, worker, spiffe:\S+\n +certificate [0-9a-f]+ of node-issuing, until /);
  terminal.keys('C-c');
  await terminal.shows(/ERR_INTERRUPTED[^]*status=130/);
  expect([await events(), await isRevoked('lost')]).toEqual([before, false]);
}, 240_000);

test('another name is refused, and the name itself revokes the node and nobody else', async () => {
  await start('--node lost --reason keyCompromise');
  await terminal.shows(/Type lost to revoke it/);
  terminal.line('kept');
  await terminal.shows(/expected lost, found another name: nothing was changed/);
  terminal.line('y');
  await terminal.shows(/expected lost, found another name: nothing was changed/);
  expect(await isRevoked('lost')).toBe(false);
  terminal.line('lost');
  const screen = await terminal.shows(/status=0/);
  expect(screen).toMatch(/revoked certificate [0-9a-f]+/);
  expect([await isRevoked('lost'), await isRevoked('kept')]).toEqual([true, false]);
  expect((await realm.audit('revocation.node')).map(({ subject, reason }) => [subject, reason])).toEqual([['lost', 'keyCompromise']]);
}, 240_000);

test('ctrl-D ends it like ctrl-C', async () => {
  const before = await events();
  await start('--node kept');
  await terminal.shows(/Type kept to revoke it/);
  terminal.keys('C-d');
  await terminal.shows(/status=130/);
  expect([await events(), await isRevoked('kept')]).toEqual([before, false]);
}, 240_000);
