// What must hold before a release: each check gives what is wrong, or nothing.

/** Headings of Keep a Changelog 1.1.0. */
const KINDS = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'];

/** @returns the releases of a changelog, newest first, and what is no Keep a Changelog in it */
export function parseChangelog(text) {
  const wrong = [];
  const releases = [];
  const [title, ...lines] = text.split('\n');
  if (title !== '# Changelog') wrong.push('line 1: expected # Changelog');
  for (const [index, line] of lines.entries()) {
    const at = `line ${index + 2}`;
    const release = /^## \[(\d+\.\d+\.\d+[\w.-]*|Unreleased)\](?: - (\d{4}-\d{2}-\d{2}))?$/.exec(line);
    if (release !== null) {
      const [, version, date] = release;
      if ((version === 'Unreleased') !== (date === undefined)) wrong.push(`${at}: expected ## [VERSION] - DATE, or ## [Unreleased]`);
      if (date !== undefined && Number.isNaN(Date.parse(date))) wrong.push(`${at}: expected a date, found ${date}`);
      releases.push({ version, date, kinds: [], entries: 0 });
    } else if (line.startsWith('## ')) wrong.push(`${at}: expected ## [VERSION] - DATE, found another heading`);
    else if (line.startsWith('### ')) {
      if (!KINDS.includes(line.slice(4))) wrong.push(`${at}: expected one of ${KINDS.join(', ')}`);
      releases.at(-1)?.kinds.push(line.slice(4));
    } else if (line.startsWith('- ')) {
      const release = releases.at(-1);
      if (release === undefined || release.kinds.length === 0) wrong.push(`${at}: expected an entry below a version and its kind`);
      else release.entries += 1;
    }
  }
  return { releases, wrong };
}

/**
 * @param facts status: of `git status --porcelain`; tag: the commit of the version's tag, or ''; reports: those of the tests, as vitest
 *   writes them, with the time of their start in milliseconds
 * @returns [what must hold, what is wrong or undefined]
 */
export function releaseChecks({ status, head, headTime, tag, version, lockVersion, changelog, reports }) {
  const { releases, wrong } = parseChangelog(changelog);
  const [top] = releases;
  const lines = status.split('\n').filter((line) => line !== '');
  return [
    ['the tree is clean', lines.length === 0 ? undefined : `${lines.length} files differ from the commit`],
    ['the changelog keeps its form', wrong[0]],
    [
      'version and changelog agree',
      top?.version === version && top.entries > 0
        ? undefined
        : `expected entries below ## [${version}] - DATE at the top, found ${top?.version ?? 'none'}`,
    ],
    ['package.json and package-lock.json agree', lockVersion === version ? undefined : `expected ${version}, found ${lockVersion}`],
    [`the tag v${version} is free, or this commit`, tag === '' || tag === head ? undefined : `it is at ${tag}`],
    ['the tests passed on this commit', testsWrong(reports, headTime)],
  ];
}

function testsWrong(reports, headTime) {
  if (reports.length === 0) return 'expected --report FILE: what JOINERY_TEST_REPORT=FILE npm test wrote';
  for (const { name, report } of reports) {
    if (report.success !== true) return `${name}: ${report.numFailedTests} failed`;
    if (report.startTime < headTime * 1000) return `${name}: is older than the commit`;
  }
  return undefined;
}
