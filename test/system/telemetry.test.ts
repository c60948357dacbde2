/** Prometheus' own promtool on the metrics and the alert rules, and protoc on the generated code. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { jsonLogger } from '../../src/adapters/logger.ts';
import { prometheusMetrics } from '../../src/adapters/metrics.ts';
import type { JoinOperation } from '../../src/app/join-peer.ts';
import { instant } from '../../src/core/time.ts';
import { createTelemetry } from '../../src/server/telemetry.ts';
import { fakeClock } from '../fakes/clock.ts';
import { liveServer } from '../feature/live-server.ts';
import { clientOf, newNode, testRealm } from '../feature/server-world.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const rules = join(root, 'docs/alerts/joinery.rules.yml');

/** Every metric with at least one value. */
async function liveMetrics(): Promise<string> {
  const telemetry = createTelemetry({
    metrics: prometheusMetrics({ process: true }),
    logger: jsonLogger({ stream: { write: () => undefined } }),
    clock: fakeClock(),
    environment: 'control',
    alerts: () => Promise.resolve(),
  });
  const outcome = {
    result: 'accepted',
    reason: 'none',
    transport: 'grpc',
    cluster: 'prod',
    address: '::1',
    authenticated: true,
    correlationId: 'c',
  } as const;
  const operations: readonly JoinOperation[] = ['join', 'renew', 'enroll', 'revoke', 'mint', 'report'];
  for (const operation of operations) telemetry.outcome({ ...outcome, operation, seconds: { verify: 0.001, total: 0.01 } });
  telemetry.alert({
    kind: 'replay',
    at: fakeClock().now(),
    reason: 'ERR_TOKEN_REPLAYED',
    transport: 'rest',
    address: '::1',
    correlationId: 'c',
  });
  telemetry.policyReloads([{ cluster: 'prod', result: 'failed', version: 1 }]);
  telemetry.request({ transport: 'rest', route: '/v1/join', status: 200, seconds: 0.1 });
  telemetry.load({ connections: 1, requests: 1 });
  telemetry.snapshot({
    expiries: [{ kind: 'ca', name: 'root', notAfter: instant(2000000000) }],
    manifests: [{ purpose: 'control-plane-https', version: 1, expiresAt: instant(2000000000) }],
    trustVersions: [{ purpose: 'control-plane-https', version: '1', nodes: 2 }],
    nodes: [{ cluster: 'prod', nodes: 2, soonestExpiry: instant(2000000000) }],
  });
  await telemetry.idle();
  return telemetry.metricsText();
}

describe('promtool', () => {
  test('check metrics finds nothing wrong', async () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: await liveMetrics(), encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('check metrics finds nothing wrong with what a server answers after a join and a refusal', async () => {
    const realm = await testRealm();
    const server = await liveServer(realm);
    try {
      const client = clientOf(realm, server);
      const request = { token: await realm.mint(), csr: (await newNode()).csr };
      await client.join(request);
      await client.join({ ...request, token: 'none' }).catch(() => undefined);
      await expect.poll(() => server.metric('joinery_nodes', { cluster: 'prod' })).toBeGreaterThanOrEqual(0);
      const input = await (await fetch(`${server.adminUrl}/metrics`)).text();
      expect(input).toContain('joinery_bootstrap_issued_total{cluster="prod",operation="join"} 1');
      expect(input).toContain('joinery_certificate_expiry_timestamp_seconds{kind="server",name="web-issuing"}');
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
    } finally {
      await server.stop();
      realm.remove();
    }
  });

  test('check rules and test rules pass on the shipped alert rules', () => {
    expect(execFileSync('promtool', ['check', 'rules', rules], { encoding: 'utf8' })).toContain('SUCCESS');
    const tests = join(root, 'test/system/prometheus/joinery.rules.test.yml');
    expect(execFileSync('promtool', ['test', 'rules', tests], { encoding: 'utf8' })).toContain('SUCCESS');
  });

  test('each alert rule has a test, and rules and dashboard ask only for metrics that exist', async () => {
    const text = readFileSync(rules, 'utf8');
    const tested = readFileSync(join(root, 'test/system/prometheus/joinery.rules.test.yml'), 'utf8');
    for (const [, alert] of text.matchAll(/- alert: (\w+)/g)) expect(tested).toContain(`alertname: ${alert}`);
    const live = new Set([...(await liveMetrics()).matchAll(/^(joinery_\w+)/gm)].map(([, name]) => name));
    const dashboard = JSON.parse(readFileSync(join(root, 'docs/dashboards/joinery.json'), 'utf8')) as {
      readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
    };
    const asked = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
    for (const [name] of `${text.replaceAll(/^#.*$/gm, '')}\n${asked}`.matchAll(/joinery_\w+/g)) expect([...live]).toContain(name);
    expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length);
  });
});

describe('protoc', () => {
  test('makes the generated code that is in the repository', () => {
    const out = mkdtempSync(join(tmpdir(), 'joinery-proto-'));
    execFileSync(process.execPath, [join(root, 'bin/proto.js'), out]);
    const filesOf = (directory: string): readonly string[] =>
      readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(join(directory, name)).isFile())
        .toSorted();
    const committed = join(root, 'src/proto/gen');
    expect(filesOf(out)).toEqual(filesOf(committed));
    for (const name of filesOf(out)) expect(readFileSync(join(out, name), 'utf8')).toBe(readFileSync(join(committed, name), 'utf8'));
    rmSync(out, { recursive: true });
  });
});
