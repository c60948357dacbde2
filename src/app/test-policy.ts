/** Runs the table tests of a policy. */
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { type CaseResult, parsePolicyCases, runPolicyCases } from '../core/policy/cases.ts';
import { compilePolicy } from '../core/policy/evaluate.ts';
import type { PolicyFile, PolicyWorld } from './check-policy.ts';
import { readPolicy } from './load-policy.ts';

export interface TestPolicyInput {
  readonly cases: PolicyFile;
  /** Instead of the one that the cases name. */
  readonly policy?: string | undefined;
  readPolicyFile(path: string): Promise<PolicyFile>;
}

export interface TestPolicyResult {
  readonly name: string;
  readonly version: number;
  readonly results: readonly CaseResult[];
  readonly failed: number;
}

/** @throws ERR_INPUT_MALFORMED, ERR_POLICY_MALFORMED, ERR_USAGE when no policy is named, and what reading throws */
export async function testPolicy({ clock, readDocument }: PolicyWorld, input: TestPolicyInput): Promise<TestPolicyResult> {
  const { bytes, what } = input.cases;
  const cases = parsePolicyCases(await readDocument(decodeUtf8(bytes, what), what), what);
  const path = input.policy ?? (cases.policy && beside(what, cases.policy));
  if (path === undefined) {
    throw new JoineryError('ERR_USAGE', `${what}: expected policy, the file that is tested, found none`, { hint: 'name it with --policy' });
  }
  const file = await input.readPolicyFile(path);
  const policy = await readPolicy(file.bytes, file.what, readDocument);
  const results = runPolicyCases(compilePolicy(policy, cases.join_hosts), cases, clock.now());
  return { ...policy.metadata, results, failed: results.filter(({ differences }) => differences.length > 0).length };
}

/** A path relative to the directory of a file. */
function beside(file: string, path: string): string {
  return path.startsWith('/') ? path : file.slice(0, file.lastIndexOf('/') + 1) + path;
}
