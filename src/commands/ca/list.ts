import { listCas } from '../../app/list-cas.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { authorityData, authorityTable } from '../../cli/render/authorities.ts';

export default class CaList extends BaseCommand<typeof CaList> {
  static override summary = 'List the certificate authorities of the realm';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const cas = await listCas(realm);
    return { data: { authorities: cas.map(authorityData) }, text: authorityTable(cas, realm.clock.now()) };
  }
}
