import { listTrustKeys } from '../../../app/trust-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { realmFlags } from '../../../cli/flags.ts';
import { purposeFlag } from '../../../cli/trust-flags.ts';
import { signersOutcome } from '../../../cli/trust-output.ts';

export default class TrustKeysList extends BaseCommand<typeof TrustKeysList> {
  static override summary = 'List the signers of trust manifests';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose control-plane-https'];
  static override flags = {
    ...purposeFlag,
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    return signersOutcome(await listTrustKeys(realm, this.flags.purpose));
  }
}
