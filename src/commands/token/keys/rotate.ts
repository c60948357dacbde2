import * as Flags from '@oclif/core/flags';
import { rotateTokenKey } from '../../../app/token-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../../cli/flags.ts';
import { tokenKeyData, tokenKeyTable } from '../../../cli/render/tokens.ts';

export default class TokenKeysRotate extends BaseCommand<typeof TokenKeysRotate> {
  static override summary = 'Let another key sign tokens';
  static override description =
    'A new key, or with --kid a standby key, signs from now on. The key before goes on verifying until the last token that it may have signed has expired.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --kid KID'];
  static override flags = {
    kid: Flags.string({ description: 'standby key that signs from now on', helpValue: 'KID', exclusive: ['algorithm', 'custody'] }),
    algorithm: Flags.option({
      options: ['ES256', 'ES384', 'EdDSA'] as const,
      description: 'algorithm of the new key (default: as before)',
    })(),
    custody: Flags.option({ options: ['offline', 'online'] as const, description: 'custody of the new key (default: as before)' })(),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { kid, algorithm, custody } = this.flags;
    const realm = await this.context.realm();
    const key = await rotateTokenKey(realm, {
      ...(kid !== undefined && { kid }),
      ...(algorithm && { algorithm }),
      ...(custody && { custody }),
    });
    return { data: tokenKeyData(key), text: tokenKeyTable([key]) };
  }
}
