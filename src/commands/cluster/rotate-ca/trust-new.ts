import * as Flags from '@oclif/core/flags';
import { CLUSTER_KEY_TYPES } from '../../../app/init-cluster.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { runStep, stepFlags } from '../../../cli/cluster-step.ts';

export default class ClusterRotateCaTrustNew extends BaseCommand<typeof ClusterRotateCaTrustNew> {
  static override summary = 'Make a new authority for a cluster, and let every member trust it too';
  static override description =
    'First step of three. Members get an answer with both authorities; the old one still issues. Nothing else changes, so nothing breaks. When every member has its answer (cluster member confirm), go on with issue-new.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --cluster prod --out answers-trust-new',
  ];
  static override flags = {
    ca: Flags.string({ description: 'name of the new authority (default: <cluster>-ca-<n>)', helpValue: 'NAME' }),
    'key-type': Flags.option({ options: CLUSTER_KEY_TYPES, description: 'type of its key' })({ default: 'p256' }),
    ...stepFlags,
  };

  protected execute(): Promise<Outcome> {
    const warning = (message: string): void => this.warning(message);
    return runStep('trust-new', this.flags, { context: this.context, paint: this.paint, warning });
  }
}
