import * as Flags from '@oclif/core/flags';
import { retireTrust } from '../../app/retire-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, realmFlags } from '../../cli/flags.ts';
import { purposeFlag } from '../../cli/trust-flags.ts';
import { publishedData, publishedText } from '../../cli/trust-output.ts';

export default class TrustRetire extends BaseCommand<typeof TrustRetire> {
  static override summary = 'End a rotation: publish a version without the anchors that are phasing out';
  static override description =
    'Refused inside the grace window, because nodes that have not updated would be cut off; --force with a reason does it all the same.';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose node-cert-lifecycle'];
  static override flags = {
    ...purposeFlag,
    force: Flags.boolean({ description: 'retire inside the grace window', dependsOn: ['reason'] }),
    reason: Flags.string({ description: 'why, for the manifest and the audit log', helpValue: 'TEXT' }),
    expires: Flags.string({ default: '1y', description: 'how long the manifest counts as fresh', helpValue: 'DURATION' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, force, reason, expires } = this.flags;
    const published = await retireTrust(await this.context.realm(), {
      purpose,
      force,
      reason,
      expires: durationFlag('--expires', expires),
    });
    return { data: publishedData(published), text: publishedText(published) };
  }
}
