import { once } from 'node:events';
import { connect as http2Connect, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer, request as httpsRequest, type Agent } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect as tlsConnect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { activateTrust } from '../../src/app/activate-trust.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { publishTrust } from '../../src/app/publish-trust.ts';
import { joinNode } from '../../src/client/join-node.ts';
import { renewNode } from '../../src/client/renew-node.ts';
import type { Pin } from '../../src/core/digest.ts';
import type { JoineryError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseDuration, type Seconds } from '../../src/core/time.ts';
import { type IdentitySource, identitySource } from '../../src/identity-source.ts';
import { type JoinServer, joinServer, nodeClientWorld, nodePlace } from '../fakes/join-server.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let server: JoinServer;
beforeAll(async () => {
  server = await joinServer();
});
afterAll(() => server.close());

const world = nodeClientWorld();
const open: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function joined(node: string): Promise<string> {
  const { directory, remove } = nodePlace();
  open.push(remove);
  const token = await server.mint({ node, urls: [server.url], pins: [server.pin as Pin] });
  await joinNode(world, { directory, urls: [], pins: [], trustDigests: {}, token: () => Promise.resolve(new Secret(token)) });
  return directory;
}

async function sourceOf(directory: string): Promise<IdentitySource> {
  const source = await identitySource({ directory, pollMs: 20 });
  open.push(() => source.close());
  return source;
}

const id = (node: string): string => `spiffe://control.example.internal/prod/worker/${node}`;
const uriOf = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.subjectAltName ?? 'none';
const portOf = (listener: { address(): unknown }): number => (listener.address() as AddressInfo).port;
const changed = (source: IdentitySource, seen: string) =>
  vi.waitFor(() => expect(source.current().fingerprint).not.toBe(seen), { timeout: 5000, interval: 10 });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** An HTTP/2 echo of who asks, and 50 clients of it with a session each. */
