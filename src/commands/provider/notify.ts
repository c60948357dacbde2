import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { tellNow } from '../../cli/tell-providers.ts';

export default class ProviderNotify extends BaseCommand<typeof ProviderNotify> {
  static override summary = 'Tell identity providers of the revocations that they have not heard of';
  static override description =
    'A command that revokes does it at once, and a running server within a minute of an outage: this is for where neither could. A provider ' +
    'that revokes nothing is not asked again, and the audit log says so. Exits 7 when one cannot be asked now.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { told, dropped, pending } = await tellNow(await this.context.realm());
    for (const { serial, reason } of dropped) this.warning(`the identity provider of ${serial} will not be told: ${reason}`);
    const [first] = pending;
    if (first !== undefined) throw first.error;
    return {
      data: { told: [...told], dropped: dropped.map(({ serial, reason }) => ({ serial, reason })) },
      text: told.length === 0 ? 'nothing to tell' : `told of ${told.join(', ')}`,
    };
  }
}
