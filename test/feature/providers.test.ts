/** The guides for Vault and SPIRE, followed as they stand there: against stand-ins, a server over TLS, and a node that joins, renews and is revoked. */
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseYaml } from '../../src/adapters/config-file.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { createBootstrapClient } from '../../src/bootstrap-client.ts';
import { joinNode } from '../../src/client/join-node.ts';
import { renewNode } from '../../src/client/renew-node.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { pinOf } from '../../src/core/digest.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { type Authority, make } from '../core/x509/make.ts';
import { keyPemOf } from '../fakes/grpc-listener.ts';
import { nodeKey } from '../fakes/join-realm.ts';
import { nodeClientWorld, nodePlace } from '../fakes/join-server.ts';
import { pemOf } from '../fakes/provider-ca.ts';
import { spireStandIn, type SpireStandIn } from '../fakes/spire.ts';
import { VAULT_TLS_ROOT, vaultStandIn, type VaultStandIn } from '../fakes/vault.ts';
import { identity } from '../fakes/tls-server.ts';
import { type LiveServer, liveServer } from './live-server.ts';
import { type TestRealm, testRealm } from './server-world.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

interface Guide {
  readonly provider: JsonObject;
  /** Words of each line that runs joinery, in the order of the page. */
  readonly commands: readonly (readonly string[])[];
}

async function guide(name: string, changes: Readonly<Record<string, string>>): Promise<Guide> {
  let page = readFileSync(new URL(`../../docs/guides/${name}.md`, import.meta.url), 'utf8');
  for (const [from, to] of Object.entries(changes)) {
    expect(page).toContain(from);
    page = page.replaceAll(from, to);
  }
  const blocks = (kind: string): string[] =>
    [...page.matchAll(new RegExp(`\`\`\`${kind}\\n(.*?)\`\`\``, 'gs'))].map(([, text]) => text as string);
  const commands = blocks('sh').flatMap((text) => text.split('\n').filter((line) => line.startsWith('joinery ')));
  return {
    provider: (await parseYaml(blocks('yaml').join(''), name)) as JsonObject,
    commands: commands.map((line) => line.split(' ').slice(1).map(inRealm)),
  };
}

const now = () => systemClock.now();
const place = nodePlace();
let realm: TestRealm;
let server: LiveServer | undefined;
let close: (() => unknown)[];
beforeEach(async () => {
  close = [];
  realm = await testRealm();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
  for (const each of close) await each();
  realm.remove();
  rmSync(place.directory, { recursive: true, force: true });
});

/** As from a shell in the directory of the realm. */
function inRealm(word: string): string {
  return /^(?:vault|spire)\//.test(word) ? join(realm.directory, word) : word;
}

function file(name: string, text: string): void {
  mkdirSync(join(realm.directory, name, '..'), { recursive: true });
  writeFileSync(join(realm.directory, name), text, { mode: 0o600 });
}

/** Runs the lines of the guide up to the one before `last`. */
async function follow({ provider, commands }: Guide): Promise<Record<string, unknown>> {
  const shown = commands.findIndex(([topic, command]) => topic === 'provider' && command === 'show');
  for (const words of commands.slice(0, shown)) await realm.run(...words);
  realm.configure((config) => Object.assign((config['clusters'] as object[])[0] as object, provider));
  return realm.run(...(commands[shown] as string[]));
}

async function joinAndRenew(root: Authority): Promise<readonly X509Certificate[]> {
  server = await liveServer(realm);
  const pin = pinOf(parseCertificate(parsePem(realm.webRoot)[0]?.der as Uint8Array).spki);
  const token = await realm.mint('--node', 'n1');
  const wishes = { directory: place.directory, urls: [server.url], pins: [pin], trustDigests: {} };
  await joinNode(nodeClientWorld(), { ...wishes, token: () => Promise.resolve(new Secret(token)) });
  const installed = (): X509Certificate => new X509Certificate(readFileSync(join(place.directory, 'identity/current/node.crt')));
  const first = installed();
  await renewNode(nodeClientWorld(), { directory: place.directory });
  const found = [first, installed()];
  for (const certificate of found) expect(certificate.subjectAltName).toBe('URI:spiffe://lab.example/prod/worker/n1');
  const chain = parsePem(readFileSync(join(place.directory, 'identity/current/chain.crt'), 'utf8'));
  expect(chain.map(({ der }) => parseCertificate(der).issuer.text)).toEqual([root.certificate.subject.text]);
  return found;
}

