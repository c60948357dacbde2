import * as Flags from '@oclif/core/flags';
import { testPolicy } from '../../app/test-policy.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional } from '../../cli/flags.ts';
import { policyFile, policyWorld } from '../../cli/policy-input.ts';
import { caseText, decisionData } from '../../cli/render/policies.ts';

export default class PolicyTest extends BaseCommand<typeof PolicyTest> {
  static override summary = 'Run the table tests of a policy: requests, and what it must say to each';
  static override description =
    'A file of cases is YAML or JSON (schema joinery/policy-cases/1). Needs no realm. Shows which rule decided each case. Exits 4 when a case fails.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> policies/prod.cases.yaml',
    '<%= config.bin %> <%= command.id %> policies/prod.cases.yaml --policy new.yaml',
  ];
  static override args = { cases: positional({ description: 'file of cases, - for stdin', required: true }) };
  static override flags = {
    policy: Flags.string({ description: 'policy to test, instead of the one that the cases name', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { files } = this.context.world;
    const { name, version, results, failed } = await testPolicy(policyWorld(this.context), {
      cases: await policyFile(files, this.args.cases),
      policy: this.flags.policy,
      readPolicyFile: (path) => policyFile(files, path),
    });
    const passed = results.length - failed;
    return {
      data: {
        name,
        version,
        passed,
        failed,
        cases: results.map((result) => ({
          name: result.name,
          passed: result.differences.length === 0,
          decision: decisionData(result.decision),
          differences: [...result.differences],
        })),
      },
      text: [
        ...results.map((result) => caseText(result, this.paint)),
        `${name} version ${version}: passed ${passed}, failed ${failed}`,
      ].join('\n'),
      ...(failed > 0 && { exitStatus: 4 }),
    };
  }
}
