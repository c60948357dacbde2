/** The self-test and the verdicts on public suites, for people and as data. */
import type { CorpusReport } from '../../app/run-corpus.ts';
import type { SelftestReport, TestResult } from '../../app/run-selftest.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { type CasesOfReason, type SuiteReport, VERDICTS } from '../../core/selftest/trial.ts';
import { printable, type Style, table } from './text.ts';

export function selftestData({ tests, passed, failed }: SelftestReport): JsonObject {
  return { passed, failed, tests: tests.map(({ detail, ...test }) => ({ ...test, ...(detail !== undefined && { detail }) })) };
}

export function selftestText({ tests, passed, failed }: SelftestReport, paint: Style): string {
  const rows = tests.map(({ area, id, result, source, detail }) => [
    area,
    id,
    result,
    detail === undefined ? source : `${source}: ${detail}`,
  ]);
  const summary = failed === 0 ? paint('green', `${passed} tests passed`) : paint('red', `${failed} of ${passed + failed} tests failed`);
  return `${table(['AREA', 'TEST', 'RESULT', 'SOURCE'], rows)}\n\n${summary}`;
}

/** The first test that failed, for the error. */
export function firstFailure({ tests }: SelftestReport): TestResult | undefined {
  return tests.find(({ result }) => result === 'failed');
}

export function corpusData({ suites, counts }: CorpusReport): JsonObject {
  const cases = (list: readonly CasesOfReason[]) => list.map(({ reason, ids }) => ({ reason, count: ids.length, ids }));
  return {
    counts,
    suites: suites.map(({ suite, file, counts: own, disagreements, stricter, skipped }) => ({
      suite,
      file,
      counts: own,
      disagreements: disagreements.map((entry) => ({ ...entry })),
      stricter: cases(stricter),
      skipped: cases(skipped),
    })),
  };
}

const EXAMPLES = 3;

export function corpusText({ suites, counts }: CorpusReport, paint: Style): string {
  const tried = suites.filter((suite) => suite.counts.skipped < total(suite));
  const rows = [...tried, { suite: 'all', file: `${suites.length} files`, counts }].map((suite) => [
    suite.suite,
    suite.file,
    ...VERDICTS.map((verdict) => String(suite.counts[verdict])),
  ]);
  const wrong = suites.flatMap((suite) =>
    suite.disagreements.map(
      ({ id, expected, found }) => `${paint('red', 'disagree')}  ${printable(`${suite.file} ${id}: expected ${expected}, found ${found}`)}`,
    ),
  );
  const parts = [
    table(['SUITE', 'FILE', 'AGREE', 'STRICTER', 'DISAGREE', 'SKIPPED'], rows),
    ...wrong,
    ...reasonLines('stricter', suites),
    ...reasonLines('skipped', suites),
  ];
  const [verdicts, ...rest] = parts;
  return [verdicts, ...(rest.length === 0 ? [] : [rest.join('\n')]), summaryOf(counts, paint)].join('\n\n');
}

function summaryOf({ agree, stricter, disagree }: CorpusReport['counts'], paint: Style): string {
  if (disagree > 0) return paint('red', `${disagree} verdicts disagree`);
  return agree + stricter === 0 ? paint('yellow', 'no case was tried') : paint('green', `${agree} verdicts agree, none disagrees`);
}

function total({ counts }: Pick<SuiteReport, 'counts'>): number {
  return VERDICTS.reduce((sum, verdict) => sum + counts[verdict], 0);
}

/** One line for each reason, over all suites, with the first cases. */
function reasonLines(kind: 'stricter' | 'skipped', suites: readonly SuiteReport[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const suite of suites)
    for (const { reason, ids } of suite[kind])
      byReason.set(reason, [...(byReason.get(reason) ?? []), ...ids.map((id) => (suites.length === 1 ? id : `${suite.file} ${id}`))]);
  return [...byReason].map(([reason, ids]) => {
    const more = ids.length > EXAMPLES ? ', ...' : '';
    const examples = kind === 'stricter' ? ` (${ids.slice(0, EXAMPLES).join(', ')}${more})` : '';
    return printable(`${kind.padEnd(8)}  ${ids.length}  ${reason}${examples}`);
  });
}
