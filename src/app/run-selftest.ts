/** Tries every primitive and format on an answer that is known, and the machine on what joinery needs of it. */
import type { KnownAnswer, SelftestTools } from '../core/selftest/known-answer.ts';

/** Something that the machine must be able to do, or, where it is informational, may. */
export interface EnvironmentCheck {
  readonly id: string;
  /** What it shows. */
  readonly what: string;
  readonly informational: boolean;
  /** @returns what was found. Throws when it fails. */
  run(): string | Promise<string>;
}

export interface TestResult {
  readonly area: string;
  readonly id: string;
  readonly source: string;
  /** `absent`: something that joinery can do without. */
  readonly result: 'ok' | 'failed' | 'absent';
  /** What was found, or what went wrong: the vectors are public, so it may be shown. */
  readonly detail: string | undefined;
}

export interface SelftestReport {
  readonly tests: readonly TestResult[];
  readonly passed: number;
  readonly failed: number;
}

export async function runSelftest(
  tools: SelftestTools,
  answers: readonly KnownAnswer[],
  environment: readonly EnvironmentCheck[],
): Promise<SelftestReport> {
  const tests: TestResult[] = [];
  for (const answer of answers) tests.push(await tryAnswer(answer, tools));
  for (const check of environment) tests.push(await tryEnvironment(check));
  const count = (result: TestResult['result']): number => tests.filter((test) => test.result === result).length;
  return { tests, passed: count('ok'), failed: count('failed') };
}

async function tryAnswer({ area, id, source, vector, holds }: KnownAnswer, tools: SelftestTools): Promise<TestResult> {
  try {
    const ok = await holds(vector, tools);
    return { area, id, source, result: ok ? 'ok' : 'failed', detail: ok ? undefined : 'another answer than the known one' };
  } catch (error) {
    return { area, id, source, result: 'failed', detail: (error as Error).message };
  }
}

async function tryEnvironment({ id, what, informational, run }: EnvironmentCheck): Promise<TestResult> {
  const test = { area: 'environment', id, source: what };
  try {
    return { ...test, result: 'ok', detail: await run() };
  } catch (error) {
    return { ...test, result: informational ? 'absent' : 'failed', detail: (error as Error).message };
  }
}
