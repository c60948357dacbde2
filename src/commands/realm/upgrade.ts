import { upgradeRealm } from '../../app/upgrade-realm.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';

export default class RealmUpgrade extends BaseCommand<typeof RealmUpgrade> {
  static override summary = 'Bring the state of a realm to the format of this release';
  static override description = 'Copies the state first, then migrates it in one step. A state that is current stays as it is.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { world } = this.context;
    const location = await this.context.location();
    const { from, to, copy } = await upgradeRealm({ ...world, ...location }, await this.context.storeEngine());
    const text =
      copy === undefined ? `already current: format ${to}` : `upgraded from format ${from} to ${to}; the state as it was: ${copy}`;
    return { data: { from, to, upgraded: copy !== undefined, copy }, text };
  }
}
