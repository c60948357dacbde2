/** Metrics by prom-client, in a registry of their own. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Labels, Metrics, MetricSpec } from '../core/telemetry.ts';

export interface PrometheusOptions {
  /** Also measure the process itself (`joinery_process_*`, `joinery_nodejs_*`). */
  readonly process?: boolean;
}

/** The library names three gauges like counters, which Prometheus' linter refuses; `joinery_nodejs_active_*` without the ending say the same, by type. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `joinery_nodejs_active_${what}_total`);

function measureProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry, prefix: 'joinery_' });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}

export function prometheusMetrics({ process = false }: PrometheusOptions = {}): Metrics {
  const registry = new Registry();
  if (process) measureProcess(registry);
  const configuration = ({ name, help, labels = [] }: MetricSpec) => ({ name, help, labelNames: [...labels], registers: [registry] });
  return {
    counter(spec) {
      const counter = new Counter(configuration(spec));
      return (labels: Labels, by = 1) => counter.inc(labels, by);
    },
    histogram(spec) {
      const histogram = new Histogram({ ...configuration(spec), buckets: [...spec.buckets] });
      return (labels, value) => histogram.observe(labels, value);
    },
    gauge(spec) {
      const gauge = new Gauge(configuration(spec));
      return (values) => {
        gauge.reset();
        for (const { labels, value } of values) gauge.set(labels, value);
      };
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
