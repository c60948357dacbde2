import * as Flags from '@oclif/core/flags';
import { rotateTrustKey } from '../../../app/trust-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../../cli/flags.ts';
import { keyTypeFlag, purposeFlag } from '../../../cli/trust-flags.ts';
import { signersOutcome } from '../../../cli/trust-output.ts';

export default class TrustKeysRotate extends BaseCommand<typeof TrustKeysRotate> {
  static override summary = 'Give a signer a new key';
  static override description = 'The next version is signed by the old key and the new one, so that nodes accept the change.';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose control-plane-https --name working'];
  static override flags = {
    ...purposeFlag,
    name: Flags.string({ required: true, description: 'name or kid of the signer', helpValue: 'NAME' }),
    type: keyTypeFlag,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    return signersOutcome(await rotateTrustKey(realm, this.flags));
  }
}