async function echoServer(source: IdentitySource) {
  const listener = createSecureServer(source.listenerOptions());
  source.attach(listener);
  listener.on('stream', (stream) => {
    stream.respond({ ':status': 200 });
    stream.end(uriOf(stream.session?.socket as unknown as TLSSocket));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const sessions = new Set<{ destroy(): void }>();
  listener.on('session', (session) => sessions.add(session));
  open.push(() => {
    for (const session of sessions) session.destroy();
    listener.close();
  });
  return portOf(listener);
}

function sessionTo(port: number, source: IdentitySource, peer: string) {
  const session = http2Connect(`https://127.0.0.1:${port}`, source.connectOptions({ peer }));
  session.on('error', () => undefined);
  open.push(() => session.destroy());
  const ask = async (): Promise<string> => {
    const stream = session.request({ ':path': '/' });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A stream that closes before its end has failed, whatever it says of itself.
    await new Promise<void>((resolve, reject) => {
      stream.once('end', resolve);
      stream.once('error', reject);
      stream.once('close', () => reject(new Error('closed')));
    });
    return Buffer.concat(chunks).toString();
  };
  return { ask, session };
}

test('50 clients on open sessions and ever new ones go through a rotation of certificate, trust and authority without one failed request', async () => {
  const [serverPlace, clientPlace] = [await joined('service'), await joined('caller')];
  const [service, caller] = [await sourceOf(serverPlace), await sourceOf(clientPlace)];
  const port = await echoServer(service);
  const sessions = Array.from({ length: 50 }, () => sessionTo(port, caller, id('service')));
  const done = new AbortController();
  const running = (): boolean => !done.signal.aborted;
  const counts = { answered: 0, failed: 0 };
  const count = async (work: () => Promise<string>): Promise<void> => {
    try {
      expect(await work()).toContain(id('caller'));
      counts.answered += 1;
    } catch {
      counts.failed += 1;
    }
  };
  const onOpen = sessions.map(async ({ ask }) => {
    while (running()) {
      await count(ask);
      await pause(50);
    }
  });
  const onNew = (async () => {
    while (running()) {
      const fresh = sessionTo(port, caller, id('service'));
      await count(fresh.ask);
      fresh.session.close();
      await pause(25);
    }
  })();

  const { realm } = server;
  const issueFrom = (issuing_ca: string): void =>
    server.service.reconfigure({ ...realm.config, clusters: realm.config.clusters.map((cluster) => ({ ...cluster, issuing_ca })) });
  issueFrom('node-issuing');
  await createCa(realm, { name: 'node-root-2' });
  await createCa(realm, { name: 'node-issuing-2', parent: 'node-root-2' });
  const rest = { grace: undefined, reason: undefined, sharedAnchorReason: undefined, pems: [], expires: parseDuration('1y') as Seconds };
  await publishTrust(realm, { purpose: 'node-cert-lifecycle', cas: ['node-root', 'node-root-2'], ...rest });
  await activateTrust(realm, { purpose: 'node-cert-lifecycle', version: 2 });
  const before = [service.current(), caller.current()] as const;
  for (const directory of [serverPlace, clientPlace]) await renewNode(world, { directory });
  await changed(service, before[0].fingerprint);
  await changed(caller, before[1].fingerprint);
  expect(service.current().trust['node-cert-lifecycle'].split('BEGIN').length).toBe(3);
  // From here on another authority issues.
  issueFrom('node-issuing-2');
  const second = [service.current(), caller.current()] as const;
  for (const directory of [clientPlace, serverPlace]) await renewNode(world, { directory });
  await changed(service, second[0].fingerprint);
  await changed(caller, second[1].fingerprint);
  await pause(200);
  done.abort();
  await Promise.all([...onOpen, onNew]);
  issueFrom('node-issuing');

  expect(counts.failed).toBe(0);
  expect(counts.answered).toBeGreaterThan(200);
  expect(sessions.every(({ session }) => !session.closed)).toBe(true);
  const fresh = sessionTo(port, caller, id('service'));
  await fresh.ask();
  const issuer = (fresh.session.socket as TLSSocket).getPeerX509Certificate()?.issuer ?? '';
  expect(issuer).toContain('node-issuing-2');
});

test('a server that is another node than the one that was meant is refused, and a client under another authority too', async () => {
  const source = await sourceOf(await joined('one'));
  const listener = createTlsServer(source.listenerOptions(), (socket) => void socket.on('error', () => undefined).end('hello'));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  open.push(() => void listener.close());
  const connected = async (peer: string | ((spiffeId: string) => boolean)): Promise<string> => {
    const socket = tlsConnect({ ...source.connectOptions({ peer }), port: portOf(listener), host: '127.0.0.1' });
    open.push(() => void socket.destroy());
    return Promise.race([
      once(socket, 'secureConnect').then(() => 'accepted'),
      once(socket, 'error').then(([error]) => (error as JoineryError).code),
    ]).catch((error: JoineryError) => error.code);
  };
  expect(await connected(id('one'))).toBe('accepted');
  expect(await connected((spiffeId) => spiffeId.startsWith('spiffe://control.example.internal/prod/'))).toBe('accepted');
  expect(await connected(id('other'))).toBe('ERR_PIN_PATH');
  expect(await connected(() => false)).toBe('ERR_PIN_PATH');
  // Under the anchors of the control plane no node is anything.
  const wrong = tlsConnect({
    ...source.connectOptions({ purpose: 'control-plane-https', peer: id('one') }),
    port: portOf(listener),
    host: '127.0.0.1',
  });
  open.push(() => void wrong.destroy());
  const [error] = (await once(wrong, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toMatch(/SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_/);
});

test('an agent of node:https makes new connections under what is current, and keeps those that are at work', async () => {
  const directory = await joined('agent-node');
  const source = await sourceOf(directory);
  const seen: string[] = [];
  const listener = createHttpsServer(source.listenerOptions(), (incoming, response) => {
    seen.push((incoming.socket as TLSSocket).getPeerX509Certificate()?.serialNumber ?? '');
    response.end('ok');
  });
  source.attach(listener, { more: { ciphers: 'TLS_AES_256_GCM_SHA384' } });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const agent: Agent = source.agent({ peer: id('agent-node') });
  open.push(() => {
    agent.destroy();
    listener.closeAllConnections();
    listener.close();
  });
  const ask = async (): Promise<void> => {
    const outgoing = httpsRequest({ agent, host: '127.0.0.1', port: portOf(listener) });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream];
    response.resume();
    await once(response, 'end');
  };
  await ask();
  await ask();
  const before = source.current().fingerprint;
  await renewNode(world, { directory });
  await source.refresh();
  expect(source.current().fingerprint).not.toBe(before);
  await ask();
  expect(seen.length).toBe(3);
  expect(seen[0]).toBe(seen[1]);
  expect(seen[2]).not.toBe(seen[0]);
});

test('a directory without an identity is refused, and one that breaks later keeps the last good identity', async () => {
  const { directory, remove } = nodePlace();
  open.push(remove);
  await expect(identitySource({ directory })).rejects.toMatchObject({ code: 'ERR_NODE_NOT_JOINED' });
  const place = await joined('breaking');
  const failures: unknown[] = [];
  const source = await identitySource({ directory: place, pollMs: 10, onFailure: (error) => failures.push(error) });
  open.push(() => source.close());
  const { fingerprint } = source.current();
  await world.switches.point(`${place}/identity/current`, 'gen-99');
  await vi.waitFor(() => expect(failures.length).toBeGreaterThan(0), { timeout: 5000 });
  expect(failures[0]).toMatchObject({ code: 'ERR_NODE_DIRECTORY' });
  expect(source.current().fingerprint).toBe(fingerprint);
});
