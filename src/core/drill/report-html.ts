/** The report of a drill as one page: nothing in it comes from outside, nothing runs, and it reads well in light, in dark, and on paper. */
import { escapeHtml } from '../html.ts';
import { formatDuration } from '../time.ts';
import { type DrillReport, metricText, momentText, REGION_HEADS, regionCells, strandedText, type TimelineEntry } from './report.ts';
import { type Metric, METRICS } from './scenario.ts';

const STYLE = `:root{--ink:#1a2330;--paper:#fff;--line:#d8dee6;--soft:#5b6776;--good:#23794a;--bad:#b3261e;--one:#1f6fc4;--two:#b35c00;--three:#6a3fb5}
@media (prefers-color-scheme:dark){:root{--ink:#dde4ec;--paper:#12171e;--line:#333c47;--soft:#93a0af;--good:#5fc98f;--bad:#ff8a80;--one:#6db1ff;--two:#f0a35a;--three:#b79bff}}
@media print{:root{--ink:#000;--paper:#fff;--line:#bbb;--soft:#444;--good:#23794a;--bad:#b3261e;--one:#1f6fc4;--two:#b35c00;--three:#6a3fb5}body{margin:0;max-width:none}tr,svg,figure{break-inside:avoid}}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}p.of{color:var(--soft);margin-top:0}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}td.at{white-space:nowrap;color:var(--soft)}
.met{color:var(--good);font-weight:600}.missed{color:var(--bad);font-weight:600}figure{margin:1rem 0}figcaption{color:var(--soft);font-size:.85rem}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--soft)}.axis{stroke:var(--line)}.mark{stroke:var(--soft);stroke-dasharray:2 3}.alert{stroke:var(--bad)}
polyline{fill:none;stroke-width:1.8}.c1{stroke:var(--one)}.c2{stroke:var(--two)}.c3{stroke:var(--three)}i{display:inline-block;width:1em;height:.25em;margin:0 .4em 0 1em;vertical-align:middle}.k1{background:var(--one)}.k2{background:var(--two)}.k3{background:var(--three)}`;

