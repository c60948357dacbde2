import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { sharedTokenFlags } from '../../../cli/cluster-flags.ts';
import { runStep, stepFlags } from '../../../cli/cluster-step.ts';

export default class ClusterRotateCaRollback extends BaseCommand<typeof ClusterRotateCaRollback> {
  static override summary = 'Take the last step of the rotation of an authority back';
  static override description =
    'From issue-new to trust-new: another certificate of the old authority and a token that pins it; both authorities stay trusted. From trust-new to stable: the new authority is no longer trusted. After retire-old there is nothing to go back to.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --cluster prod --out answers-rollback --token-out prod.token',
  ];
  static override flags = {
    ttl: Flags.string({ description: 'life of the certificate (default: 10y, within the authority)', helpValue: 'DURATION' }),
    ...sharedTokenFlags,
    ...stepFlags,
  };

  protected execute(): Promise<Outcome> {
    const warning = (message: string): void => this.warning(message);
    return runStep('rollback', this.flags, { context: this.context, paint: this.paint, warning });
  }
}
