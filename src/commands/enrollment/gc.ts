import { collectEnrollments } from '../../app/collect-enrollments.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';

export default class EnrollmentGc extends BaseCommand<typeof EnrollmentGc> {
  static override summary = 'Forget node certificates and evidence that ended';
  static override description =
    'Removes what renewals and revocations need to know of certificates that ended more than a week ago, and which evidence was used, where ' +
    'it could not be used again for a week. Nodes, the records of issued certificates and the audit log stay. A clock that was set back is refused.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { certificates, evidence } = await collectEnrollments(await this.context.realm());
    return {
      data: { ...certificates, evidence: { ...evidence } },
      text:
        `forgot ${certificates.removed} certificates, kept ${certificates.kept}\n` +
        `forgot ${evidence.removed} uses of evidence, kept ${evidence.kept}`,
    };
  }
}
