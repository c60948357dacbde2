import { storePassphrase } from '../../../app/keychain-passphrases.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { custodyFlag, passphraseFlags, realmFlags } from '../../../cli/flags.ts';

export default class RealmKeychainStore extends BaseCommand<typeof RealmKeychainStore> {
  static override summary = "Store a passphrase in the operating system's keychain";
  static override description =
    'The passphrase is first shown to open a key of the custody. Commands take it from there with --keychain. On Linux the keychain is ' +
    'the Secret Service of the desktop session (gnome-keyring, KWallet); it needs D-Bus.';
  static override examples = ['<%= config.bin %> <%= command.id %> --custody online'];
  static override flags = { custody: custodyFlag, ...realmFlags, ...passphraseFlags };

  protected async execute(): Promise<Outcome> {
    const { custody } = this.flags;
    const realm = await this.context.realm();
    const keychain = await this.context.keychain();
    await storePassphrase(realm, { keychain, custody, passphrase: await this.context.passphrases(custody, 'open') });
    return { data: { custody, library: keychain.library }, text: `the keychain holds the passphrase of the ${custody} keys` };
  }
}
