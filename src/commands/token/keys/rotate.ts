import * as Flags from '@oclif/core/flags';
import { rotateTokenKey } from '../../../app/token-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../../cli/flags.ts';
import { tokenKeyData, tokenKeyTable } from '../../../cli/render/tokens.ts';

export default class TokenKeysRotate extends BaseCommand<typeof TokenKeysRotate> {
  static override summary = 'Let another key sign tokens';
  static override description =
    'A new key, or with --kid a standby key, signs from now on. The key before goes on verifying until the last token that it may have signed has expired; ' +
    'with --compromised it, and every key before it, verifies nothing from now on, and honest tokens by it must be minted again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --kid KID',
    '<%= config.bin %> <%= command.id %> --compromised',
  ];
  static override flags = {
    kid: Flags.string({ description: 'standby key that signs from now on', helpValue: 'KID', exclusive: ['algorithm', 'custody'] }),
    algorithm: Flags.option({
      options: ['ES256', 'ES384', 'EdDSA'] as const,
      description: 'algorithm of the new key (default: as before)',
    })(),
    custody: Flags.option({ options: ['offline', 'online'] as const, description: 'custody of the new key (default: as before)' })(),
    compromised: Flags.boolean({ description: 'the key before leaked: refuse every token by it' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { kid, algorithm, custody, compromised } = this.flags;
    const realm = await this.context.realm();
    const key = await rotateTokenKey(realm, {
      compromised,
      ...(kid !== undefined && { kid }),
      ...(algorithm && { algorithm }),
      ...(custody && { custody }),
    });
    return { data: tokenKeyData(key), text: tokenKeyTable([key]) };
  }
}
