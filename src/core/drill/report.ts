/** What a drill showed: a function of its log, and of nothing else. */
import type { JsonObject } from '../canonical-json.ts';
import { printableLine } from '../printable.ts';
import { formatDuration } from '../time.ts';
import type { AlertEvent, AttemptEvent, DrillLog, EndEvent, SampleEvent, StepEvent } from './log.ts';
import { type Metric, METRICS, type Objective } from './scenario.ts';

export interface JudgedObjective {
  readonly metric: Metric;
  readonly title: string;
  readonly relation: 'at most' | 'at least';
  readonly limit: number;
  /** undefined when it was not measured: then the objective is missed. */
  readonly value: number | undefined;
  readonly met: boolean;
}

/** An entry of the timeline: what was done, tried, or noticed. Equal ones in a row are one. */
export interface TimelineEntry {
  readonly t: number;
  readonly kind: 'step' | 'attempt' | 'alert';
  readonly text: string;
  /** For an attempt: whether it was accepted. */
  readonly accepted?: boolean;
  readonly note?: string;
  /** How often in a row. */
  readonly times: number;
}

export interface DrillReport {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly mode: 'simulate' | 'live';
  readonly seed: number;
  readonly nodes: number;
  readonly duration: number;
  /** Every objective was met. */
  readonly met: boolean;
  readonly objectives: readonly JudgedObjective[];
  readonly metrics: Readonly<Partial<Record<Metric, number>>>;
  /** None for a fleet without regions. */
  readonly regions: NonNullable<EndEvent['regions']>;
  /** Names of the first healthy nodes that need a hand, of an inventory. */
  readonly stranded: readonly string[];
  readonly timeline: readonly TimelineEntry[];
  readonly samples: readonly SampleEvent[];
}

export function drillReport({ begin, scenario, events, end }: DrillLog): DrillReport {
  const metrics = Object.fromEntries(end.metrics.map(({ metric, value }) => [metric, value])) as Partial<Record<Metric, number>>;
  const objectives = scenario.objectives.map((objective) => judge(objective, metrics[objective.metric], begin.nodes));
  return {
    name: scenario.name,
    title: printableLine(scenario.title),
    summary: printableLine(scenario.summary ?? ''),
    mode: begin.mode,
    seed: begin.seed,
    nodes: begin.nodes,
    // Live, steps follow each other at once.
    duration: begin.mode === 'live' ? Math.max(1, end.t) : scenario.duration,
    met: objectives.every(({ met }) => met),
    objectives,
    metrics,
    regions: end.regions ?? [],
    stranded: end.stranded ?? [],
    timeline: timelineOf(events.filter((event) => event.kind === 'step' || event.kind === 'attempt' || event.kind === 'alert')),
    samples: events.filter((event) => event.kind === 'sample'),
  };
}

function judge(objective: Objective, value: number | undefined, nodes: number): JudgedObjective {
  const { metric, at_most: most, at_least: least, at_most_percent: share } = objective;
  const base = { metric, title: METRICS[metric].title, value };
  if (least !== undefined) return { ...base, relation: 'at least', limit: least, met: value !== undefined && value >= least };
  const limit = most ?? Math.floor((nodes * (share as number)) / 100);
  return { ...base, relation: 'at most', limit, met: value !== undefined && value <= limit };
}

function timelineOf(events: readonly (StepEvent | AttemptEvent | AlertEvent)[]): readonly TimelineEntry[] {
  const entries: TimelineEntry[] = [];
  for (const entry of events.map(entryOf)) {
    const last = entries.at(-1);
    if (last?.kind === entry.kind && last.text === entry.text && entry.kind !== 'step')
      entries[entries.length - 1] = { ...last, times: last.times + 1 };
    else entries.push(entry);
  }
  return entries;
}

/** A log may come from anybody: nothing in its words reaches a screen as more than words. */
function entryOf(event: StepEvent | AttemptEvent | AlertEvent): TimelineEntry {
  const { t, kind } = event;
  if (kind === 'alert') return { t, kind, text: printableLine(`${event.name}: ${event.text}`), times: 1 };
  if (kind === 'step') {
    const note = event.note !== undefined && { note: printableLine(event.note) };
    return { t, kind, text: printableLine(event.text), times: 1, ...note };
  }
  const { who, what, accepted, code } = event;
  const outcome = accepted ? 'accepted' : `refused${code === undefined ? '' : ` (${code})`}`;
  return { t, kind, accepted, text: printableLine(`${who}, ${what}: ${outcome}`), times: 1 };
}

/** A value with its unit; a dash when it was not measured. */
export function metricText(metric: Metric, value: number | undefined): string {
  if (value === undefined) return '-';
  return METRICS[metric].unit === 'duration' ? formatDuration(value) : String(value);
}

/** Heads of the table of regions. */
export const REGION_HEADS = ['region', 'nodes', 'most without service', 'need a hand', 'last reachable node refuses after'] as const;

/** The table of regions, without its head. */
export function regionCells({ regions }: DrillReport): readonly (readonly string[])[] {
  return regions.map(({ name, nodes, cut_off_peak: cutOff, stranded, evict_max: evicted }) => [
    name,
    String(nodes),
    String(cutOff),
    String(stranded),
    metricText('evict_max', evicted),
  ]);
}

/** `a, b, c and 12 more`. Empty when none is named. */
export function strandedText({ stranded, metrics }: DrillReport): string {
  const more = (metrics.stranded ?? 0) - stranded.length;
  return stranded.join(', ') + (stranded.length > 0 && more > 0 ? ` and ${more} more` : '');
}

/** `2h 30m`, from the beginning. */
export function momentText(t: number): string {
  return t === 0 ? '0' : formatDuration(t);
}

export function reportJson(report: DrillReport): JsonObject {
  const { objectives, timeline, samples, metrics, regions, stranded, ...rest } = report;
  return {
    schema: 'joinery/drill-report/1',
    ...rest,
    metrics: { ...metrics },
    regions: regions.map((region) => ({ ...region })),
    stranded,
    objectives: objectives.map(({ value, ...objective }) => ({ ...objective, value: value ?? null })),
    timeline: timeline.map((entry) => ({ ...entry })),
    samples: samples.map(({ t, online, cut_off, expired, informed, load }) => ({ t, online, cut_off, expired, informed, load })),
  };
}
