import { listTokenKeys } from '../../../app/token-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { realmFlags } from '../../../cli/flags.ts';
import { tokenKeyData, tokenKeyTable } from '../../../cli/render/tokens.ts';

export default class TokenKeysList extends BaseCommand<typeof TokenKeysList> {
  static override summary = 'List the token signing keys of the realm';
  static override description =
    'active: signs. standby: published, may sign later. retiring: verifies until the last token that it signed has expired. retired: verifies nothing.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const keys = await listTokenKeys(await this.context.realm());
    return { data: { keys: keys.map(tokenKeyData) }, text: tokenKeyTable(keys) };
  }
}
