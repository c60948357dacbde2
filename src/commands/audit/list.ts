import * as Flags from '@oclif/core/flags';
import { followAudit, listAudit } from '../../app/list-audit.ts';
import { auditFilter, auditFilterFlags, auditLine } from '../../cli/audit-flags.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import type { AuditFilter } from '../../core/audit/filter.ts';
import type { AuditRecord } from '../../core/audit/record.ts';
import { canonicalJson } from '../../core/canonical-json.ts';

export default class AuditList extends BaseCommand<typeof AuditList> {
  static override summary = 'Show records of the audit log';
  static override description =
    'The newest records, oldest first; --from pages forward instead. With --follow, new records are shown as they come, also those of ' +
    'other processes, until the command is interrupted; with --json each is then one line.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --limit 20',
    '<%= config.bin %> <%= command.id %> --event "token.*" --result refused --since 24h',
    '<%= config.bin %> <%= command.id %> --follow',
  ];
  static override flags = {
    ...auditFilterFlags,
    limit: Flags.integer({ default: 100, min: 1, max: 100_000, description: 'at most so many records', helpValue: 'N' }),
    from: Flags.integer({ min: 0, description: 'forward from this sequence number', helpValue: 'SEQ' }),
    follow: Flags.boolean({ description: 'go on with new records as they come' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { from, limit, follow } = this.flags;
    const realm = await this.context.realm();
    const filter = auditFilter(this.flags, realm.clock.now());
    const size = await realm.store.auditSize();
    const page = await listAudit(realm.store, { filter, limit, ...(from !== undefined && { from }) });
    if (follow) return this.#follow(page.records, filter, page.next ?? size);
    const more = page.next === undefined ? [] : [`more: --from ${page.next}`];
    const lines = [...page.records.map((record) => auditLine(record, this.paint)), ...more];
    return { data: { records: page.records, next: page.next, size }, text: lines.length === 0 ? 'no records' : lines.join('\n') };
  }

  async #follow(first: readonly AuditRecord[], filter: AuditFilter, from: number): Promise<Outcome> {
    const { store } = await this.context.realm();
    const emit = (record: AuditRecord): Promise<void> => this.line(this.flags.json ? canonicalJson(record) : auditLine(record, this.paint));
    for (const record of first) await emit(record);
    await followAudit(store, { filter, from }, emit).ended;
    return { data: {}, text: '' };
  }
}
