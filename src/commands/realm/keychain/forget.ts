import { forgetPassphrase } from '../../../app/keychain-passphrases.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { custodyFlag, realmFlags } from '../../../cli/flags.ts';

export default class RealmKeychainForget extends BaseCommand<typeof RealmKeychainForget> {
  static override summary = "Remove a passphrase from the operating system's keychain";
  static override examples = ['<%= config.bin %> <%= command.id %> --custody online'];
  static override flags = { custody: custodyFlag, ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { custody } = this.flags;
    const realm = await this.context.realm();
    const keychain = await this.context.keychain();
    await forgetPassphrase(realm, keychain, custody);
    return { data: { custody, library: keychain.library }, text: `the keychain no longer holds the passphrase of the ${custody} keys` };
  }
}
