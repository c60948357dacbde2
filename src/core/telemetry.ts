/** What telemetry needs from the world: a log, metrics, and somebody to alert. */
import type { JsonObject, JsonValue } from './canonical-json.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Writes one JSON line; what looks like a secret is replaced on the way. Never throws. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: JsonObject): void;
}

export type Labels = Readonly<Record<string, string>>;

export interface MetricSpec {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface HistogramSpec extends MetricSpec {
  /** Upper bounds, rising. */
  readonly buckets: readonly number[];
}

export interface Metrics {
  counter(spec: MetricSpec): (labels: Labels, by?: number) => void;
  histogram(spec: HistogramSpec): (labels: Labels, value: number) => void;
  /** @returns a function that replaces every value of the gauge. */
  gauge(spec: MetricSpec): (values: readonly GaugeValue[]) => void;
  /** All of them in Prometheus' text format. */
  text(): Promise<string>;
  readonly contentType: string;
}

export interface GaugeValue {
  readonly labels: Labels;
  readonly value: number;
}

/** `joinery/alert/1`: what a program or a webhook is given. */
export interface AlertMessage extends JsonObject {
  readonly schema: 'joinery/alert/1';
  readonly kind: string;
  readonly time: string;
  readonly environment: string;
  readonly summary: string;
  /** Alerts of the same kind and subject since the last one that was sent, which nobody was told of. */
  readonly suppressed: number;
  readonly details: { readonly [member: string]: JsonValue | undefined };
}

/** Delivers one alert, or throws. */
export type AlertSink = (message: AlertMessage) => Promise<void>;
