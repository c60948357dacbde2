import * as Flags from '@oclif/core/flags';
import { type Enrollment, type EnrollmentState, listEnrollments } from '../../app/enrollments.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { enrollmentData, enrollmentTable } from '../../cli/render/enrollments.ts';

export default class EnrollmentList extends BaseCommand<typeof EnrollmentList> {
  static override summary = 'List the nodes that joined';
  static override description =
    'Each with its role, until when its certificate is valid, and the trust bundle versions of its last report. Expired and revoked nodes ' +
    'are listed too: --state leaves out the others.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --cluster prod --state valid --json',
  ];
  static override flags = {
    cluster: Flags.string({ description: 'only this cluster' }),
    state: Flags.option({ options: ['valid', 'expired', 'revoked'] as const, description: 'only nodes that stand so' })(),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const { cluster, state } = this.flags;
    const enrollments: Enrollment[] = [];
    const wanted = (enrollment: { readonly state: EnrollmentState }): boolean => state === undefined || enrollment.state === state;
    for (let after: string | undefined = ''; after !== undefined;) {
      const page = await listEnrollments(realm, { cluster, after: after === '' ? undefined : after, limit: 500 });
      enrollments.push(...page.enrollments.filter(wanted));
      after = page.next;
    }
    return { data: { enrollments: enrollments.map(enrollmentData) }, text: enrollmentTable(enrollments) };
  }
}
