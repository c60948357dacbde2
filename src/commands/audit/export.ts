import * as Flags from '@oclif/core/flags';
import { exportAudit } from '../../app/export-audit.ts';
import { auditFilter, auditFilterFlags } from '../../cli/audit-flags.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { EXPORT_FORMATS } from '../../core/audit/export-line.ts';
import { concat, utf8 } from '../../core/encoding.ts';
import { JoineryError } from '../../core/errors.ts';

export default class AuditExport extends BaseCommand<typeof AuditExport> {
  static override summary = 'Export the audit log as JSON lines, CEF or syslog';
  static override description =
    'As JSON lines each line is exactly the bytes of a record: with a checkpoint, a whole export can be verified without joinery. The leaf hash ' +
    'of a record is SHA-256 over a zero byte and its line without the newline (RFC 6962). cef is the Common Event Format, syslog is RFC 5424 ' +
    'with the record as its message, both one record a line.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> > audit.jsonl',
    '<%= config.bin %> <%= command.id %> --from 1000 --out audit.jsonl',
    '<%= config.bin %> <%= command.id %> --format cef --result refused --since 24h',
    '<%= config.bin %> <%= command.id %> --format syslog --hostname ca.example.com --from 1000',
  ];
  static override flags = {
    format: Flags.option({ options: EXPORT_FORMATS, description: 'form of the lines' })({ default: 'jsonl' }),
    hostname: Flags.string({ default: '-', description: 'HOSTNAME of syslog lines', helpValue: 'NAME' }),
    from: Flags.integer({ default: 0, min: 0, description: 'first sequence number', helpValue: 'SEQ' }),
    out: Flags.string({ char: 'o', description: 'new file to write, 0600 (default: stdout)', helpValue: 'FILE' }),
    ...auditFilterFlags,
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { from, out, json, format, hostname } = this.flags;
    // RFC 5424 section 6: printable ASCII, at most 255.
    if (!/^[\x21-\x7e]{1,255}$/.test(hostname))
      throw new JoineryError('ERR_USAGE', '--hostname: expected 1 to 255 printable ASCII characters, found others');
    const realm = await this.context.realm();
    const filter = auditFilter(this.flags, realm.clock.now());
    const input = { from, filter, format: { name: format, source: { version: this.config.version, hostname } } };
    const toStdout = out === undefined || out === '-';
    const lines: string[] = [];
    const file = new LineBytes();
    const keep = (line: string): Promise<void> => Promise.resolve(void (toStdout ? lines.push(line) : file.add(line)));
    const count = await exportAudit(realm.store, input, toStdout && !json ? (line) => this.line(line) : keep);
    if (toStdout) return { data: { records: count, lines }, text: '' };
    await realm.files.create(out, file.bytes(), 0o600);
    return { data: { records: count, file: out }, text: `wrote ${out}: ${count} records` };
  }
}

const PIECE = 1_000_000;

/** Lines as the bytes of a file: one text of all of them may be longer than a text can be. */
class LineBytes {
  readonly #pieces: Uint8Array[] = [];
  #text = '';

  add(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length > PIECE) this.#flush();
  }

  bytes(): Uint8Array {
    this.#flush();
    return concat(...this.#pieces);
  }

  #flush(): void {
    this.#pieces.push(utf8(this.#text));
    this.#text = '';
  }
}
