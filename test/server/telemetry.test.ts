import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { jsonLogger } from '../../src/adapters/logger.ts';
import { prometheusMetrics } from '../../src/adapters/metrics.ts';
import type { JoinAlert, JoinOutcome } from '../../src/app/join-peer.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { AlertMessage, AlertSink } from '../../src/core/telemetry.ts';
import { instant } from '../../src/core/time.ts';
import { createTelemetry, type Telemetry } from '../../src/server/telemetry.ts';
import { fakeClock } from '../fakes/clock.ts';

const OUTCOME: JoinOutcome = {
  operation: 'join',
  result: 'accepted',
  reason: 'none',
  transport: 'rest',
  cluster: 'prod',
  node: 'n-1',
  address: '192.0.2.1',
  seconds: { verify: 0.001, policy: 0.0002, sign: 0.0004, commit: 0.002, total: 0.004 },
  authenticated: true,
  correlationId: 'c-1',
  subject: 'id-1',
};

let clock: ReturnType<typeof fakeClock>;
let lines: Record<string, unknown>[];
let sent: AlertMessage[];
let telemetry: Telemetry;

function open(sink?: AlertSink): Telemetry {
  lines = [];
  clock = fakeClock();
  const logger = jsonLogger({ stream: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) } });
  return createTelemetry({ metrics: prometheusMetrics(), logger, clock, environment: 'control', alerts: sink });
}

beforeEach(() => {
  sent = [];
  telemetry = open((message) => {
    sent.push(message);
    return Promise.resolve();
  });
});

const metric = async (name: string): Promise<readonly string[]> =>
  (await telemetry.metricsText()).split('\n').filter((line) => line.startsWith(name));

