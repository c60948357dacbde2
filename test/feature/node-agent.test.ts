/** `node agent` as a process, with a real server over TLS: signals, hooks, files, and what systemd is told. */
import { spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { SpiffeWorkloadAPI, type X509SVIDResponse } from '../../src/proto/gen/spiffe/workload_pb.ts';
import { identitySource } from '../../src/identity-source.ts';
import { runCli } from '../cli/harness.ts';
import { joineryCommand } from '../fakes/joinery-command.ts';
import { joinedNode, type JoinServer, nodePlace } from '../fakes/join-server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

const place = nodePlace();
let server: JoinServer;
beforeAll(async () => {
  server = await joinedNode(place.directory);
});
afterAll(async () => {
  await server.close();
  place.remove();
});

const HEADER = { headers: { 'workload.spiffe.io': 'true' } };

/** As a SPIFFE library does it: gRPC without TLS on a Unix socket. */
function workloadClient(socket: string) {
  const nodeOptions = { createConnection: () => connect(socket) };
  return createClient(SpiffeWorkloadAPI, createGrpcTransport({ baseUrl: 'http://localhost', nodeOptions }));
}

/** The next identity of a stream; its key is the one of its certificate, under the bundle beside it. */
async function svidOf(stream: AsyncIterator<X509SVIDResponse>): Promise<X509Certificate> {
  const [svid] = ((await stream.next()) as IteratorYieldResult<X509SVIDResponse>).value.svids;
  const certificate = new X509Certificate(svid?.x509Svid as Uint8Array);
  const key = createPrivateKey({ key: Buffer.from(svid?.x509SvidKey as Uint8Array), format: 'der', type: 'pkcs8' });
  expect(certificate.checkPrivateKey(key)).toBe(true);
  expect(svid?.spiffeId).toBe(certificate.subjectAltName?.replace('URI:', ''));
  return certificate;
}

const generation = (): string => readlinkSync(join(place.directory, 'identity/current'));
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 20_000, interval: 50 });

test('renews at SIGHUP, runs its hooks once, tells its manager, and ends at SIGTERM with status 0', async () => {
  const parent = dirname(place.directory);
  const tool = (name: string, body: string): string => {
    mkdirSync(join(parent, 'bin'), { recursive: true });
    const path = join(parent, 'bin', name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const told = join(parent, 'told');
  const notices = join(parent, 'notices');
  writeFileSync(join(place.directory, 'reload.conf'), `command ${tool('tell', `echo "$1" >> ${told}`)}\n`);
  tool('systemd-notify', `echo "$1" >> ${notices}`);
  const metrics = join(parent, 'joinery.prom');
  const [socket, other] = [join(parent, 'workload/api.sock'), join(parent, 'other/api.sock')];
  const sockets = [socket, other].flatMap((path) => ['--workload-api', `unix:${path}`]);
  const options = ['--directory', place.directory, '--metrics-file', metrics, ...sockets, '--json'];
  const [program, ...first] = joineryCommand('sources');
  const child = spawn(program, [...first, 'node', 'agent', ...options], {
    env: { PATH: `${join(parent, 'bin')}:${process.env['PATH']}`, HOME: parent, NOTIFY_SOCKET: join(parent, 'no-socket') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let log = '';
  child.stdout.on('data', (chunk) => (out += String(chunk)));
  child.stderr.on('data', (chunk) => (log += String(chunk)));
  const ended = once(child, 'exit');
  try {
    await eventually(() => expect(readFileSync(notices, 'utf8')).toContain('READY=1'));
    expect(generation()).toBe('gen-1');
    const workload = workloadClient(socket);
    const svids = workload.fetchX509SVID({}, HEADER)[Symbol.asyncIterator]();
    const bundles = workload.fetchX509Bundles({}, HEADER)[Symbol.asyncIterator]();
    const before = await svidOf(svids);
    expect(before.subjectAltName).toContain('spiffe://control.example.internal/prod/worker/n1');
    const [domain, anchors] = Object.entries(((await bundles.next()).value as { bundles: Record<string, Uint8Array> }).bundles)[0] ?? [];
    expect(domain).toBe('spiffe://control.example.internal');
    expect(new X509Certificate(anchors as Uint8Array).ca).toBe(true);
    const source = await identitySource({ workloadApi: `unix:${socket}` });
    const shown = (): string => new X509Certificate(source.current().certificates).serialNumber;
    expect(shown()).toBe(before.serialNumber);
    child.kill('SIGHUP');
    await eventually(() => expect(generation()).toBe('gen-2'));
    // On the stream that is open.
    const after = await svidOf(svids);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    await eventually(() => expect(shown()).toBe(after.serialNumber));
    source.close();
    // And for commands: without a file of the node.
    const trust = ['--url', server.url, '--pin', server.pin, '--workload-api', `unix:${socket}`];
    expect((await runCli(['remote', 'peers', ...trust, '--json'])).json()).toMatchObject({ ok: true, data: { cluster: 'prod' } });
    const beside = workloadClient(other).fetchX509SVID({}, HEADER)[Symbol.asyncIterator]();
    expect((await svidOf(beside)).serialNumber).toBe(after.serialNumber);
    await eventually(() =>
      expect(readFileSync(told, 'utf8').trim().split('\n')).toEqual(
        ['gen-1', 'gen-2'].map((name) => join(place.directory, 'identity', name)),
      ),
    );
    await eventually(() => expect(readFileSync(metrics, 'utf8')).toContain('joinery_agent_renewals_total 1\n'));
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  } finally {
    child.kill('SIGKILL');
  }
  expect(JSON.parse(out)).toMatchObject({ ok: true, data: { signal: 'SIGTERM' } });
  expect(readFileSync(notices, 'utf8')).toContain('STOPPING=1');
  expect(log).toContain('renewed');
  expect(existsSync(join(place.directory, 'pending/node.key'))).toBe(false);
});
