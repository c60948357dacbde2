import * as Flags from '@oclif/core/flags';
import { reissueToken } from '../../app/reissue-token.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { tokenData, tokenFields } from '../../cli/render/tokens.ts';
import { checkTokenOutput, deliverToken, tokenOutputFlags } from '../../cli/token-output.ts';

export default class TokenReissue extends BaseCommand<typeof TokenReissue> {
  static override summary = 'Revoke a token and mint another with the same bindings';
  static override description =
    'For a token that went astray: the old one stops working and the new one starts in one step. Cluster, role, node, key, labels and uses are the ' +
    'same; the time begins anew.';
  static override examples = ['<%= config.bin %> <%= command.id %> 2fdc0d93-f051-4900-8712-55c99a23d62d --out node-1.jwt'];
  static override args = { id: positional({ description: 'id of the token', required: true }) };
  static override flags = {
    ttl: Flags.string({ description: 'life of the new token (default: as before)', helpValue: 'DURATION' }),
    ...tokenOutputFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    await checkTokenOutput(context.world.files, flags);
    const { ttl } = flags;
    const minted = await reissueToken(await context.realm(), {
      id: this.args.id,
      ...(ttl !== undefined && { ttl: durationFlag('--ttl', ttl) }),
    });
    const data = { ...tokenData(minted.claims, minted), replaces: this.args.id };
    return deliverToken(context.world.files, flags, { token: minted.token, data, about: tokenFields(minted.claims, minted) });
  }
}