describe('outcomes', () => {
  test('an accepted join is one attempt, one certificate, its steps, and one line', async () => {
    telemetry.outcome(OUTCOME);
    expect(await metric('joinery_bootstrap_attempts_total')).toEqual([
      'joinery_bootstrap_attempts_total{result="accepted",reason="none",transport="rest"} 1',
    ]);
    expect(await metric('joinery_bootstrap_issued_total')).toEqual(['joinery_bootstrap_issued_total{cluster="prod",operation="join"} 1']);
    expect(await metric('joinery_bootstrap_step_seconds_count')).toHaveLength(4);
    expect(await metric('joinery_bootstrap_seconds_sum')).toEqual([
      'joinery_bootstrap_seconds_sum{operation="join",result="accepted"} 0.004',
    ]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'info',
      service: 'joinery',
      msg: 'join accepted',
      correlation_id: 'c-1',
      subject: 'id-1',
      cluster: 'prod',
      node: 'n-1',
      address: '192.0.2.1',
      authenticated: true,
    });
    expect(lines[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test('each operation has its own counter, and only what was issued counts as issued', async () => {
    const refused = { ...OUTCOME, result: 'refused', reason: 'ERR_POLICY_DENIED', seconds: { total: 0.001 } } as const;
    telemetry.outcome(refused);
    telemetry.outcome({ ...OUTCOME, operation: 'enroll', transport: 'gastrolog', cluster: undefined } as unknown as JoinOutcome);
    telemetry.outcome({ ...OUTCOME, operation: 'renew', result: 'same-request' });
    telemetry.outcome({ ...OUTCOME, operation: 'revoke' });
    telemetry.outcome({ ...OUTCOME, operation: 'mint' });
    telemetry.outcome({ ...OUTCOME, operation: 'report', result: 'failed', reason: 'ERR_INTERNAL' });
    expect(await metric('joinery_bootstrap_attempts_total')).toEqual([
      'joinery_bootstrap_attempts_total{result="refused",reason="ERR_POLICY_DENIED",transport="rest"} 1',
      'joinery_bootstrap_attempts_total{result="accepted",reason="none",transport="gastrolog"} 1',
    ]);
    expect(await metric('joinery_bootstrap_issued_total')).toEqual([
      'joinery_bootstrap_issued_total{cluster="unknown",operation="enroll"} 1',
    ]);
    for (const name of ['renewals', 'revocations', 'mints', 'reports'])
      expect(await metric(`joinery_bootstrap_${name}_total`)).toHaveLength(1);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info', 'info', 'info', 'info', 'error']);
  });

  test('clusters beyond the bound of the label are counted as other', async () => {
    for (let index = 0; index < 205; index++) telemetry.outcome({ ...OUTCOME, cluster: `c-${index}` });
    const series = await metric('joinery_bootstrap_issued_total');
    expect(series).toHaveLength(201);
    expect(series.at(-1)).toBe('joinery_bootstrap_issued_total{cluster="other",operation="join"} 5');
  });
});

describe('requests, reloads and gauges', () => {
  test('counts requests by route and status', async () => {
    telemetry.request({ transport: 'rest', route: 'join', status: 200, seconds: 0.01 });
    expect(await metric('joinery_requests_total')).toEqual(['joinery_requests_total{transport="rest",route="join",status="200"} 1']);
    expect(await metric('joinery_request_seconds_count')).toEqual(['joinery_request_seconds_count{route="join"} 1']);
  });

  test('counts reloads of policies, and logs what changed or failed', async () => {
    telemetry.policyReloads([
      { cluster: 'a', result: 'ok', version: 2 },
      { cluster: 'b', result: 'unchanged', version: 1 },
      { cluster: 'c', result: 'failed', version: 1, reason: 'ERR_POLICY_MALFORMED', message: 'policy.yaml: wrong' },
    ]);
    expect(await metric('joinery_bootstrap_policy_reload_total')).toEqual([
      'joinery_bootstrap_policy_reload_total{result="ok"} 1',
      'joinery_bootstrap_policy_reload_total{result="unchanged"} 1',
      'joinery_bootstrap_policy_reload_total{result="failed"} 1',
    ]);
    expect(lines.map(({ msg }) => msg)).toEqual(['policy reload ok', 'policy reload failed']);
    expect(lines[1]).toMatchObject({ cluster: 'c', reason: 'ERR_POLICY_MALFORMED', detail: 'policy.yaml: wrong', level: 'error' });
  });

  test('shows the last snapshot, and nothing of the one before', async () => {
    const snapshot = {
      expiries: [{ kind: 'ca', name: 'root', notAfter: instant(2000000000) }],
      manifests: [{ purpose: 'control-plane-https', version: 3, expiresAt: instant(1900000000) }],
      trustVersions: [{ purpose: 'control-plane-https', version: '3', nodes: 7 }],
      nodes: [
        { cluster: 'prod', nodes: 7, soonestExpiry: instant(1800000000) },
        { cluster: 'edge', nodes: 0, soonestExpiry: undefined },
      ],
    } as const;
    telemetry.snapshot({ ...snapshot, expiries: [{ kind: 'server', name: 'gone', notAfter: instant(1) }] });
    telemetry.snapshot(snapshot);
    telemetry.load({ connections: 5, requests: 2 });
    const text = await telemetry.metricsText();
    expect(text).not.toContain('gone');
    for (const line of [
      'joinery_certificate_expiry_timestamp_seconds{kind="ca",name="root"} 2000000000',
      'joinery_trust_manifest_expiry_timestamp_seconds{purpose="control-plane-https"} 1900000000',
      'joinery_trust_active_version{purpose="control-plane-https"} 3',
      'joinery_trust_version_nodes{purpose="control-plane-https",version="3"} 7',
      'joinery_nodes{cluster="prod"} 7',
      'joinery_nodes{cluster="edge"} 0',
      'joinery_node_certificate_soonest_expiry_timestamp_seconds{cluster="prod"} 1800000000',
      'joinery_connections 5',
      'joinery_requests_in_flight 2',
    ])
      expect(text).toContain(`${line}\n`);
    expect(telemetry.metricsType).toContain('text/plain');
  });

  test('every metric is in the reference, and the reference has no other', async () => {
    telemetry.outcome(OUTCOME);
    const text = await telemetry.metricsText();
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string);
    const page = readFileSync(new URL('../../docs/reference/metrics.md', import.meta.url), 'utf8');
    const documented = [...page.matchAll(/^\| `(joinery_\w+)`/gm)].map(([, name]) => name as string);
    expect(documented.toSorted()).toEqual(names.toSorted());
  });
});

describe('alerts', () => {
  const alert: JoinAlert = {
    kind: 'replay',
    at: fakeClock().now(),
    reason: 'ERR_TOKEN_REPLAYED',
    transport: 'rest',
    address: '192.0.2.9',
    correlationId: 'c-9',
    subject: 'id-1',
  };

  test('tells once of one kind and subject, and says later what it kept back', async () => {
    telemetry.alert(alert);
    telemetry.alert(alert);
    telemetry.alert(alert);
    telemetry.alert({ ...alert, subject: 'id-2' });
    await telemetry.idle();
    expect(sent).toHaveLength(2);
    expect(sent[0]).toEqual({
      schema: 'joinery/alert/1',
      kind: 'replay',
      time: '2026-11-22T10:00:00Z',
      environment: 'control',
      summary: 'something that counts once was used again by another key',
      suppressed: 0,
      details: { reason: 'ERR_TOKEN_REPLAYED', transport: 'rest', address: '192.0.2.9', subject: 'id-1', correlation_id: 'c-9' },
    });
    clock.advance(301);
    telemetry.alert(alert);
    await telemetry.idle();
    expect(sent.at(-1)).toMatchObject({ suppressed: 2, details: { subject: 'id-1' } });
    expect(await metric('joinery_alerts_total')).toEqual(['joinery_alerts_total{kind="replay"} 5']);
    expect(await metric('joinery_alert_deliveries_total')).toEqual([
      'joinery_alert_deliveries_total{result="suppressed"} 2',
      'joinery_alert_deliveries_total{result="sent"} 3',
    ]);
  });

  test('tells of 30 in a minute at most, and forgets the oldest subjects', async () => {
    const { subject: _subject, ...anybody } = alert;
    telemetry.alert({ ...anybody, node: 'n-1' });
    telemetry.alert(anybody);
    for (let index = 0; index < 1100; index++) telemetry.alert({ ...alert, subject: `s-${index}` });
    await telemetry.idle();
    expect(sent).toHaveLength(30);
    clock.advance(60);
    telemetry.alert({ ...alert, subject: 's-1099' });
    telemetry.alert({ ...anybody, node: 'n-1' });
    await telemetry.idle();
    expect(sent.slice(30).map(({ suppressed }) => suppressed)).toEqual([1, 0]);
  });

  test('a sink that hangs holds a hundred alerts and no join', async () => {
    let release: () => void = () => undefined;
    const hang = new Promise<void>((resolve) => (release = resolve));
    telemetry = open(async (message) => {
      sent.push(message);
      await hang;
    });
    for (let minute = 0; minute < 5; minute++) {
      for (let index = 0; index < 30; index++) telemetry.alert({ ...alert, subject: `${minute}-${index}` });
      clock.advance(60);
    }
    release();
    await telemetry.idle();
    expect(sent).toHaveLength(100);
  });

  test('a sink that fails is logged, and the next alert goes out', async () => {
    const failures = [new JoineryError('ERR_ALERT_DELIVERY', 'https://hook.example: status 500'), new Error('secret inside')];
    telemetry = open(() => Promise.reject(failures.shift() as Error));
    telemetry.alert(alert);
    telemetry.alert({ ...alert, kind: 'refused-burst', count: 100 });
    await telemetry.idle();
    expect(await metric('joinery_alert_deliveries_total')).toEqual(['joinery_alert_deliveries_total{result="failed"} 2']);
    const failed = lines.filter(({ msg }) => msg === 'an alert could not be delivered');
    expect(failed.map(({ reason }) => reason)).toEqual(['https://hook.example: status 500', 'the sink failed']);
  });

  test('without a sink alerts are logged and counted', async () => {
    telemetry = open();
    telemetry.alert(alert);
    await telemetry.idle();
    expect(lines[0]).toMatchObject({ level: 'warn', msg: 'alert replay', subject: 'id-1', correlation_id: 'c-9' });
  });
});
