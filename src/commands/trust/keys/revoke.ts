import * as Flags from '@oclif/core/flags';
import { revokeTrustKey } from '../../../app/trust-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../../cli/flags.ts';
import { minSignaturesFlag, purposeFlag } from '../../../cli/trust-flags.ts';
import { signersOutcome } from '../../../cli/trust-output.ts';

export default class TrustKeysRevoke extends BaseCommand<typeof TrustKeysRevoke> {
  static override summary = 'Take a signer out of the next version';
  static override description = 'The present version stays valid until a new one is published and activated without the signer.';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose control-plane-https --name spare'];
  static override flags = {
    ...purposeFlag,
    name: Flags.string({ required: true, description: 'name or kid of the signer', helpValue: 'NAME' }),
    'min-signatures': minSignaturesFlag,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    return signersOutcome(await revokeTrustKey(realm, { ...this.flags, minSignatures: this.flags['min-signatures'] }));
  }
}
