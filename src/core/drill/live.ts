/** What a drill against running servers can show with a canary: which steps, which measures, and what is left of a document. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import type { DrillEvent } from './log.ts';
import { type Metric, parseScenario, type Scenario, STEP_KINDS, type StepKind, stepsOf } from './scenario.ts';

/** What a canary can do without harm to anybody. */
export const LIVE_STEPS = [
  'compromise',
  'use-copied-key',
  'revoke-nodes',
  'mint-token',
  'join',
  'revoke-token',
  'note',
] as const satisfies readonly StepKind[];

/** What is seen from outside of the servers, with one healthy node beside the canary. */
export const LIVE_METRICS: readonly Metric[] = [
  'evict_p50',
  'evict_p99',
  'evict_max',
  'uninformed',
  'cut_off_peak',
  'stranded',
  'intrusions',
  'intrusions_after',
  'detection',
  'alerts',
];

/** Healthy node and canary. */
export const LIVE_NODES = 2;

/**
 * The document with the objectives that can be seen, for the log: the others are the rehearsal's.
 * @throws ERR_DRILL_LIVE for a step that a canary cannot take, or without an objective; ERR_DRILL_MALFORMED
 */
export function liveScenario(document: JsonObject, what: string): { readonly document: JsonObject; readonly scenario: Scenario } {
  const planned = parseScenario(document, what);
  const beyond = stepsOf(planned).find(({ do: kind }) => !(LIVE_STEPS as readonly StepKind[]).includes(kind));
  if (beyond !== undefined) {
    throw new JoineryError(
      'ERR_DRILL_LIVE',
      `${what}: expected steps that a canary can take, found ${beyond.do}: ${STEP_KINDS[beyond.do]}`,
      {
        hint: `with --live: ${LIVE_STEPS.join(', ')}; rehearse the others in simulation`,
      },
    );
  }
  const objectives = planned.objectives.filter(({ metric }) => LIVE_METRICS.includes(metric));
  if (objectives.length === 0) {
    throw new JoineryError('ERR_DRILL_LIVE', `${what}: expected an objective that can be seen from outside, found none`, {
      hint: `with --live: ${LIVE_METRICS.join(', ')}`,
    });
  }
  const given = document['objectives'] as readonly JsonObject[];
  const kept = given.filter(({ metric }) => LIVE_METRICS.includes(metric as Metric));
  return { document: { ...document, objectives: kept as JsonValue }, scenario: { ...planned, objectives } };
}

/** Longest time in seconds that the objectives give an eviction; what takes longer is not waited for. */
export function evictionLimit({ objectives }: Scenario): number {
  const limits = objectives.flatMap(({ metric, at_most: limit }) => (metric.startsWith('evict') && limit !== undefined ? [limit] : []));
  return limits.length === 0 ? 60 : Math.max(...limits);
}

/** What is counted while a live drill runs. Seconds since its beginning. */
export interface LiveCount {
  /** For each server that refused a revoked canary: how long after the revocation, in milliseconds. */
  readonly evictions: readonly number[];
  /** Servers that did not within the limit. */
  readonly uninformed: number;
  readonly revoked: boolean;
  /** The healthy node was refused, at any moment and at the end. */
  readonly cutOff: boolean;
  readonly stranded: boolean;
  readonly intrusions: number;
  readonly intrusionsAfter: number;
  readonly alerts: number;
  readonly detection: number | undefined;
}

/** The end of the log. Milliseconds become the next whole second. */
export function liveEnd(t: number, count: LiveCount): DrillEvent {
  const times = count.evictions.map((ms) => Math.ceil(ms / 1000)).sort((a, b) => a - b);
  const quantile = (share: number): number | undefined => times[Math.ceil(times.length * share) - 1];
  const metrics: Partial<Record<Metric, number | undefined>> = {
    ...(count.revoked && {
      evict_p50: quantile(0.5),
      evict_p99: quantile(0.99),
      evict_max: times.at(-1),
      uninformed: count.uninformed,
    }),
    cut_off_peak: Number(count.cutOff),
    stranded: Number(count.stranded),
    intrusions: count.intrusions,
    intrusions_after: count.intrusionsAfter,
    detection: count.detection,
    alerts: count.alerts,
  };
  const measured = (Object.entries(metrics) as [Metric, number | undefined][]).flatMap(([metric, value]) =>
    value === undefined ? [] : [{ metric, value }],
  );
  return { kind: 'end', t, metrics: measured };
}
