import * as Flags from '@oclif/core/flags';
import { publishTrust } from '../../app/publish-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, realmFlags } from '../../cli/flags.ts';
import { readJson } from '../../cli/input.ts';
import { purposeFlag } from '../../cli/trust-flags.ts';
import { publishedData, publishedText } from '../../cli/trust-output.ts';
import { parseSpiffeBundle } from '../../core/trust/spiffe.ts';

export default class TrustImport extends BaseCommand<typeof TrustImport> {
  static override summary = 'Publish the X.509 authorities of a SPIFFE bundle as the next version';
  static override description = 'Reads a bundle document or a bundle map. Every authority must be a self-signed CA certificate.';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose node-cert-lifecycle --spiffe bundle.json'];
  static override flags = {
    ...purposeFlag,
    spiffe: Flags.string({ required: true, description: 'the bundle, - for stdin', helpValue: 'FILE' }),
    'trust-domain': Flags.string({ description: 'which bundle of a map (default: the trust domain of the realm)', helpValue: 'NAME' }),
    expires: Flags.string({ default: '1y', description: 'how long the manifest counts as fresh', helpValue: 'DURATION' }),
    grace: Flags.string({ description: 'keep the anchors that are left out for this long, as phasing out', helpValue: 'DURATION' }),
    reason: Flags.string({ description: 'why, for the manifest and the audit log', helpValue: 'TEXT' }),
    'allow-shared-anchor': Flags.string({
      description: 'let one anchor serve both purposes, for this reason (it stands in the manifest)',
      helpValue: 'REASON',
    }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, spiffe, 'trust-domain': domain, expires, grace, reason } = this.flags;
    const { value, what } = await readJson(this.context.world.files, spiffe);
    const realm = await this.context.realm();
    const published = await publishTrust(realm, {
      purpose,
      cas: [],
      pems: parseSpiffeBundle(value, domain ?? realm.config.trust_domain, what),
      expires: durationFlag('--expires', expires),
      grace: grace === undefined ? undefined : durationFlag('--grace', grace),
      reason,
      sharedAnchorReason: this.flags['allow-shared-anchor'],
    });
    return { data: publishedData(published), text: publishedText(published) };
  }
}
