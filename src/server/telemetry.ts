/** What a server tells of itself: one log line and some metrics for every outcome, and alerts (docs/reference/metrics.md, logging.md). */
import type { JoinAlert, JoinObserver, JoinOutcome } from '../app/join-peer.ts';
import type { PolicyReload } from '../app/load-policy.ts';
import type { TelemetrySnapshot } from '../app/telemetry-snapshot.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import type { Clock } from '../core/ports.ts';
import type { AlertSink, GaugeValue, Logger, LogLevel, Metrics } from '../core/telemetry.ts';
import { type Alerts, createAlerts } from './alerts.ts';
import { type BoundedLabel, boundedLabel, type Gauges, gaugesOf, type Instruments, instrumentsOf, LABEL_VALUES } from './instruments.ts';

export interface TelemetryOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Name of the environment, for alerts. */
  readonly environment: string;
  /** Whom alerts are sent to; without one they are logged and counted only. */
  readonly alerts?: AlertSink | undefined;
}

/** One answered request, of whatever kind. */
export interface ServedRequest {
  readonly transport: 'rest' | 'grpc';
  /** Name of the route, from a closed list: never a path that a peer chose. */
  readonly route: string;
  /** HTTP status. */
  readonly status: number;
  readonly seconds: number;
}

export interface Telemetry extends JoinObserver {
  readonly logger: Logger;
  /** To be called with the result of every reload of policies. */
  policyReloads(reloads: readonly PolicyReload[]): void;
  request(served: ServedRequest): void;
  /** Open connections and requests under way, now. */
  load(load: { readonly connections: number; readonly requests: number }): void;
  snapshot(snapshot: TelemetrySnapshot): void;
  /** Prometheus' text format. */
  metricsText(): Promise<string>;
  readonly metricsType: string;
  /** Waits until alerts that were raised are sent, or have failed. */
  idle(): Promise<void>;
}

const STEPS = ['verify', 'policy', 'sign', 'commit'] as const;

export function createTelemetry({ metrics, logger, clock, environment, alerts: sink }: TelemetryOptions): Telemetry {
  const instruments = instrumentsOf(metrics);
  const gauges = gaugesOf(metrics);
  const clusters = boundedLabel();
  const alerts: Alerts | undefined =
    sink && createAlerts({ sink, clock, logger, environment, delivered: (result) => instruments.alertDeliveries({ result }) });
  return {
    logger,
    outcome(event) {
      count(instruments, event, clusters);
      logger.log(LEVELS[event.result], `${event.operation} ${event.result}`, fieldsOf(event));
    },
    alert(alert) {
      instruments.alerts({ kind: alert.kind });
      logger.log('warn', `alert ${alert.kind}`, alertFields(alert));
      alerts?.raise(alert);
    },
    policyReloads(reloads) {
      for (const { result, cluster, reason, message, version } of reloads) {
        instruments.policyReloads({ result });
        if (result === 'failed') logger.log('error', 'policy reload failed', { cluster, reason, detail: message, version });
        else if (result === 'ok') logger.log('info', 'policy reload ok', { cluster, version });
      }
    },
    request({ transport, route, status, seconds }) {
      instruments.requests({ transport, route, status: String(status) });
      instruments.requestSeconds({ route }, seconds);
    },
    load({ connections, requests }) {
      gauges.connections([{ labels: {}, value: connections }]);
      gauges.requests([{ labels: {}, value: requests }]);
    },
    snapshot: (snapshot) => show(gauges, snapshot, clusters),
    metricsText: () => metrics.text(),
    metricsType: metrics.contentType,
    idle: () => alerts?.idle() ?? Promise.resolve(),
  };
}

const LEVELS: Readonly<Record<JoinOutcome['result'], LogLevel>> = {
  accepted: 'info',
  'same-request': 'info',
  refused: 'warn',
  failed: 'error',
};

function count(
  instruments: Instruments,
  { operation, result, reason, transport, cluster, seconds }: JoinOutcome,
  clusters: BoundedLabel,
): void {
  const counters = {
    join: instruments.attempts,
    enroll: instruments.attempts,
    renew: instruments.renewals,
    revoke: instruments.revocations,
    mint: instruments.mints,
    report: instruments.reports,
  };
  counters[operation]({ result, reason, transport });
  if (result === 'accepted' && (operation === 'join' || operation === 'enroll' || operation === 'renew'))
    instruments.issued({ cluster: clusters(cluster ?? 'unknown'), operation });
  for (const step of STEPS) {
    const taken = seconds[step];
    if (taken !== undefined) instruments.stepSeconds({ operation, step }, taken);
  }
  instruments.seconds({ operation, result }, seconds.total);
}

function show(gauges: Gauges, snapshot: TelemetrySnapshot, clusters: BoundedLabel): void {
  const { expiries, manifests, trustVersions, nodes } = snapshot;
  gauges.expiries(expiries.slice(0, LABEL_VALUES).map(({ kind, name, notAfter }) => ({ labels: { kind, name }, value: notAfter })));
  gauges.manifests(manifests.map(({ purpose, expiresAt }) => ({ labels: { purpose }, value: expiresAt })));
  gauges.activeVersion(manifests.map(({ purpose, version }) => ({ labels: { purpose }, value: version })));
  gauges.trustVersions(
    trustVersions.slice(0, LABEL_VALUES).map(({ purpose, version, nodes }) => ({ labels: { purpose, version }, value: nodes })),
  );
  const byCluster = nodes.filter(({ cluster }) => clusters(cluster) === cluster);
  gauges.nodes(byCluster.map(({ cluster, nodes }) => ({ labels: { cluster }, value: nodes })));
  gauges.soonest(
    byCluster.flatMap(({ cluster, soonestExpiry }): GaugeValue[] =>
      soonestExpiry === undefined ? [] : [{ labels: { cluster }, value: soonestExpiry }],
    ),
  );
}

function fieldsOf({
  operation,
  result,
  reason,
  transport,
  cluster,
  node,
  address,
  seconds,
  authenticated,
  correlationId,
  subject,
}: JoinOutcome): JsonObject {
  return {
    correlation_id: correlationId,
    operation,
    result,
    reason,
    transport,
    cluster,
    node,
    subject,
    address,
    authenticated,
    seconds: { ...seconds },
  };
}

function alertFields({ kind, reason, transport, address, correlationId, cluster, node, subject, count }: JoinAlert): JsonObject {
  return { correlation_id: correlationId, kind, reason, transport, address, cluster, node, subject, count };
}
