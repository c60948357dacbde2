import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { formatOf, readLog, renderReport, REPORT_FORMATS } from '../../cli/drill.ts';
import { positional } from '../../cli/flags.ts';
import { drillReport, reportJson } from '../../core/drill/report.ts';
import { utf8 } from '../../core/encoding.ts';

export default class DrillReportCommand extends BaseCommand<typeof DrillReportCommand> {
  static override summary = 'Make the report of a drill from its log';
  static override description =
    'As text, Markdown, JSON, or one HTML page that needs nothing else: with curves and a timeline, for light and dark screens and for paper. ' +
    'The same log gives the same report, byte for byte.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> issuing-ca.jsonl --out report.html',
    '<%= config.bin %> <%= command.id %> issuing-ca.jsonl --format markdown',
  ];
  static override args = { log: positional({ description: 'log of a drill; - for stdin', required: true }) };
  static override flags = {
    format: Flags.option({ options: REPORT_FORMATS, description: 'form of the report (default: by the ending of --out, or text)' })(),
    out: Flags.string({ char: 'o', description: 'new file (default: stdout)', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { out, format } = this.flags;
    const { files } = this.context.world;
    const log = await readLog(files, this.args.log);
    const toFile = out !== undefined && out !== '-';
    const text = renderReport(log, format ?? (toFile ? formatOf(out) : 'text'));
    const data = { report: reportJson(drillReport(log)) };
    if (!toFile) return { data, text: text.trimEnd() };
    await files.create(out, utf8(text), 0o644);
    return { data: { ...data, file: out }, text: `wrote ${out}` };
  }
}
