import * as Flags from '@oclif/core/flags';
import { trustHistory } from '../../app/trust-history.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { table } from '../../cli/render/text.ts';
import { purposeFlag } from '../../cli/trust-flags.ts';
import { bySubject, historyData } from '../../cli/trust-output.ts';
import { utf8 } from '../../core/encoding.ts';
import { historyPage } from '../../core/trust/history-html.ts';

export default class TrustHistory extends BaseCommand<typeof TrustHistory> {
  static override summary = 'Show the activated versions of a trust bundle and the life of each anchor';
  static override description = 'With --html also as one page with a time line; the page holds no script and nothing from outside.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https',
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --html history.html',
  ];
  static override flags = {
    ...purposeFlag,
    html: Flags.string({ description: 'new file for the page', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, html } = this.flags;
    const realm = await this.context.realm();
    const history = await trustHistory(realm, purpose);
    if (html !== undefined) await realm.files.create(html, utf8(historyPage(history)), 0o644);
    const rows = history.versions.map(({ version, state, publishedAt, anchors, reason }) => {
      const names = bySubject(anchors)
        .map(({ subject, phase }) => `${subject} (${phase})`)
        .join(', ');
      return [String(version), state, publishedAt, names, reason ?? ''];
    });
    const text = table(['VERSION', 'STATE', 'PUBLISHED', 'ANCHORS', 'REASON'], rows);
    const versions = history.versions.map((version) => historyData(version));
    return {
      data: { purpose, versions, ...(html !== undefined && { file: html }) },
      text: html === undefined ? text : `${text}\n\nwrote ${html}`,
    };
  }
}
