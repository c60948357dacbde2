import * as Flags from '@oclif/core/flags';
import { trustAdoption } from '../../app/trust-adoption.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { adoptionData, adoptionText } from '../../cli/render/enrollments.ts';

export default class TrustAdoption extends BaseCommand<typeof TrustAdoption> {
  static override summary = 'Show which trust bundle version the nodes run, by their own reports';
  static override description =
    'Counts the nodes with a valid certificate by the version that each reported last, and names those that are behind or silent. Exit 4 ' +
    'while some are: look here before trust retire.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --cluster prod --json'];
  static override flags = { cluster: Flags.string({ description: 'only this cluster' }), ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const adoption = await trustAdoption(await this.context.realm(), this.flags.cluster);
    return { data: adoptionData(adoption), text: adoptionText(adoption), ...(!adoption.complete && { exitStatus: 4 }) };
  }
}
