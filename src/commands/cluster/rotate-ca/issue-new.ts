import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { sharedTokenFlags } from '../../../cli/cluster-flags.ts';
import { runStep, stepFlags } from '../../../cli/cluster-step.ts';

export default class ClusterRotateCaIssueNew extends BaseCommand<typeof ClusterRotateCaIssueNew> {
  static override summary = 'Issue the shared certificate of a cluster from the new authority';
  static override description =
    'Second step of three. Members get the new certificate and still trust both authorities. The pre-flight refuses while a member is not known to trust the new one: it would refuse the others. The join token is replaced by one that pins the new authority.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --cluster prod --out answers-issue-new --token-out prod.token',
  ];
  static override flags = {
    ttl: Flags.string({ description: 'life of the certificate (default: 10y, within the authority)', helpValue: 'DURATION' }),
    overlap: Flags.string({ description: 'how long members may still present the old one (default: 7d)', helpValue: 'DURATION' }),
    ...sharedTokenFlags,
    ...stepFlags,
  };

  protected execute(): Promise<Outcome> {
    const warning = (message: string): void => this.warning(message);
    return runStep('issue-new', this.flags, { context: this.context, paint: this.paint, warning });
  }
}
