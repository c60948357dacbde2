import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { BootstrapClient } from '../../src/client/client.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { JoinReply, RevocationEntry } from '../../src/core/join/messages.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import { runCli } from '../cli/harness.ts';
import { clientOf, newNode, serverStart, type StartedServer, type TestNode, type TestRealm, testRealm } from './server-world.ts';
import { PROMPT_MS } from '../fakes/patience.ts';

interface Joined {
  readonly node: TestNode;
  readonly reply: JoinReply;
  readonly serial: string;
}

let realm: TestRealm;
let server: StartedServer;
const open: BootstrapClient[] = [];

beforeAll(async () => {
  realm = await testRealm();
  server = await serverStart.start(realm);
});
afterAll(async () => {
  for (const client of open) await client.close();
  await server.stop();
  realm.remove();
});

const clientAs = (as?: Joined): BootstrapClient => {
  const client = clientOf(realm, server, as);
  open.push(client);
  return client;
};

async function joinAs(name: string): Promise<Joined> {
  const [node, token] = [await newNode(), await realm.mint('--node', name)];
  const reply = await clientAs().join({ token, csr: node.csr });
  return { node, reply, serial: parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array).serialNumber };
}

const cli = (...argv: string[]) =>
  runCli([...argv, '--realm', realm.directory], { env: { HOME: realm.directory, JOINERY_ACTOR: 'alice' } });

