import * as Flags from '@oclif/core/flags';
import { showEnrollment } from '../../app/enrollments.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { shownData, shownText } from '../../cli/render/enrollments.ts';

export default class EnrollmentShow extends BaseCommand<typeof EnrollmentShow> {
  static override summary = 'Show a node that joined: its identity, certificates and last report';
  static override examples = ['<%= config.bin %> <%= command.id %> n1 --cluster prod'];
  static override args = { node: positional({ description: 'name of the node', required: true }) };
  static override flags = {
    cluster: Flags.string({ description: 'needed only where two clusters have a node of that name' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const shown = await showEnrollment(await this.context.realm(), this.args.node, this.flags.cluster);
    return { data: shownData(shown), text: shownText(shown) };
  }
}
