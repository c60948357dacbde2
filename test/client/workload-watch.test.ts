/** The identity of a Workload API: for commands, and for services that follow it on its open stream. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect, createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { systemTimer } from '../../src/adapters/timer.ts';
import { startWorkloadApi, type WorkloadApi } from '../../src/adapters/workload-api.ts';
import { openWorkload, workloadPath } from '../../src/adapters/workload-source.ts';
import { readSnapshot } from '../../src/client/identity-watch.ts';
import { joinNode } from '../../src/client/join-node.ts';
import { renewNode } from '../../src/client/renew-node.ts';
import { watchWorkload, workloadTransportIdentity, type WorkloadWorld } from '../../src/client/workload-watch.ts';
import type { Pin } from '../../src/core/digest.ts';
import { workloadIdentity, type WorkloadSvid } from '../../src/core/join/workload-identity.ts';
import { Secret } from '../../src/core/secret.ts';
import { identitySource } from '../../src/identity-source.ts';
import { runCli } from '../cli/harness.ts';
import { type JoinServer, joinServer, nodeClientWorld, nodePlace } from '../fakes/join-server.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const world = nodeClientWorld();
const place = nodePlace();
const { directory } = place;
let server: JoinServer;
let sockets: string;
let api: WorkloadApi | undefined;
beforeAll(async () => {
  sockets = mkdtempSync(join(tmpdir(), 'joinery-spiffe-'));
  server = await joinServer();
  const token = await server.mint({ node: 'n1', urls: [server.url], pins: [server.pin as Pin] });
  await joinNode(world, { directory, urls: [], pins: [], trustDigests: {}, token: () => Promise.resolve(new Secret(token)) });
});
afterAll(async () => {
  await server.close();
  place.remove();
  rmSync(sockets, { recursive: true, force: true });
});
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
  await api?.stop();
  api = undefined;
});

/** What `node agent --workload-api` does at each change. */
async function publish(): Promise<string> {
  const snapshot = await readSnapshot(world, directory);
  api?.publish(workloadIdentity({ ...snapshot, anchors: snapshot.trust['node-cert-lifecycle'] }));
  return snapshot.fingerprint;
}

let count = 0;
async function offer(): Promise<string> {
  const path = join(sockets, `own-${(count += 1)}`, 'api.sock');
  api = await startWorkloadApi(path);
  await publish();
  return path;
}

const ID = 'spiffe://control.example.internal/prod/worker/n1';

test('a service follows it through a renewal, on connections of its own and on listeners', async () => {
  const path = await offer();
  const source = await identitySource({ workloadApi: `unix:${path}` });
  open.push(() => source.close());
  const seen = source.current().fingerprint;
  const listener = createTlsServer(source.listenerOptions(), (socket) => socket.end(socket.getPeerX509Certificate()?.fingerprint256 ?? ''));
  open.push(() => listener.close());
  source.attach(listener);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const ask = async (): Promise<string> => {
    const socket = tlsConnect({
      port: (listener.address() as AddressInfo).port,
      host: '127.0.0.1',
      ...source.connectOptions({ peer: ID }),
    });
    let text = '';
    socket.on('data', (chunk) => (text += String(chunk)));
    await once(socket, 'close');
    return text.replaceAll(':', '').toLowerCase();
  };
  expect(await ask()).toBe(seen);
  const changes: string[] = [];
  source.onChange(({ fingerprint }) => changes.push(fingerprint));
  await renewNode(world, { directory });
  const next = await publish();
  await vi.waitFor(() => expect(source.current().fingerprint).toBe(next), { timeout: 5000, interval: 10 });
  expect(await ask()).toBe(next);
  expect((await source.refresh()).fingerprint).toBe(next);
  expect(changes).toEqual([next]);
  expect(() => source.connectOptions({ purpose: 'control-plane-https' })).toThrow(/anchors of, found control-plane-https/);
});

test('an agent that restarts is found again, and what was known stays in use', async () => {
  const path = await offer();
  const failures: unknown[] = [];
  const quick = { ...systemTimer, sleep: (_ms: number, signal?: AbortSignal) => systemTimer.sleep(20, signal, true) };
  const watch = await watchWorkload(
    { keys: portableKeys, random: systemRandom, timer: quick, openWorkload },
    { path, onFailure: (error) => failures.push(error) },
  );
  open.push(() => watch.close());
  const known = watch.current();
  await api?.stop();
  await vi.waitFor(() => expect(failures.length).toBeGreaterThan(1), { timeout: 5000 });
  expect(failures[0]).toMatchObject({ code: 'ERR_WORKLOAD_UNAVAILABLE' });
  expect(watch.current()).toBe(known);
  await renewNode(world, { directory });
  api = await startWorkloadApi(path);
  const next = await publish();
  await vi.waitFor(() => expect(watch.current().fingerprint).toBe(next), { timeout: 5000 });
});

