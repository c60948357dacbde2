import { listTrust } from '../../app/show-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { optionalPurposeFlag } from '../../cli/trust-flags.ts';
import { summaryData, summaryTable } from '../../cli/trust-output.ts';
import { PURPOSES } from '../../core/trust/purpose.ts';

export default class TrustList extends BaseCommand<typeof TrustList> {
  static override summary = 'List the versions of the trust bundles';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --purpose node-cert-lifecycle --json',
  ];
  static override flags = { ...optionalPurposeFlag, ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { purpose } = this.flags;
    const realm = await this.context.realm();
    const summaries = [];
    for (const each of purpose === undefined ? PURPOSES : [purpose]) summaries.push(...(await listTrust(realm, each)));
    const text = summaries.length === 0 ? 'no trust bundle version is published; joinery trust publish makes one' : summaryTable(summaries);
    return { data: { versions: summaries.map((summary) => summaryData(summary)) }, text };
  }
}
