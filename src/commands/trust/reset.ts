import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { resetTrust } from '../../app/apply-trust.ts';
import { collectOffers } from '../../app/trust-documents.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { download, nodePaths, nodeWorld } from '../../cli/node-world.ts';
import { nodeTrustFlags } from '../../cli/trust-flags.ts';
import { appliedData, appliedText } from '../../cli/trust-output.ts';
import { parseDigest } from '../../core/digest.ts';

export default class TrustReset extends BaseCommand<typeof TrustReset> {
  static override summary = 'Begin the trust of this node anew from a digest: the way back from lost signers';
  static override description =
    'The digest must come by another way than the documents, from the operator. Only a version above every one that this node ever trusted is ' +
    'accepted. On the realm: joinery trust publish --new-chain.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> stick/ --digest HEX --purpose control-plane-https --path /etc/joinery/ca.pem --state /var/lib/joinery/trust/state.json',
  ];
  static override args = {
    manifest: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description: 'trust documents: files, directories, or URLs',
    }),
  };
  static override flags = {
    ...nodeTrustFlags,
    digest: Flags.string({ required: true, description: 'digest of the first manifest of the new chain', helpValue: 'HEX' }),
  };

  protected async execute(): Promise<Outcome> {
    const paths = nodePaths(this.flags);
    const world = nodeWorld(this.context.world);
    // The digest proves the documents, as on first contact: what the node trusted may be lost, or be the reason for the reset.
    const offers = await collectOffers({ files: world.files, download }, this.args.manifest, paths.purpose);
    const applied = await resetTrust(world, { ...paths, offers, firstDigest: parseDigest(this.flags.digest, '--digest') });
    return { data: appliedData(applied), text: appliedText(applied) };
  }
}