const messages = (...given: readonly WorkloadSvid[]): WorkloadWorld['openWorkload'] =>
  async function* stream() {
    await Promise.resolve();
    yield* given;
  };
const given = async (): Promise<WorkloadSvid> => {
  const snapshot = await readSnapshot(world, directory);
  const { spiffeId, svid, key, bundle } = workloadIdentity({ ...snapshot, anchors: snapshot.trust['node-cert-lifecycle'] });
  return { spiffeId, x509Svid: svid, x509SvidKey: key, bundle };
};
const ports = { keys: portableKeys, random: systemRandom, timer: systemTimer };

test('nobody there, nothing to give, and a key that is another one', async () => {
  await expect(identitySource({ workloadApi: `unix:${join(sockets, 'none.sock')}` })).rejects.toMatchObject({
    code: 'ERR_WORKLOAD_UNAVAILABLE',
  });
  const path = await offer();
  api?.publish(undefined);
  await expect(identitySource({ workloadApi: `unix://${path}` })).rejects.toMatchObject({
    code: 'ERR_WORKLOAD_UNAVAILABLE',
    message: expect.stringMatching(/PermissionDenied: no identity issued/) as string,
  });
  await expect(identitySource({ workloadApi: 'api.sock' })).rejects.toMatchObject({ code: 'ERR_USAGE' });
  const key = await portableKeys.generate('p256').toPem(undefined);
  const stolen = { ...(await given()), x509SvidKey: Buffer.from(key.replaceAll(/-----.*-----|\s/g, ''), 'base64') };
  const asked = workloadTransportIdentity({ ...ports, openWorkload: messages(stolen) }, path);
  await expect(asked).rejects.toMatchObject({ code: 'ERR_WORKLOAD_MALFORMED' });
  const silent: WorkloadWorld['openWorkload'] = async function* silence() {
    await new Promise(() => undefined);
    yield* [];
  };
  const hasty = { ...systemTimer, sleep: () => Promise.resolve() };
  await expect(workloadTransportIdentity({ ...ports, timer: hasty, openWorkload: silent }, path)).rejects.toMatchObject({
    code: 'ERR_WORKLOAD_UNAVAILABLE',
    message: expect.stringMatching(/found none in time/) as string,
  });
});

test('the address is given, or the variable of SPIFFE has it', () => {
  expect(workloadPath('unix:/run/a.sock', {}, '--workload-api')).toBe('/run/a.sock');
  expect(workloadPath('env', { SPIFFE_ENDPOINT_SOCKET: 'unix:///run/b.sock' }, '--workload-api')).toBe('/run/b.sock');
  expect(() => workloadPath('env', {}, '--workload-api')).toThrow(/SPIFFE_ENDPOINT_SOCKET, found nothing/);
  expect(() => workloadPath('env', { SPIFFE_ENDPOINT_SOCKET: 'tcp://1.2.3.4:5' }, '--workload-api')).toThrow(
    /^SPIFFE_ENDPOINT_SOCKET: expected unix/,
  );
});

test('commands show its certificate: remote peers, and node renew for the identity of the directory', async () => {
  const path = await offer();
  const before = (await readSnapshot(world, directory)).fingerprint;
  const trust = ['--url', server.url, '--pin', server.pin];
  const peers = await runCli(['remote', 'peers', ...trust, '--workload-api', `unix:${path}`, '--json']);
  expect(peers.json()).toMatchObject({ ok: true, data: { cluster: 'prod' } });
  const env = { SPIFFE_ENDPOINT_SOCKET: `unix://${path}` };
  const again = await runCli(['remote', 'peers', ...trust, '--workload-api', 'env', '--json'], { env });
  expect(again.json().ok).toBe(true);
  const renewed = await runCli(['node', 'renew', '--directory', directory, '--workload-api', `unix:${path}`, '--json']);
  expect(renewed.json()).toMatchObject({ ok: true, data: { state: 'renewed', identity: ID } });
  expect((await readSnapshot(world, directory)).fingerprint).not.toBe(before);
  // That of another node is not shown: it would get the renewal of that one.
  const other = nodePlace();
  open.push(other.remove);
  const token = await server.mint({ node: 'n2', urls: [server.url], pins: [server.pin as Pin] });
  await joinNode(world, {
    directory: other.directory,
    urls: [],
    pins: [],
    trustDigests: {},
    token: () => Promise.resolve(new Secret(token)),
  });
  const refused = await runCli(['node', 'renew', '--directory', other.directory, '--workload-api', `unix:${path}`, '--json']);
  expect(refused.json()).toMatchObject({ ok: false, error: { code: 'ERR_REPLY_IDENTITY' } });
});
