/** What `npm run release` checks, and that the changelog has its form. */
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it, test } from 'vitest';

type Facts = Readonly<Record<string, unknown>>;
interface Changelog {
  readonly releases: readonly { readonly version: string; readonly entries: number }[];
  readonly wrong: readonly string[];
}
const root = fileURLToPath(new URL('../', import.meta.url));
const { parseChangelog, releaseChecks } = (await import(pathToFileURL(`${root}bin/release-checks.js`).href)) as {
  parseChangelog(text: string): Changelog;
  releaseChecks(facts: Facts): readonly (readonly [string, string | undefined])[];
};

test('docs/CHANGELOG.md keeps a changelog, with the version of package.json or what comes after it at the top', () => {
  const { releases, wrong } = parseChangelog(readFileSync(`${root}docs/CHANGELOG.md`, 'utf8'));
  const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
  expect(wrong).toEqual([]);
  expect(['Unreleased', version]).toContain(releases[0]?.version);
  expect(releases.every(({ entries }) => entries > 0)).toBe(true);
});

describe('a changelog', () => {
  it.each([
    ['# Changes', 'line 1'],
    ['# Changelog\n## 1.0.0', 'line 2'],
    ['# Changelog\n## [1.0.0]', 'line 2'],
    ['# Changelog\n## [Unreleased] - 2026-01-01', 'line 2'],
    ['# Changelog\n## [1.0.0] - 2026-13-01', 'line 2'],
    ['# Changelog\n## [1.0.0] - 2026-01-01\n### News', 'line 3'],
    ['# Changelog\n## [1.0.0] - 2026-01-01\n- a', 'line 3'],
    ['# Changelog\n- a', 'line 2'],
  ])('%j is refused', (text, line) => {
    expect(parseChangelog(text).wrong).toEqual([expect.stringContaining(line)]);
  });
});

describe('a release', () => {
  const facts = {
    status: '',
    head: 'abc',
    headTime: 1000,
    tag: '',
    version: '1.2.0',
    lockVersion: '1.2.0',
    changelog: '# Changelog\n\n## [1.2.0] - 2026-01-01\n\n### Added\n\n- this\n',
    reports: [{ name: 'unit.json', report: { success: true, numFailedTests: 0, startTime: 1_000_001 } }],
  };
  const wrong = (changes: Facts) => releaseChecks({ ...facts, ...changes }).flatMap(([, found]) => found ?? []);

  it('is fit when everything holds', () => {
    expect(wrong({})).toEqual([]);
    expect(wrong({ tag: 'abc' })).toEqual([]);
  });
  it.each([
    [{ status: ' M a\n?? b\n' }, '2 files differ'],
    [{ tag: 'def' }, 'it is at def'],
    [{ lockVersion: '1.1.0' }, 'expected 1.2.0, found 1.1.0'],
    [{ version: '1.3.0', lockVersion: '1.3.0' }, 'found 1.2.0'],
    [{ changelog: '# Changelog\n## [1.2.0] - 2026-01-01\n' }, 'expected entries below'],
    [{ reports: [] }, '--report FILE'],
    [{ reports: [{ name: 'a', report: { success: false, numFailedTests: 2, startTime: 2_000_000 } }] }, 'a: 2 failed'],
    [{ reports: [{ name: 'a', report: { success: true, numFailedTests: 0, startTime: 999_999 } }] }, 'older than the commit'],
  ])('is not for %j', (changes, why) => {
    expect(wrong(changes)).toEqual([expect.stringContaining(why)]);
  });
});
