/** One case of a public suite of vectors, what this program says of it, and what a whole suite comes to. */

/** What the suite expects; `either` where it leaves the answer open. */
export type Expected = 'accept' | 'refuse' | 'either';

export type Found =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'refused';
      /** A short name of the rule: cases are grouped by it. */
      readonly reason: string;
      /** The rule is one that joinery is documented to be stricter by. */
      readonly documented: boolean;
    }
  | { readonly kind: 'skipped'; readonly reason: string };

export interface Trial {
  readonly id: string;
  readonly expected: Expected;
  readonly found: Found;
}

export const VERDICTS = ['agree', 'stricter', 'disagree', 'skipped'] as const;
export type Verdict = (typeof VERDICTS)[number];
export type Counts = Readonly<Record<Verdict, number>>;

export interface CasesOfReason {
  readonly reason: string;
  readonly ids: readonly string[];
}

export interface SuiteReport {
  readonly suite: string;
  /** Relative to the corpus. */
  readonly file: string;
  readonly counts: Counts;
  readonly disagreements: readonly { readonly id: string; readonly expected: Expected; readonly found: string }[];
  /** What the suite would accept and joinery refuses by a documented rule. */
  readonly stricter: readonly CasesOfReason[];
  readonly skipped: readonly CasesOfReason[];
}

export const accepted: Found = { kind: 'accepted' };
export const refused = (reason: string, documented = false): Found => ({ kind: 'refused', reason, documented });
export const skipped = (reason: string): Found => ({ kind: 'skipped', reason });

/** What is accepted although the suite refuses it is never excused. */
export function verdictOf({ expected, found }: Trial): Verdict {
  if (found.kind === 'skipped') return 'skipped';
  if (expected === 'either' || (expected === 'accept') === (found.kind === 'accepted')) return 'agree';
  return found.kind === 'refused' && found.documented ? 'stricter' : 'disagree';
}

export function reportSuite(suite: string, file: string, trials: readonly Trial[]): SuiteReport {
  const of = (verdict: Verdict): Trial[] => trials.filter((trial) => verdictOf(trial) === verdict);
  return {
    suite,
    file,
    counts: Object.fromEntries(VERDICTS.map((verdict) => [verdict, of(verdict).length])) as Counts,
    disagreements: of('disagree').map(({ id, expected, found }) => ({ id, expected, found: textOf(found) })),
    stricter: byReason(of('stricter')),
    skipped: byReason(of('skipped')),
  };
}

function textOf(found: Found): string {
  return found.kind === 'accepted' ? 'accepted' : `${found.kind}: ${found.reason}`;
}

function byReason(trials: readonly Trial[]): readonly CasesOfReason[] {
  const groups = Map.groupBy(trials, ({ found }) => (found as { readonly reason: string }).reason);
  return [...groups].map(([reason, group]) => ({ reason, ids: group.map(({ id }) => id) }));
}

export function addCounts(all: readonly Counts[]): Counts {
  const sum = (verdict: Verdict): number => all.reduce((total, counts) => total + counts[verdict], 0);
  return Object.fromEntries(VERDICTS.map((verdict) => [verdict, sum(verdict)])) as Counts;
}
