import { showCa } from '../../app/export-ca.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { authorityData, authorityText } from '../../cli/render/authorities.ts';

export default class CaShow extends BaseCommand<typeof CaShow> {
  static override summary = 'Show a certificate authority';
  static override examples = ['<%= config.bin %> <%= command.id %> node-root'];
  static override args = { name: positional({ description: 'name of the authority', required: true }) };
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const ca = await showCa(await this.context.realm(), this.args.name);
    return { data: authorityData(ca), text: authorityText(ca) };
  }
}