/** Characters that HTML reads as more than themselves. */
export function reportHtml(report: DrillReport): string {
  const title = escapeHtml(report.title);
  const verdict = report.met ? '<span class="met">every objective was met</span>' : '<span class="missed">objectives were missed</span>';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p class="of">${report.mode === 'simulate' ? 'Simulation' : 'Live'}, ${report.nodes} nodes, ${formatDuration(report.duration)}, seed ${report.seed}: ${verdict}</p>
${report.summary === '' ? '' : `<p>${escapeHtml(report.summary)}</p>\n`}<h2>Objectives</h2>
${objectiveTable(report)}
<h2>Over time</h2>
${curves(report)}
<h2>What happened</h2>
${timelineTable(report.timeline)}
<h2>Measured</h2>
${metricTable(report)}
${regionTable(report)}${report.stranded.length === 0 ? '' : `<h2>Nodes that need a hand</h2>\n<p>${escapeHtml(strandedText(report))}</p>\n`}</body>
</html>
`;
}

function table(header: readonly string[], rows: readonly string[]): string {
  return `<table><thead><tr>${header.map((cell) => `<th>${cell}</th>`).join('')}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

function objectiveTable({ objectives }: DrillReport): string {
  const rows = objectives.map(({ met, title, metric, value, relation, limit }) => {
    const state = met ? '<span class="met">met</span>' : '<span class="missed">missed</span>';
    return `<tr><td>${state}</td><td>${escapeHtml(title)}</td><td>${metricText(metric, value)}</td><td>${relation} ${metricText(metric, limit)}</td></tr>`;
  });
  return table(['', 'Objective', 'Measured', 'Limit'], rows);
}

function timelineTable(timeline: readonly TimelineEntry[]): string {
  const rows = timeline.map(({ t, kind, text, times, note, accepted }) => {
    const mark = kind === 'alert' || accepted === true ? ` class="${kind === 'alert' ? 'missed' : ''}"` : '';
    const more = `${times > 1 ? ` (${times} times)` : ''}${note === undefined ? '' : `<br><small>${escapeHtml(note)}</small>`}`;
    return `<tr><td class="at">${momentText(t)}</td><td${mark}>${kind}</td><td>${escapeHtml(text)}${more}</td></tr>`;
  });
  return table(['At', '', ''], rows);
}

function metricTable({ metrics }: DrillReport): string {
  const rows = (Object.entries(metrics) as [Metric, number][]).map(
    ([metric, value]) => `<tr><td>${escapeHtml(METRICS[metric].title)}</td><td>${metricText(metric, value)}</td></tr>`,
  );
  return table(['Measure', 'Value'], rows);
}

function regionTable(report: DrillReport): string {
  const rows = regionCells(report).map((cells) => `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}</tr>`);
  return rows.length === 0 ? '' : `<h2>Regions</h2>\n${table(REGION_HEADS, rows)}\n`;
}

const WIDTH = 900;
const HEIGHT = 180;
const LEFT = 60;
const TOP = 14;

interface Curve {
  readonly label: string;
  readonly values: readonly number[];
}

/** What a figure shows, and from when to when. */
interface Plot {
  readonly caption: string;
  readonly from: number;
  readonly span: number;
  /** Value at the top. */
  readonly top: number;
  readonly samples: DrillReport['samples'];
  readonly timeline: readonly TimelineEntry[];
}

function curves(report: DrillReport): string {
  const { nodes, duration, timeline } = report;
  const samples = coarse(report);
  const whole = { from: 0, span: duration, samples, timeline };
  const busiest = samples.reduce((most, { load }) => Math.max(most, load), 1);
  return [
    figure({ ...whole, caption: 'Nodes', top: nodes }, [
      curve(samples, 'refuse what was revoked', ({ informed }) => informed),
      curve(samples, 'without service', (sample) => sample.cut_off),
      curve(samples, 'certificate has ended', ({ expired }) => expired),
    ]),
    ...closeLook(report),
    figure({ ...whole, caption: 'Requests in the busiest second', top: busiest }, [curve(samples, 'requests', ({ load }) => load)]),
  ].join('\n');
}

/** Samples that are apart by a 200th of the whole at least, each with the busiest second since the one before. */
function coarse({ samples, duration }: DrillReport): DrillReport['samples'] {
  const kept: DrillReport['samples'][number][] = [];
  let [busiest, last] = [0, Number.NEGATIVE_INFINITY];
  for (const sample of samples) {
    busiest = Math.max(busiest, sample.load);
    if (sample.t - last < duration / 200) continue;
    kept.push({ ...sample, load: busiest });
    [busiest, last] = [0, sample.t];
  }
  return kept;
}

const CLOSE_LOOK = 600;

/** The first ten minutes after the first revocation: too short to be seen in the whole. */
function closeLook({ samples, nodes }: DrillReport): string[] {
  const from = samples.find(({ informed }, index) => informed * 2 < (samples[index - 1]?.informed ?? 0))?.t;
  if (from === undefined) return [];
  const close = samples.filter(({ t }) => t >= from && t <= from + CLOSE_LOOK);
  const plot = {
    caption: `Nodes, in the ten minutes from ${momentText(from)} on`,
    from,
    span: CLOSE_LOOK,
    top: nodes,
    samples: close,
    timeline: [],
  };
  return [figure(plot, [curve(close, 'refuse what was revoked', ({ informed }) => informed)])];
}

function curve(samples: DrillReport['samples'], label: string, value: (sample: DrillReport['samples'][number]) => number): Curve {
  return { label, values: samples.map(value) };
}

function figure({ caption, from, span, top, samples, timeline }: Plot, lines: readonly Curve[]): string {
  const x = (t: number): number => Math.round(LEFT + ((t - from) / span) * (WIDTH - LEFT));
  const y = (value: number): number => Math.round(TOP + (1 - value / top) * HEIGHT);
  const drawn = lines.map(({ values }, index) => {
    const points = values.map((value, at) => `${x((samples[at] as { t: number }).t)},${y(value)}`);
    return `<polyline class="c${index + 1}" points="${points.join(' ')}"/>`;
  });
  const key = lines.map(({ label }, index) => `<i class="k${index + 1}"></i>${escapeHtml(label)}`).join('');
  const axes = [0, top].map(
    (value) =>
      `<line class="axis" x1="${LEFT}" x2="${WIDTH}" y1="${y(value)}" y2="${y(value)}"/><text x="0" y="${y(value) + 4}">${value}</text>`,
  );
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = Math.round(span * share);
    return `<text x="${Math.min(x(from + at), WIDTH - 40)}" y="${TOP + HEIGHT + 16}">${momentText(at)}</text>`;
  });
  const alt = `${caption}: ${lines.map(({ label }) => label).join(', ')}`;
  return `<figure><svg viewBox="0 0 ${WIDTH + 10} ${TOP + HEIGHT + 24}" role="img" aria-label="${escapeHtml(alt)}">${axes.join('')}${ticks.join('')}${marks(timeline, x)}${drawn.join('')}</svg><figcaption>${escapeHtml(caption)}:${key}</figcaption></figure>`;
}

/** Where something was done, and where something was noticed. */
function marks(timeline: readonly TimelineEntry[], x: (t: number) => number): string {
  return timeline
    .filter(({ kind }) => kind !== 'attempt')
    .map(({ t, kind, text }) => {
      const at = x(t);
      return `<line class="mark${kind === 'alert' ? ' alert' : ''}" x1="${at}" x2="${at}" y1="${TOP}" y2="${TOP + HEIGHT}"><title>${escapeHtml(`${momentText(t)} ${text}`)}</title></line>`;
    })
    .join('');
}
