import * as Flags from '@oclif/core/flags';
import { rollbackTrust } from '../../app/rollback-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, realmFlags } from '../../cli/flags.ts';
import { purposeFlag, requiredVersionFlag } from '../../cli/trust-flags.ts';
import { publishedData, publishedText } from '../../cli/trust-output.ts';

export default class TrustRollback extends BaseCommand<typeof TrustRollback> {
  static override summary = 'Publish a new version with the anchors of an older one';
  static override description =
    'Numbers only grow: nodes refuse an older version, so a way back is a new version. Activate it to put it in force.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --to 3 --reason "root 4 is faulty" --grace 7d',
  ];
  static override flags = {
    ...purposeFlag,
    to: requiredVersionFlag('the version whose anchors come back'),
    reason: Flags.string({ required: true, description: 'why, for the manifest and the audit log', helpValue: 'TEXT' }),
    expires: Flags.string({ default: '1y', description: 'how long the manifest counts as fresh', helpValue: 'DURATION' }),
    grace: Flags.string({ description: 'keep the present anchors for this long, as phasing out', helpValue: 'DURATION' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, to, reason, expires, grace } = this.flags;
    const published = await rollbackTrust(await this.context.realm(), {
      purpose,
      to,
      reason,
      expires: durationFlag('--expires', expires),
      grace: grace === undefined ? undefined : durationFlag('--grace', grace),
    });
    return { data: publishedData(published), text: publishedText(published) };
  }
}