const serialOf = ({ serialNumber }: X509Certificate): string => serialNumber.toLowerCase();

test('Vault: set up, joined, renewed; revoked while Vault is away, and told when it is back', async () => {
  const root = make({ name: 'vault root', ca: true });
  const issuer = make({ name: 'vault issuing', ca: true, issuer: root });
  const vault: VaultStandIn = await vaultStandIn({ root, issuer, now });
  close.push(() => vault.close());
  file('vault/root.pem', pemOf(root));
  file('vault/issuing.pem', pemOf(issuer));
  file('vault/tls-ca.pem', pemOf(VAULT_TLS_ROOT));
  file('vault/role-id', 'the-role\n');
  file('vault/secret-id', 'the-secret\n');
  const steps = await guide('vault', { 'https://vault.example.internal:8200': vault.url });
  expect(await follow(steps)).toMatchObject({
    provider: 'vault',
    authorities: [
      { ca: 'vault-issuing', configured: true },
      { ca: 'vault-root', phase: 'active' },
    ],
  });
  const certificates = await joinAndRenew(root);
  expect(vault.calls.filter(({ path }) => path === 'pki/sign/joinery-node')).toHaveLength(2);
  vault.whim = () => ({ status: 503, body: { errors: ['Vault is sealed'] } });
  await realm.run(...(steps.commands.find(([word]) => word === 'revoke') as string[]));
  await expect(realm.run('provider', 'notify')).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
  vault.whim = () => undefined;
  await realm.run('provider', 'notify');
  const told = vault.calls
    .filter(({ path, token }) => path === 'pki/revoke' && token !== undefined)
    .map(({ body }) => body['serial_number']?.replaceAll(':', ''));
  expect(new Set(told)).toEqual(new Set(certificates.map(serialOf)));
  expect((await realm.audit('cert.provider_revoke')).map(({ result }) => result)).toEqual(['ok', 'ok']);
});

test('SPIRE: set up, joined by a request that names the node, renewed, a token for an agent; revoked here, and SPIRE cannot', async () => {
  const root = make({ name: 'spire root', ca: true });
  const issuer = make({ name: 'spire issuing', ca: true, issuer: root });
  const socket = join(realm.directory, 'spire.sock');
  const spire: SpireStandIn = await spireStandIn({ trustDomain: 'lab.example', root, issuer, now, listen: { socket } });
  close.push(() => spire.close());
  file('spire/root.pem', pemOf(root));
  const steps = await guide('spire', { '/run/spire/server/api.sock': socket });
  expect(await follow(steps)).toMatchObject({ provider: 'spire', authorities: [{ ca: 'spire-root', configured: true, phase: 'active' }] });
  const tokens = await realm.audit('token.use');
  await joinAndRenew(root);
  expect(spire.asked.filter((name) => name === 'MintX509SVID')).toHaveLength(2);
  expect((await realm.audit('token.use')).length - tokens.length).toBe(1);
  await realm.run(...(steps.commands.find(([, word]) => word === 'join-token') as string[]));
  expect(readFileSync(join(realm.directory, 'spire/n1.token'), 'utf8')).toBe('5f0c6e2d-token\n');
  await expect(realm.run('provider', 'join-token', 'prod', '--out', inRealm('spire/n1.token'))).rejects.toMatchObject({
    code: 'ERR_FILE_EXISTS',
  });
  await expect(realm.run('provider', 'join-token', 'edge', '--out', inRealm('spire/other.token'))).rejects.toMatchObject({
    code: 'ERR_PROVIDER_NONE',
  });
  await realm.run(...(steps.commands.find(([word]) => word === 'revoke') as string[]));
  const reasons = (await realm.audit('cert.provider_revoke')).map(({ result, reason }) => `${result} ${reason}`);
  expect(new Set(reasons)).toEqual(new Set(['failed ERR_PROVIDER_CANNOT_REVOKE']));
});

