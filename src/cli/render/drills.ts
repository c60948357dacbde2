/** Scenarios and comparisons of drills for people. */
import type { ComparedMetric } from '../../core/drill/compare.ts';
import { metricText, momentText } from '../../core/drill/report.ts';
import { METRICS, type Scenario, STEP_KINDS } from '../../core/drill/scenario.ts';
import { formatDuration } from '../../core/time.ts';
import { printable, type Style, table } from './text.ts';

export function scenarioLines(scenario: Scenario, paint: Style): string[] {
  const { title, summary, fleet, duration, phases, objectives } = scenario;
  const steps = phases.flatMap(({ phase, title: named, steps: own }) => [
    `${paint('bold', phase)}${named === undefined ? '' : `: ${printable(named)}`}`,
    ...(own ?? []).map((step) => {
      const note = step.note === undefined ? '' : ` ${paint('dim', `(${printable(step.note)})`)}`;
      return `  ${momentText(step.at).padStart(7)}  ${STEP_KINDS[step.do]}${step.count === undefined ? '' : `, ${step.count} times`}${note}`;
    }),
  ]);
  const limits = objectives.map(({ metric, at_most: most, at_least: least, at_most_percent: share }) => {
    const limit =
      share !== undefined
        ? `at most ${share} % of the nodes`
        : `${most === undefined ? 'at least' : 'at most'} ${metricText(metric, most ?? least)}`;
    return `  ${METRICS[metric].title}: ${limit}`;
  });
  const headline = `${fleet.nodes} nodes, ${formatDuration(duration)}`;
  return [
    paint('bold', printable(title)),
    headline,
    ...(summary === undefined ? [] : ['', printable(summary)]),
    '',
    ...steps,
    '',
    paint('bold', 'objectives'),
    ...limits,
  ];
}

export function comparisonTable(first: string, second: string, rows: readonly ComparedMetric[]): string {
  return table(
    ['MEASURE', first, second],
    rows.map(({ metric, title, first: one, second: two }) => [title, metricText(metric, one), metricText(metric, two)]),
  );
}
