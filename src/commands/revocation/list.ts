import * as Flags from '@oclif/core/flags';
import { listRevoked } from '../../app/revocation-history.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { entriesTable, entryData } from '../../cli/render/revocations.ts';

export default class RevocationList extends BaseCommand<typeof RevocationList> {
  static override summary = 'List what was revoked, in the order in which it happened';
  static override description =
    'The list that nodes and control planes follow. An entry with the reason removeFromCRL says that a hold was ended.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --cluster prod --since 120 --json',
  ];
  static override flags = {
    cluster: Flags.string({ description: 'only nodes of this cluster', helpValue: 'NAME' }),
    node: Flags.string({ description: 'only nodes of this name', helpValue: 'NAME' }),
    since: Flags.integer({ description: 'entries after this place of the list', min: 0, default: 0, helpValue: 'SEQ' }),
    limit: Flags.integer({ description: 'at most so many', min: 1, max: 10_000, default: 1000, helpValue: 'N' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { cluster, node, since, limit } = this.flags;
    const { entries, next } = await listRevoked(await this.context.realm(), { cluster, node, since, limit });
    const more = next === undefined ? [] : [`more: --since ${next}`];
    return {
      data: { revocations: entries.map(entryData), ...(next !== undefined && { next }) },
      text: [entriesTable(entries), ...more].join('\n'),
    };
  }
}
