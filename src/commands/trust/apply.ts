import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { type AppliedTrust, applyTrust, revertTrust } from '../../app/apply-trust.ts';
import { collectOffers } from '../../app/trust-documents.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { documentSource, nodePaths, nodeWorld } from '../../cli/node-world.ts';
import { nodeTrustFlags } from '../../cli/trust-flags.ts';
import { appliedData, appliedText, missingText } from '../../cli/trust-output.ts';
import { parseDigest } from '../../core/digest.ts';
import { JoineryError } from '../../core/errors.ts';

export default class TrustApply extends BaseCommand<typeof TrustApply> {
  static override summary = 'Bring the trust bundle of this node to the newest version offered';
  static override description =
    'Walks from the version that the node trusts to the newest one in the documents, proves every step, and then replaces the PEM file in one ' +
    'step. A refusal leaves everything as it was. The first time it needs the digest of the first manifest, which comes by another way. ' +
    'Exits 4 after a walk that had to stop at a missing version, and when the version in use has expired.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> /media/stick --purpose control-plane-https --path /etc/joinery/ca.pem --state /var/lib/joinery/trust/state.json',
    '<%= config.bin %> <%= command.id %> --revert --purpose control-plane-https --path /etc/joinery/ca.pem --state /var/lib/joinery/trust/state.json',
  ];
  static override args = {
    manifest: Args.string({ multiple: true, ignoreStdin: true, description: 'trust documents: files, directories, or URLs' }),
  };
  static override flags = {
    ...nodeTrustFlags,
    digest: Flags.string({ description: 'digest of the first manifest, for a node that trusts nothing yet', helpValue: 'HEX' }),
    environment: Flags.string({ description: 'refuse documents of another environment', helpValue: 'NAME' }),
    domain: Flags.string({ description: 'refuse documents of another environment domain', helpValue: 'DOMAIN' }),
    revert: Flags.boolean({
      description: 'return to the previous version, within the grace window of the present one',
      exclusive: ['digest'],
    }),
  };

  protected async execute(): Promise<Outcome> {
    const applied = await this.#apply();
    if (applied.healed) this.warning(`${this.flags.path} was not what the state says and was written again`);
    if (applied.missing !== undefined) this.warning(missingText(applied.missing));
    if (applied.expired)
      this.warning(`version ${applied.version} expired on ${applied.expiresAt} and stays in use until a newer one comes`);
    const stale = applied.expired || applied.missing !== undefined;
    return { data: appliedData(applied), text: appliedText(applied), ...(stale && { exitStatus: 4 }) };
  }

  async #apply(): Promise<AppliedTrust> {
    const { digest, environment, domain, revert } = this.flags;
    const paths = nodePaths(this.flags);
    const world = nodeWorld(this.context.world);
    const documents = this.args.manifest ?? [];
    if (revert === documents.length > 0) {
      throw new JoineryError('ERR_USAGE', `expected documents to apply, or --revert, found ${revert ? 'both' : 'neither'}`);
    }
    if (revert) return revertTrust(world, paths);
    return applyTrust(world, {
      ...paths,
      offers: await collectOffers(await documentSource(world, paths.statePath, documents), documents, paths.purpose),
      firstDigest: digest === undefined ? undefined : parseDigest(digest, '--digest'),
      environment: {
        ...(environment !== undefined && { environment_name: environment }),
        ...(domain !== undefined && { environment_domain: domain }),
      },
    });
  }
}
