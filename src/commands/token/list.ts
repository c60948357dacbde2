import * as Flags from '@oclif/core/flags';
import { type ListedToken, listTokens } from '../../app/list-tokens.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { grantData, grantTable } from '../../cli/render/tokens.ts';

export default class TokenList extends BaseCommand<typeof TokenList> {
  static override summary = 'List the tokens that the realm has minted';
  static override description =
    'What each grants and how it stands now: usable, early (not valid yet), exhausted, expired, revoked, or superseded (older than a restore, ' +
    'or than the revocation of everything of its node). Tokens that ended are listed until token gc removes them.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --status usable --json'];
  static override flags = {
    status: Flags.option({
      options: ['usable', 'early', 'exhausted', 'expired', 'revoked', 'superseded'] as const,
      description: 'only tokens that stand so',
    })(),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const { status } = this.flags;
    const tokens: ListedToken[] = [];
    let next: string | undefined;
    do {
      const page = await listTokens(realm, { limit: 500, ...(next !== undefined && { after: next }) });
      tokens.push(...page.tokens.filter((token) => status === undefined || token.status === status));
      next = page.next;
    } while (next !== undefined);
    return { data: { tokens: tokens.map(grantData) }, text: grantTable(tokens) };
  }
}
