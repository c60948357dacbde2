import * as Flags from '@oclif/core/flags';
import { exportOnline } from '../../app/export-online.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';

export default class RealmExport extends BaseCommand<typeof RealmExport> {
  static override summary = 'Make a realm without offline keys, for a server';
  static override description =
    'Copies state, configuration, certificates, policies and the online keys (as encrypted as they are) into a new directory. The roots and the ' +
    'signers of trust stay behind. From then on the copy lives its own life: nodes join there, and new trust bundle versions come to it by ' +
    'joinery trust import.';
  static override examples = ['<%= config.bin %> <%= command.id %> --online --out /media/stick/server-realm'];
  static override flags = {
    online: Flags.boolean({ required: true, description: 'leave the offline keys out: there is no other export' }),
    out: Flags.string({ char: 'o', required: true, description: 'new directory to write', helpValue: 'DIR' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const engine = await this.context.storeEngine();
    const found = await this.context.progress.step('copying the realm', () => exportOnline(realm, engine, this.flags.out));
    const { directory, realmId, onlineKeys, offlineKeys } = found;
    return {
      data: { directory, realm_id: realmId, online_keys: onlineKeys, offline_keys_left_out: offlineKeys },
      text: fields({ realm: directory, 'online keys': onlineKeys, 'offline keys': `${offlineKeys} left out` }),
    };
  }
}
