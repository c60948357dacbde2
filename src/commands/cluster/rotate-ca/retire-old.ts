import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { runStep, stepFlags } from '../../../cli/cluster-step.ts';

export default class ClusterRotateCaRetireOld extends BaseCommand<typeof ClusterRotateCaRetireOld> {
  static override summary = 'Stop trusting the old authority of a cluster';
  static override description =
    'Last step of three: there is no way back. Members get an answer with the new authority alone; every certificate of the old one, also the shared one that an evicted node holds, stops verifying.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --cluster prod --out answers-retire-old',
  ];
  static override flags = {
    ...stepFlags,
  };

  protected execute(): Promise<Outcome> {
    const warning = (message: string): void => this.warning(message);
    return runStep('retire-old', this.flags, { context: this.context, paint: this.paint, warning });
  }
}
