import * as Flags from '@oclif/core/flags';
import { keepPassphrase } from '../../../app/keychain-passphrases.ts';
import { rewrapKeys } from '../../../app/rewrap-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { custodyFlag, keyFlags, realmFlags } from '../../../cli/flags.ts';
import { otherPassphrase } from '../../../cli/passphrases.ts';

export default class CaKeyRewrap extends BaseCommand<typeof CaKeyRewrap> {
  static override summary = 'Encrypt all private keys of a custody under a new passphrase';
  static override description =
    'All keys of the custody change together: after a crash either the old or the new passphrase opens every one of them. The keys ' +
    'themselves stay the same. Backups and shares made before still need the old passphrase. With --keychain the new one is stored there.';
  static override examples = ['<%= config.bin %> <%= command.id %> --custody offline --new-passphrase-file new-pass'];
  static override flags = {
    custody: custodyFlag,
    'new-passphrase-file': Flags.string({ description: 'file with the new passphrase (default: it is asked for)', helpValue: 'FILE' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { custody, keychain } = this.flags;
    const realm = await this.context.realm();
    await realm.vault.prove(custody);
    const passphrase = await otherPassphrase(
      { files: realm.files, prompter: this.context.prompter },
      {
        file: this.flags['new-passphrase-file'],
        flag: '--new-passphrase-file',
        question: `New passphrase of the ${custody} keys`,
        confirm: true,
      },
    );
    const { keys } = await this.context.progress.step(`encrypting the ${custody} keys`, () => rewrapKeys(realm, { custody, passphrase }));
    if (keychain) await keepPassphrase(realm, { keychain: await this.context.keychain(), custody, passphrase });
    else this.warning('backups, shares and keychains that hold the old passphrase are as they were');
    return { data: { custody, keys }, text: `${keys} ${custody} keys are encrypted under the new passphrase` };
  }
}
