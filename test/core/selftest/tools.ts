/** What the self-test is run with, on the real adapters; and small suites of vectors in the shapes of the public ones. */
import { selftestTools } from '../../../src/cli/selftest.ts';
import { toPem } from '../../../src/core/encoding.ts';
import { readWycheproof } from '../../../src/core/selftest/wycheproof.ts';
import { type Trial, type Verdict, verdictOf } from '../../../src/core/selftest/trial.ts';
import type { Authority } from '../x509/make.ts';

export const tools = selftestTools;

export const pem = ({ certificate }: Authority): string => toPem('CERTIFICATE', certificate.der);

/** A document of Wycheproof with one group. */
export const wycheproof = (group: object, tests: readonly object[], algorithm?: string): object => ({
  ...(algorithm !== undefined && { algorithm }),
  numberOfTests: tests.length,
  testGroups: [{ ...group, tests: tests.map((test, index) => ({ tcId: index + 1, comment: '', flags: [], ...test })) }],
});

export async function trialsOf(document: object): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const { run } of readWycheproof(document, 'test', tools)) trials.push(await run());
  return trials;
}

export async function verdictsOf(document: object): Promise<readonly Verdict[]> {
  return (await trialsOf(document)).map(verdictOf);
}
