import * as Flags from '@oclif/core/flags';
import { publishTrust } from '../../app/publish-trust.ts';
import { resetTrustChain } from '../../app/reset-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, realmFlags } from '../../cli/flags.ts';
import { nameOfInput, readInput } from '../../cli/input.ts';
import { phaseFlag, phasesOf, purposeFlag } from '../../cli/trust-flags.ts';
import { publishedData, publishedText } from '../../cli/trust-output.ts';
import { decodeUtf8 } from '../../core/encoding.ts';
import { MAX_BUNDLE, type PemText } from '../../core/trust/bundle.ts';

export default class TrustPublish extends BaseCommand<typeof TrustPublish> {
  static override summary = 'Publish the next version of a trust bundle';
  static override description =
    'Collects self-signed CA certificates from the realm and from PEM files, puts them into canonical form, and signs the manifest of the ' +
    'next version. It shows what changes. Nothing leaves the realm before the version is activated.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --ca web-root',
    '<%= config.bin %> <%= command.id %> --purpose node-cert-lifecycle --ca node-root-2 --grace 30d --reason "root rotation 2027"',
  ];
  static override flags = {
    ...purposeFlag,
    ca: Flags.string({
      multiple: true,
      default: [],
      description: 'an authority of the realm that is a root (repeatable)',
      helpValue: 'NAME',
    }),
    pem: Flags.string({
      multiple: true,
      default: [],
      description: 'a file with PEM certificates, - for stdin (repeatable)',
      helpValue: 'FILE',
    }),
    expires: Flags.string({ default: '1y', description: 'how long the manifest counts as fresh', helpValue: 'DURATION' }),
    grace: Flags.string({
      description: 'keep the anchors that are left out for this long, as phasing out',
      helpValue: 'DURATION',
    }),
    phase: phaseFlag,
    reason: Flags.string({ description: 'why, for the manifest and the audit log', helpValue: 'TEXT' }),
    'allow-shared-anchor': Flags.string({
      description: 'let one anchor serve both purposes, for this reason (it stands in the manifest)',
      helpValue: 'REASON',
    }),
    'new-chain': Flags.boolean({
      description: 'begin anew because the signers are lost: nodes accept it by joinery trust reset with its digest only',
      dependsOn: ['reason'],
      exclusive: ['grace', 'phase'],
    }),
    above: Flags.integer({
      min: 1,
      max: 2147483646,
      description: 'with --new-chain: number above this one',
      dependsOn: ['new-chain'],
      helpValue: 'N',
    }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags } = this;
    const { purpose, ca: cas, reason, above } = flags;
    const common = {
      purpose,
      cas,
      pems: await this.#pems(),
      expires: durationFlag('--expires', flags.expires),
      sharedAnchorReason: flags['allow-shared-anchor'],
    };
    const grace = flags.grace === undefined ? undefined : durationFlag('--grace', flags.grace);
    const realm = await this.context.realm();
    // --new-chain depends on --reason.
    const published = flags['new-chain']
      ? await resetTrustChain(realm, { ...common, reason: reason as string, above })
      : await publishTrust(realm, { ...common, reason, grace, phases: phasesOf(flags.phase) });
    if (published.signatures < published.minSignatures) {
      this.warning(
        `version ${published.version} has ${published.signatures} of ${published.minSignatures} signatures: joinery trust propose asks the other signers`,
      );
    }
    return { data: publishedData(published), text: publishedText(published) };
  }

  async #pems(): Promise<readonly PemText[]> {
    const pems: PemText[] = [];
    for (const path of this.flags.pem) {
      const what = nameOfInput(path);
      pems.push({ what, text: decodeUtf8(await readInput(this.context.world.files, path, MAX_BUNDLE), what) });
    }
    return pems;
  }
}