async function sessionOf({ node, reply }: Joined) {
  const session = connectHttp2(server.url, { ca: realm.webRoot, key: node.key.reveal(), cert: reply.certificate_pem + reply.chain_pem });
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

it('takes a node away within a second, from another process, and everybody is told', async () => {
  const [lost, watcher] = [await joinAs('lost'), await joinAs('watcher')];
  const session = await sessionOf(lost);
  const seen: RevocationEntry[] = [];
  const end = new AbortController();
  const watching = (async () => {
    for await (const entry of clientAs(watcher).watchRevocations({ since: 0, signal: end.signal })) seen.push(entry);
  })();
  const dry = await cli('revoke', '--node', 'lost', '--dry-run');
  expect(dry.stdout).toContain(`certificate ${lost.serial} of node-issuing`);
  expect(dry.stdout).toContain('nothing was changed');
  expect(await cli('revoke', '--node', 'lost', '--json')).toMatchObject({ exit: 2 });
  expect((await clientAs(lost).peers()).value?.cluster).toBe('prod');
  const closed = once(session, 'close').then(() => performance.now());
  const command = cli('revoke', '--node', 'lost', '--reason', 'keyCompromise', '--yes');
  const revokedAt = await expect
    .poll(async () => (await realm.audit('revocation.node')).length, { timeout: 5000, interval: 10 })
    .toBe(1)
    .then(() => performance.now());
  expect((await closed) - revokedAt).toBeLessThan(PROMPT_MS);
  await expect.poll(() => seen.map(({ serial }) => serial), { timeout: PROMPT_MS, interval: 20 }).toEqual([lost.serial]);
  await expect(clientAs(lost).peers()).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_REVOKED' });
  // A token of the very second of the revocation ends with those before it.
  const entering = () => joinAs('lost').catch((error: { readonly code: string }) => error.code);
  await expect.poll(entering, { timeout: 5000, interval: 300 }).toBe('ERR_NODE_REVOKED');
  const { stdout, stderr } = await command;
  expect(stdout).toContain(`revoked certificate ${lost.serial}`);
  expect(stderr + stdout).toMatch(/wrote ca\/node-issuing.crl, number \d+|the revocation list of node-issuing is still the old one/);
  expect((await clientAs(watcher).revocations(0)).revocations).toMatchObject([{ node: 'lost', reason: 'keyCompromise' }]);
  expect((await realm.audit('revocation.node')).at(-1)).toMatchObject({ subject: 'lost', reason: 'keyCompromise' });
  end.abort();
  await watching;
});

it('holds and lets go, which servers and lists follow', async () => {
  const held = await joinAs('held');
  const { revoked, crls } = await realm.run('revoke', '--serial', held.serial, '--reason', 'certificateHold', '--yes');
  expect([revoked, crls]).toMatchObject([{ serials: [held.serial], already: false }, expect.any(Array)]);
  // A command that is quick lets the first request meet the server as it learns of it.
  await vi.waitFor(() => expect(clientAs(held).peers()).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_REVOKED' }), 5000);
  expect((await cli('revocation', 'show', held.serial)).stdout).toMatch(/^state +on hold$/m);
  const undone = await cli('revocation', 'undo', '--serial', held.serial);
  expect(undone.stdout).toContain(`certificate ${held.serial} counts again`);
  expect((await clientAs(held).peers()).value?.cluster).toBe('prod');
  const listed = async () => {
    const der = await new Promise<Uint8Array>((resolve) => {
      const session = connectHttp2(server.url, { ca: realm.webRoot });
      const stream = session.request({ ':path': '/v1/crl/node-issuing' });
      const pieces: Uint8Array[] = [];
      stream.on('data', (piece: Uint8Array) => pieces.push(piece));
      stream.on('end', () => {
        session.close();
        resolve(new Uint8Array(Buffer.concat(pieces)));
      });
    });
    return parseRevocationList(der, 'list').revoked.has(held.serial);
  };
  await expect.poll(listed, { timeout: 5000, interval: 100 }).toBe(false);
  const shown = await cli('revocation', 'show', held.serial, '--json');
  expect(shown.json().data).toMatchObject({
    state: 'hold ended',
    audit: [{ event: 'cert.revoke', actor: { name: 'alice' } }, { event: 'revocation.undo' }],
  });
  await realm.run('revoke', '--node', 'held', '--reason', 'certificateHold', '--yes');
  expect((await cli('revocation', 'undo', '--node', 'held', '--json')).json().data['serials']).toEqual([held.serial]);
  expect(await cli('revocation', 'undo', '--serial', held.serial)).toMatchObject({ exit: 6 });
  expect(await cli('revocation', 'undo')).toMatchObject({ exit: 2 });
});

it('finds the target by every name of it, and says what is no target', async () => {
  const node = await joinAs('found');
  const { fingerprint } = parseCertificate(parsePem(node.reply.certificate_pem)[0]?.der as Uint8Array);
  for (const target of [
    ['--fingerprint', fingerprint],
    ['--spiffe-id', node.reply.identity],
    ['--audit-id', node.reply.audit_id],
    ['--serial', node.serial],
  ])
    expect((await cli('revoke', ...target, '--dry-run')).stdout).toContain(node.serial);
  expect(await cli('revoke', '--audit-id', 'nothing', '--dry-run')).toMatchObject({ exit: 6 });
  expect(await cli('revoke', '--dry-run')).toMatchObject({ exit: 2 });
  const { jti } = JSON.parse(Buffer.from((await realm.mint('--node', 'later')).split('.')[1] as string, 'base64url').toString()) as {
    jti: string;
  };
  const byToken = await cli('revoke', '--token', jti, '--yes');
  expect(byToken.stdout).toContain(`token ${jti}, worker in prod`);
  const again = await cli('revoke', '--token', jti, '--yes');
  expect([again.stdout, again.stderr]).toEqual([
    expect.stringContaining('(revoked before)'),
    expect.stringContaining('nothing was changed'),
  ]);
});

it('lists what was revoked', async () => {
  expect((await cli('revocation', 'list')).stdout).toMatch(/^1 +\S+ +\S+ +prod\/lost +keyCompromise$/m);
  expect((await cli('revocation', 'list', '--limit', '1')).stdout).toContain('more: --since 1');
  expect((await cli('revocation', 'list', '--node', 'nobody')).stdout).toBe('nothing was revoked\n');
  expect((await cli('revocation', 'list', '--since', '1', '--json')).json().data['revocations']).toMatchObject([
    { seq: 2, node: 'held' },
    {},
    {},
    {},
  ]);
  expect(await cli('revocation', 'show', '00ff')).toMatchObject({ exit: 6 });
});
