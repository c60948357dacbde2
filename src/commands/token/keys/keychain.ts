import * as Flags from '@oclif/core/flags';
import { forgetTokenKey, keepTokenKey } from '../../../app/keychain-token-key.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { passphraseFlags } from '../../../cli/flags.ts';
import { nameOfInput } from '../../../cli/input.ts';
import { readKeyText } from '../../../cli/token-flags.ts';
import { JoineryError } from '../../../core/errors.ts';
import { Secret } from '../../../core/secret.ts';

export default class TokenKeysKeychain extends BaseCommand<typeof TokenKeysKeychain> {
  static override summary = "Keep a signing key in the operating system's keychain, for minting without a realm";
  static override description =
    'token mint --keychain --issuer NAME then signs with it. The file stays where it is: remove it when the key is kept. An encrypted key is ' +
    'kept encrypted, and its passphrase is asked for at each use.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --issuer control.example.internal --key-file ci.pem',
    '<%= config.bin %> <%= command.id %> --issuer control.example.internal --forget',
  ];
  static override flags = {
    issuer: Flags.string({ required: true, description: 'issuer that it signs for', helpValue: 'NAME' }),
    'key-file': Flags.string({ description: 'private key, PEM or JWK; - for stdin', helpValue: 'FILE' }),
    forget: Flags.boolean({ description: 'remove it from the keychain', exclusive: ['key-file'] }),
    ...passphraseFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { issuer, forget, 'key-file': file } = this.flags;
    if (file === undefined && !forget) throw new JoineryError('ERR_USAGE', 'expected --key-file or --forget, found neither');
    if (file === undefined) {
      await forgetTokenKey(await this.context.keychain(), issuer);
      return { data: { issuer, kept: false }, text: `the keychain no longer holds the key of ${issuer}` };
    }
    const text = await readKeyText(this.context.world.files, file);
    const key = await this.context.signingKeyOf(text, nameOfInput(file));
    const kept = await keepTokenKey({ keychain: await this.context.keychain(), issuer, text: new Secret(text), key });
    return { data: { issuer, kept: true, ...kept }, text: `the keychain holds the key of ${issuer} (${kept.algorithm}, ${kept.kid})` };
  }
}
