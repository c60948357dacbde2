/** The metrics of a server, by name: docs/reference/metrics.md says the same, and a test keeps the two equal. */
import type { Metrics } from '../core/telemetry.ts';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Values of a label that comes from the configuration: what is over it is counted as `other`. */
export const LABEL_VALUES = 200;

const OUTCOME_LABELS = ['result', 'reason', 'transport'] as const;

export function instrumentsOf(metrics: Metrics) {
  const outcomes = (name: string, help: string) =>
    metrics.counter({ name: `joinery_bootstrap_${name}_total`, help, labels: OUTCOME_LABELS });
  return {
    attempts: outcomes('attempts', 'Joins and enrollments that were asked for, by result, error code and transport.'),
    renewals: outcomes('renewals', 'Renewals that were asked for.'),
    revocations: outcomes('revocations', 'Revocations that were asked for remotely.'),
    mints: outcomes('mints', 'Join tokens that were asked for remotely.'),
    reports: outcomes('reports', 'Trust reports of nodes.'),
    issued: metrics.counter({
      name: 'joinery_bootstrap_issued_total',
      help: 'Certificates that were issued to nodes, by cluster and operation.',
      labels: ['cluster', 'operation'],
    }),
    stepSeconds: metrics.histogram({
      name: 'joinery_bootstrap_step_seconds',
      help: 'Time of each step of a request: verify, policy, sign, commit.',
      labels: ['operation', 'step'],
      buckets: SECONDS,
    }),
    seconds: metrics.histogram({
      name: 'joinery_bootstrap_seconds',
      help: 'Time from a parsed request to its outcome.',
      labels: ['operation', 'result'],
      buckets: SECONDS,
    }),
    policyReloads: metrics.counter({
      name: 'joinery_bootstrap_policy_reload_total',
      help: 'Policies that were loaded again, for each cluster: ok, unchanged, failed.',
      labels: ['result'],
    }),
    alerts: metrics.counter({ name: 'joinery_alerts_total', help: 'Alerts that were raised.', labels: ['kind'] }),
    alertDeliveries: metrics.counter({
      name: 'joinery_alert_deliveries_total',
      help: 'What became of alerts: sent, failed, or suppressed as a repetition.',
      labels: ['result'],
    }),
    requests: metrics.counter({
      name: 'joinery_requests_total',
      help: 'Answered requests by route and HTTP status.',
      labels: ['transport', 'route', 'status'],
    }),
    requestSeconds: metrics.histogram({
      name: 'joinery_request_seconds',
      help: 'Time from a whole request to its answer.',
      labels: ['route'],
      buckets: SECONDS,
    }),
  };
}

export type Instruments = ReturnType<typeof instrumentsOf>;

export function gaugesOf(metrics: Metrics) {
  return {
    connections: metrics.gauge({ name: 'joinery_connections', help: 'Open connections.' }),
    requests: metrics.gauge({ name: 'joinery_requests_in_flight', help: 'Requests that are being answered.' }),
    expiries: metrics.gauge({
      name: 'joinery_certificate_expiry_timestamp_seconds',
      help: 'When the certificates of the server and of the authorities end, in Unix time.',
      labels: ['kind', 'name'],
    }),
    manifests: metrics.gauge({
      name: 'joinery_trust_manifest_expiry_timestamp_seconds',
      help: 'When the active trust manifest of each purpose expires, in Unix time.',
      labels: ['purpose'],
    }),
    activeVersion: metrics.gauge({
      name: 'joinery_trust_active_version',
      help: 'The active trust bundle version of each purpose.',
      labels: ['purpose'],
    }),
    trustVersions: metrics.gauge({
      name: 'joinery_trust_version_nodes',
      help: 'Nodes by the trust bundle version that they last reported.',
      labels: ['purpose', 'version'],
    }),
    nodes: metrics.gauge({ name: 'joinery_nodes', help: 'Nodes with a valid certificate.', labels: ['cluster'] }),
    soonest: metrics.gauge({
      name: 'joinery_node_certificate_soonest_expiry_timestamp_seconds',
      help: 'When the first of the valid node certificates of a cluster ends, in Unix time.',
      labels: ['cluster'],
    }),
  };
}

export type Gauges = ReturnType<typeof gaugesOf>;

export type BoundedLabel = (value: string) => string;

/** The first values stay what they are, all others become `other`: the number of time series has an end. */
export function boundedLabel(): BoundedLabel {
  const known = new Set<string>();
  return (value) => {
    if (known.size < LABEL_VALUES) known.add(value);
    return known.has(value) ? value : 'other';
  };
}
