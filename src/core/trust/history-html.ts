/** The history of a trust bundle as one page for people who would rather look than read: nothing in it comes from outside, and nothing runs. */
import { escapeHtml } from '../html.ts';
import { instantOf, type Phase } from './manifest.ts';

export interface HistoryAnchor {
  readonly fingerprint: string;
  readonly subject: string;
  readonly phase: Phase;
  readonly notAfter: string;
}

export interface HistoryVersion {
  readonly version: number;
  readonly state: string;
  readonly publishedAt: string;
  readonly expiresAt: string;
  readonly digest: string;
  readonly reason: string | undefined;
  readonly anchors: readonly HistoryAnchor[];
}

export interface History {
  readonly purpose: string;
  readonly environment: string;
  /** Activated versions in order, at least one. */
  readonly versions: readonly HistoryVersion[];
  /** Where the time line ends: the instant of the page. */
  readonly now: string;
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1a2330;background:#fff}
h1{font-size:1.4rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d8dee6;vertical-align:top}
code{font-size:.85em}.phasing-in{fill:#2f7dd1}.active{fill:#2e8b57}.phasing-out{fill:#d98a1f}text{font:12px system-ui,sans-serif;fill:#1a2330}
.tick{stroke:#b4bdc8;stroke-dasharray:2 3}.key span{display:inline-block;margin-right:1.2rem}.key i{display:inline-block;width:.9em;height:.9em;margin-right:.4em;vertical-align:-.1em}
@media (prefers-color-scheme:dark){body{color:#dde4ec;background:#12171e}text{fill:#dde4ec}th,td{border-color:#333c47}}`;

const COLOURS: Readonly<Record<Phase, string>> = { 'phasing-in': '#2f7dd1', active: '#2e8b57', 'phasing-out': '#d98a1f' };

/** Characters that HTML reads as more than themselves. */
/** The page. The Content-Security-Policy lets neither scripts nor anything from another place in. */
export function historyPage(history: History): string {
  const title = `Trust history: ${escapeHtml(history.purpose)}, ${escapeHtml(history.environment)}`;
  const phases = (Object.keys(COLOURS) as Phase[]).map((phase) => `<span><i style="background:${COLOURS[phase]}"></i>${phase}</span>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<p>As of ${escapeHtml(history.now)}. Each bar is an anchor; its colour is its phase.</p>
<p class="key">${phases.join('')}</p>
${timeline(history)}
${versionTable(history.versions)}
</body>
</html>
`;
}

const WIDTH = 1000;
const LABEL = 260;
const ROW = 26;

function timeline({ versions, now }: History): string {
  const starts = versions.map((version) => instantOf(version.publishedAt));
  const [begin, end] = [Math.min(...starts), Math.max(instantOf(now), ...starts) + 1];
  const x = (at: number): number => Math.round(LABEL + ((at - begin) / (end - begin)) * (WIDTH - LABEL));
  const names = new Map(versions.flatMap((version) => version.anchors.map((anchor) => [anchor.fingerprint, anchor.subject] as const)));
  const rows = [...names].map(([fingerprint, subject], row) => {
    const bars = versions.map((version, index) => {
      const anchor = version.anchors.find((candidate) => candidate.fingerprint === fingerprint);
      if (anchor === undefined) return '';
      const [from, to] = [x(starts[index] as number), x(starts[index + 1] ?? end)];
      const tip = `<title>version ${version.version}: ${escapeHtml(subject)}, ${anchor.phase}, expires ${escapeHtml(anchor.notAfter)}</title>`;
      return `<rect class="${anchor.phase}" x="${from}" y="${row * ROW + 28}" width="${Math.max(to - from, 2)}" height="16">${tip}</rect>`;
    });
    return `<text x="0" y="${row * ROW + 41}">${escapeHtml(subject.slice(0, 40))}</text>${bars.join('')}`;
  });
  const height = names.size * ROW + 34;
  const ticks = versions.map((version, index) => {
    const at = x(starts[index] as number);
    return `<line class="tick" x1="${at}" x2="${at}" y1="18" y2="${height}"/><text x="${at}" y="13">${version.version}</text>`;
  });
  return `<svg viewBox="0 0 ${WIDTH + 20} ${height}" role="img" aria-label="time line of anchors">${ticks.join('')}${rows.join('')}</svg>`;
}

function versionTable(versions: readonly HistoryVersion[]): string {
  const rows = versions.map(({ version, state, publishedAt, expiresAt, anchors, digest, reason }) => {
    const list = anchors.map((anchor) => `${escapeHtml(anchor.subject)} <small>${anchor.phase}</small>`).join('<br>');
    const cells = [
      String(version),
      escapeHtml(state),
      escapeHtml(publishedAt),
      escapeHtml(expiresAt),
      list,
      `<code>${escapeHtml(digest)}</code>`,
      escapeHtml(reason ?? ''),
    ];
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  });
  const header = ['Version', 'State', 'Published', 'Expires', 'Anchors', 'Manifest digest', 'Reason']
    .map((cell) => `<th>${cell}</th>`)
    .join('');
  return `<table><thead><tr>${header}</tr></thead><tbody>${rows.join('\n')}</tbody></table>`;
}