test('a program: that of the reference signs; one that hangs gives a code in time, and the token lets the node in afterwards', async () => {
  const page = readFileSync(new URL('../../docs/reference/identity-providers.md', import.meta.url), 'utf8');
  const script = /```sh\n(#!\/bin\/sh\n.*?)```/s.exec(page)?.[1] as string;
  const root = identity({ name: 'corporate root', ca: true });
  const bin = join(realm.directory, 'sign-node');
  const hang = (): void => writeFileSync(bin, '#!/bin/sh\nexec sleep 30\n', { mode: 0o755 });
  const sign = (): void => writeFileSync(bin, script, { mode: 0o755 });
  hang();
  file('authority/ca.pem', pemOf(root));
  file('authority/ca.key', keyPemOf(root));
  await realm.run('ca', 'import', 'corporate', '--cert', join(realm.directory, 'authority/ca.pem'));
  await realm.run('trust', 'publish', '--purpose', 'node-cert-lifecycle', '--ca', 'node-root', '--ca', 'corporate');
  await realm.run('trust', 'activate', '--purpose', 'node-cert-lifecycle', '--version', '2');
  const provider = { ca: 'corporate', exec: [bin, join(realm.directory, 'authority')], timeout: 3 };
  realm.configure((config) =>
    Object.assign((config['clusters'] as object[])[0] as object, { identity_provider: provider, node_lifetime: 90_000 }),
  );
  server = await liveServer(realm);
  const token = await realm.mint('--node', 'n1');
  const pin = pinOf(parseCertificate(parsePem(realm.webRoot)[0]?.der as Uint8Array).spki);
  const { url } = server;
  const client = createBootstrapClient({ urls: [url], trust: { kind: 'pin', pin: { kind: 'key', pins: [pin] } }, attempts: 1 });
  close.push(() => client.close());
  const asked = client.join({ token, csr: (await nodeKey()).csr, node_id: 'n1' });
  await expect(asked).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE', family: 'network' });
  expect(await realm.audit('token.use')).toEqual([]);
  // It recovers while the node asks again and again.
  setTimeout(sign, 1500);
  const wishes = { directory: place.directory, urls: [url], pins: [pin], trustDigests: {} };
  const joined = await joinNode(nodeClientWorld(), { ...wishes, token: () => Promise.resolve(new Secret(token)) });
  expect(joined.state).toBe('joined');
  expect(await realm.audit('token.use')).toHaveLength(1);
  await renewNode(nodeClientWorld(), { directory: place.directory });
  expect(await realm.run('provider', 'show', 'prod')).toMatchObject({
    provider: 'exec',
    authorities: [{ ca: 'corporate', phase: 'active' }],
  });
  await realm.run('revoke', '--node', 'n1', '--cluster', 'prod', '--yes');
  await vi.waitFor(() =>
    expect(readdirSync(join(realm.directory, 'authority')).filter((name) => name.endsWith('.revoked'))).toHaveLength(2),
  );
});

test('an authority that the provider begins to show is told in the log of the server, once', async () => {
  const root = make({ name: 'spire root', ca: true });
  const socket = join(realm.directory, 'spire.sock');
  const spire = await spireStandIn({
    trustDomain: 'lab.example',
    root: make({ name: 'next root', ca: true }),
    issuer: root,
    now,
    listen: { socket },
  });
  close.push(() => spire.close());
  file('spire/root.pem', pemOf(root));
  const steps = await guide('spire', { '/run/spire/server/api.sock': socket });
  await follow(steps);
  server = await liveServer(realm);
  const live = server;
  await vi.waitFor(() => expect(live.log().filter(({ msg }) => /authority that is unknown/.test(String(msg)))).toHaveLength(1), {
    timeout: 10_000,
  });
});
