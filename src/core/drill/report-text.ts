/** The report of a drill for a terminal and for a ticket. */
import { formatDuration } from '../time.ts';
import { type DrillReport, metricText, momentText, REGION_HEADS, regionCells, strandedText, type TimelineEntry } from './report.ts';
import { type Metric, METRICS } from './scenario.ts';

function limitText(report: DrillReport['objectives'][number]): string {
  return `${report.relation} ${metricText(report.metric, report.limit)}`;
}

function entryText({ text, times, note }: TimelineEntry): string {
  return `${text}${times > 1 ? ` (${times} times)` : ''}${note === undefined ? '' : ` - ${note}`}`;
}

function headline({ mode, nodes, duration, seed }: DrillReport): string {
  return `${mode === 'simulate' ? 'simulation' : 'live'}, ${nodes} nodes, ${formatDuration(duration)}, seed ${seed}`;
}

export function reportText(report: DrillReport): string {
  const { objectives, timeline } = report;
  const width = timeline.reduce((widest, { t }) => Math.max(widest, momentText(t).length), 0);
  const lines = [
    report.title,
    headline(report),
    '',
    ...objectives.map(
      (each) => `${each.met ? 'met   ' : 'MISSED'}  ${each.title}: ${metricText(each.metric, each.value)}, ${limitText(each)}`,
    ),
    '',
    ...timeline.map((entry) => `${momentText(entry.t).padStart(width)}  ${entry.kind.padEnd(7)}  ${entryText(entry)}`),
    '',
    ...otherMetrics(report).map(([metric, value]) => `${METRICS[metric].title}: ${metricText(metric, value)}`),
    '',
    ...regionLines(report),
    ...(report.stranded.length === 0 ? [] : [`nodes that need a hand: ${strandedText(report)}`, '']),
    report.met
      ? 'every objective was met'
      : `${objectives.filter(({ met }) => !met).length} of ${objectives.length} objectives were missed`,
  ];
  return lines.join('\n').replaceAll('\n\n\n', '\n\n');
}

function regionLines(report: DrillReport): readonly string[] {
  const cells = regionCells(report);
  if (cells.length === 0) return [];
  const widths = REGION_HEADS.map((head, column) => Math.max(head.length, ...cells.map((each) => (each[column] as string).length)));
  return [
    ...[REGION_HEADS, ...cells].map((each) =>
      each
        .map((text, column) => text.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd(),
    ),
    '',
  ];
}

/** What was measured and is no objective. */
function otherMetrics({ objectives, metrics }: DrillReport): [Metric, number][] {
  const named = new Set(objectives.map(({ metric }) => metric));
  return (Object.entries(metrics) as [Metric, number][]).filter(([metric]) => !named.has(metric));
}

/** Characters that Markdown reads as more than themselves in a table. */
function cell(text: string): string {
  return text.replace(/[\\|`*_<>[\]]/g, '\\$&').replaceAll('\n', ' ');
}

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export function reportMarkdown(report: DrillReport): string {
  const { objectives, timeline, summary } = report;
  const lines = [
    `# ${cell(report.title)}`,
    '',
    `${headline(report)}. **${report.met ? 'Every objective was met.' : 'Objectives were missed.'}**`,
    ...(summary === '' ? [] : ['', cell(summary)]),
    '',
    '## Objectives',
    '',
    row('', 'objective', 'measured', 'limit'),
    row('---', '---', '---', '---'),
    ...objectives.map((each) =>
      row(each.met ? 'met' : '**missed**', cell(each.title), metricText(each.metric, each.value), limitText(each)),
    ),
    '',
    '## What happened',
    '',
    row('at', '', ''),
    row('---', '---', '---'),
    ...timeline.map((entry) => row(momentText(entry.t), entry.kind, cell(entryText(entry)))),
    '',
    '## Measured',
    '',
    row('measure', 'value'),
    row('---', '---'),
    ...(Object.entries(report.metrics) as [Metric, number][]).map(([metric, value]) =>
      row(METRICS[metric].title, metricText(metric, value)),
    ),
    '',
    ...regionSection(report),
    ...(report.stranded.length === 0 ? [] : ['## Nodes that need a hand', '', cell(strandedText(report)), '']),
  ];
  return lines.join('\n');
}

function regionSection(report: DrillReport): readonly string[] {
  const cells = regionCells(report);
  if (cells.length === 0) return [];
  return [
    '## Regions',
    '',
    row(...REGION_HEADS),
    row(...REGION_HEADS.map(() => '---')),
    ...cells.map((each) => row(...each.map(cell))),
    '',
  ];
}
