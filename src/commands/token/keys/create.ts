import * as Flags from '@oclif/core/flags';
import { createTokenKey } from '../../../app/token-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../../cli/flags.ts';
import { tokenKeyData, tokenKeyTable } from '../../../cli/render/tokens.ts';

export default class TokenKeysCreate extends BaseCommand<typeof TokenKeysCreate> {
  static override summary = 'Create a token signing key';
  static override description =
    'The first key of a realm signs at once. A later one stands by: publish it (token keys export), then let it sign with token keys rotate --kid.';
  static override examples = ['<%= config.bin %> <%= command.id %> --algorithm EdDSA'];
  static override flags = {
    algorithm: Flags.option({
      options: ['ES256', 'ES384', 'EdDSA'] as const,
      description: 'algorithm that the key is fixed to (default: as the active key, else ES256)',
    })(),
    custody: Flags.option({
      options: ['offline', 'online'] as const,
      description: 'online only if a server mints tokens (default: as the active key, else offline)',
    })(),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { algorithm, custody } = this.flags;
    const realm = await this.context.realm();
    const key = await createTokenKey(realm, { ...(algorithm && { algorithm }), ...(custody && { custody }) });
    return { data: tokenKeyData(key), text: tokenKeyTable([key]) };
  }
}
