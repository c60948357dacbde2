import * as Flags from '@oclif/core/flags';
import { exportProposal } from '../../app/cosign-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { purposeFlag, requiredVersionFlag } from '../../cli/trust-flags.ts';
import { proposalData, proposalText } from '../../cli/trust-output.ts';
import { fileOutcome } from '../../cli/trust-write.ts';
import { canonicalJson } from '../../core/canonical-json.ts';

export default class TrustPropose extends BaseCommand<typeof TrustPropose> {
  static override summary = 'Write a published version as a file for signers on other machines';
  static override description =
    'They add their signature with joinery trust sign; joinery trust collect brings it home. No node accepts a proposal.';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose control-plane-https --version 2 --out proposal.json'];
  static override flags = {
    ...purposeFlag,
    version: requiredVersionFlag('the published version'),
    out: Flags.string({ char: 'o', description: 'new file to write (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, version, out } = this.flags;
    const realm = await this.context.realm();
    const proposal = await exportProposal(realm, purpose, version);
    return fileOutcome(realm.files, out, `${canonicalJson(proposal.document)}\n`, proposalData(proposal), proposalText(proposal));
  }
}
