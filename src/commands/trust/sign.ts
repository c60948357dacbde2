import * as Flags from '@oclif/core/flags';
import { signProposal } from '../../app/cosign-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { readJson } from '../../cli/input.ts';
import { proposalData, proposalText } from '../../cli/trust-output.ts';
import { fileOutcome } from '../../cli/trust-write.ts';
import { canonicalJson } from '../../core/canonical-json.ts';

export default class TrustSign extends BaseCommand<typeof TrustSign> {
  static override summary = 'Add the signature of a key in this realm to a proposal';
  static override description =
    'For two-person and air-gapped signing: the file comes from joinery trust propose and goes back to joinery trust collect. Read the anchors ' +
    'that it shows before you pass it on.';
  static override examples = ['<%= config.bin %> <%= command.id %> proposal.json --out signed.json'];
  static override args = { file: positional({ description: 'the proposal, - for stdin', required: true }) };
  static override flags = {
    out: Flags.string({ char: 'o', description: 'new file to write (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { value, what } = await readJson(this.context.world.files, this.args.file);
    const realm = await this.context.realm();
    const proposal = await signProposal(realm, value, what);
    return fileOutcome(
      realm.files,
      this.flags.out,
      `${canonicalJson(proposal.document)}\n`,
      proposalData(proposal),
      proposalText(proposal),
    );
  }
}
