import * as Args from '@oclif/core/args';
import { checkPolicyFile, checkPolicySignature, type PolicyCheck } from '../../app/check-policy.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { configuredPolicies, policyFile, policyWorld, realmIfAny } from '../../cli/policy-input.ts';
import { checkText } from '../../cli/render/policies.ts';
import { JoineryError } from '../../core/errors.ts';
import type { RealmConfig } from '../../core/realm/config.ts';

export default class PolicyCheckCommand extends BaseCommand<typeof PolicyCheckCommand> {
  static override summary = 'Check policy files: every fault, rules that never decide, names that nobody has';
  static override description =
    "Without FILE the policies of the realm's clusters are checked. In a realm, or with --realm, clusters, roles, join URLs and required signatures are " +
    'compared with joinery.yaml. Exits 3 when a file is no policy, 4 when there are other errors; warnings and notes do not count.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> policies/prod.yaml policies/edge.yaml --json',
  ];
  static override args = { file: Args.string({ multiple: true, ignoreStdin: true, description: 'policy files, - for stdin' }) };
  static override flags = { realm: realmFlags.realm };

  protected async execute(): Promise<Outcome> {
    const realm = await realmIfAny(this.context, this.flags.realm !== undefined);
    const paths = this.args.file ?? (realm && configuredPolicies(realm)) ?? [];
    if (paths.length === 0)
      throw new JoineryError('ERR_USAGE', 'FILE: expected a policy, found none, and no cluster of a realm names one', {
        hint: 'see --help',
      });
    if (realm === undefined) this.warning('no realm was found: clusters, roles and join URLs are not compared with one');
    const checks: PolicyCheck[] = [];
    for (const path of paths) checks.push(await this.#check(path, realm?.config));
    const findings = checks.flatMap((check) => check.findings);
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    const exitStatus = errors === 0 ? 0 : checks.some(({ policy }) => policy === undefined) ? 3 : 4;
    return {
      data: {
        files: checks.map(({ file, digest, policy, findings: found }) => ({
          file,
          digest,
          ...policy,
          findings: found.map((finding) => ({ ...finding })),
        })),
        errors,
        warnings: findings.filter(({ severity }) => severity === 'warning').length,
      },
      text: checks.map((check) => checkText(check, this.paint)).join('\n'),
      ...(exitStatus !== 0 && { exitStatus }),
    };
  }

  async #check(path: string, realm: RealmConfig | undefined): Promise<PolicyCheck> {
    const { world } = this.context;
    const file = await policyFile(world.files, path);
    const check = await checkPolicyFile(policyWorld(this.context), file, realm);
    if (realm === undefined || path === '-') return check;
    return { ...check, findings: [...(await checkPolicySignature(world, file, realm)), ...check.findings] };
  }
}
