import { collectSignatures } from '../../app/cosign-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { readJson } from '../../cli/input.ts';
import { proposalData, proposalText } from '../../cli/trust-output.ts';

export default class TrustCollect extends BaseCommand<typeof TrustCollect> {
  static override summary = 'Add the signatures of a proposal to the published version';
  static override examples = ['<%= config.bin %> <%= command.id %> signed.json'];
  static override args = { file: positional({ description: 'the signed proposal, - for stdin', required: true }) };
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { value, what } = await readJson(this.context.world.files, this.args.file);
    const proposal = await collectSignatures(await this.context.realm(), value, what);
    return { data: proposalData(proposal), text: proposalText(proposal) };
  }
}
