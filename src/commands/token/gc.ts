import { collectTokens } from '../../app/collect-tokens.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';

export default class TokenGc extends BaseCommand<typeof TokenGc> {
  static override summary = 'Forget tokens that ended';
  static override description =
    'Removes registrations, uses and revocations of tokens that ended more than an hour ago; audit records stay. A clock that was set back is refused.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { removed, kept } = await collectTokens(await this.context.realm());
    return { data: { removed, kept }, text: `removed ${removed} records, kept ${kept}` };
  }
}
