/** Two drills side by side: another seed, another fleet, or the day itself beside its rehearsal. */
import type { DrillReport } from './report.ts';
import { type Metric, METRICS } from './scenario.ts';

export interface ComparedMetric {
  readonly metric: Metric;
  readonly title: string;
  /** undefined where it was not measured. */
  readonly first: number | undefined;
  readonly second: number | undefined;
}

/** Every measure that one of the two has, in the order of the table. */
export function compareDrills(first: DrillReport, second: DrillReport): readonly ComparedMetric[] {
  return (Object.keys(METRICS) as Metric[]).flatMap((metric) => {
    const values = { first: first.metrics[metric], second: second.metrics[metric] };
    return values.first === undefined && values.second === undefined ? [] : [{ metric, title: METRICS[metric].title, ...values }];
  });
}
