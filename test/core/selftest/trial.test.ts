import { expect, it } from 'vitest';
import { accepted, addCounts, refused, reportSuite, skipped } from '../../../src/core/selftest/trial.ts';

it('reports a suite by its verdicts, the cases by their reasons', () => {
  const report = reportSuite('suite', 'file', [
    { id: 'a', expected: 'accept', found: accepted },
    { id: 'b', expected: 'refuse', found: refused('x') },
    { id: 'c', expected: 'either', found: refused('x') },
    { id: 'd', expected: 'accept', found: refused('rule', true) },
    { id: 'e', expected: 'accept', found: refused('rule', true) },
    { id: 'f', expected: 'accept', found: refused('other') },
    { id: 'g', expected: 'refuse', found: accepted },
    { id: 'h', expected: 'refuse', found: skipped('why') },
  ]);
  expect(report).toEqual({
    suite: 'suite',
    file: 'file',
    counts: { agree: 3, stricter: 2, disagree: 2, skipped: 1 },
    disagreements: [
      { id: 'f', expected: 'accept', found: 'refused: other' },
      { id: 'g', expected: 'refuse', found: 'accepted' },
    ],
    stricter: [{ reason: 'rule', ids: ['d', 'e'] }],
    skipped: [{ reason: 'why', ids: ['h'] }],
  });
  expect(addCounts([report.counts, report.counts])).toEqual({ agree: 6, stricter: 4, disagree: 4, skipped: 2 });
});
