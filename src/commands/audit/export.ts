import * as Flags from '@oclif/core/flags';
import { exportAudit } from '../../app/export-audit.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { utf8 } from '../../core/encoding.ts';

export default class AuditExport extends BaseCommand<typeof AuditExport> {
  static override summary = 'Export the audit log as JSON lines';
  static override description =
    'Each line is exactly the bytes of a record: with a checkpoint, an export can be verified without joinery. The leaf hash of a record is ' +
    'SHA-256 over a zero byte and its line without the newline (RFC 6962).';
  static override examples = [
    '<%= config.bin %> <%= command.id %> > audit.jsonl',
    '<%= config.bin %> <%= command.id %> --from 1000 --out audit.jsonl',
  ];
  static override flags = {
    from: Flags.integer({ default: 0, min: 0, description: 'first sequence number', helpValue: 'SEQ' }),
    out: Flags.string({ char: 'o', description: 'new file to write, 0600 (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { from, out, json } = this.flags;
    const realm = await this.context.realm();
    const toStdout = out === undefined || out === '-';
    const lines: string[] = [];
    const keep = (line: string): Promise<void> => Promise.resolve(void lines.push(line));
    const count = await exportAudit(realm.store, from, toStdout && !json ? (line) => this.line(line) : keep);
    if (toStdout) return { data: { records: count, lines }, text: '' };
    await realm.files.create(out, utf8(lines.map((line) => `${line}\n`).join('')), 0o600);
    return { data: { records: count, file: out }, text: `wrote ${out}: ${count} records` };
  }
}
