import { diffTrust } from '../../app/show-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { purposeFlag, requiredVersionFlag } from '../../cli/trust-flags.ts';
import { anchorData, anchorTable, summaryData } from '../../cli/trust-output.ts';

export default class TrustDiff extends BaseCommand<typeof TrustDiff> {
  static override summary = 'Show what lies between two versions of a trust bundle';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose control-plane-https --from 1 --to 3'];
  static override flags = {
    ...purposeFlag,
    from: requiredVersionFlag('the earlier version'),
    to: requiredVersionFlag('the later version'),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, from, to } = this.flags;
    const { changes, signersAdded, signersRemoved, ...ends } = await diffTrust(await this.context.realm(), purpose, from, to);
    const signers = [...signersAdded.map((kid) => `+ signer ${kid}`), ...signersRemoved.map((kid) => `- signer ${kid}`)];
    return {
      data: {
        from: summaryData(ends.from),
        to: summaryData(ends.to),
        anchors: anchorData(changes),
        signers_added: signersAdded,
        signers_removed: signersRemoved,
      },
      text: [`${purpose}: version ${from} to ${to}`, '', anchorTable(changes), ...signers].join('\n'),
    };
  }
}
