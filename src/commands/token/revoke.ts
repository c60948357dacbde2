import * as Flags from '@oclif/core/flags';
import { revokeToken, revokeTokensOfNode } from '../../app/revoke-token.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { instantFlag, optionalPositional, realmFlags } from '../../cli/flags.ts';
import { JoineryError } from '../../core/errors.ts';
import { formatInstant } from '../../core/time.ts';
import { TOKEN_FORMATS } from '../../core/token/grant.ts';

export default class TokenRevoke extends BaseCommand<typeof TokenRevoke> {
  static override summary = 'Revoke a token, or every token so far of a node';
  static override description =
    'By id, whether the realm registered the token or not: an unregistered one (stateless minting) stays denied until --exp, or for the longest ' +
    'life that a token may have. With --all-for every token issued up to now stops working for the node.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 2fdc0d93-f051-4900-8712-55c99a23d62d --reason "laptop lost"',
    '<%= config.bin %> <%= command.id %> --all-for node-1',
  ];
  static override args = { id: optionalPositional({ description: 'id of the token (token list, token explain)' }) };
  static override flags = {
    'all-for': Flags.string({ description: 'every token issued up to now for this node', helpValue: 'NODE' }),
    reason: Flags.string({ description: 'why, for the audit log', helpValue: 'TEXT' }),
    exp: Flags.string({ description: 'when an unregistered token ends', helpValue: 'TIME', exclusive: ['all-for'] }),
    format: Flags.option({
      options: TOKEN_FORMATS,
      description: 'dialect of an unregistered token (default: jwt)',
      exclusive: ['all-for'],
    })(),
    issuer: Flags.string({
      description: 'issuer of an unregistered token (default: this realm)',
      helpValue: 'NAME',
      exclusive: ['all-for'],
    }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { id } = this.args;
    const { 'all-for': node, reason } = this.flags;
    const why = reason === undefined ? {} : { reason };
    if ((id === undefined) === (node === undefined)) {
      throw new JoineryError('ERR_USAGE', 'expected the id of a token or --all-for NODE, found neither or both', {
        hint: 'see joinery token list',
      });
    }
    if (node !== undefined) return this.#revokeNode(node, why);
    const { exp, format, issuer } = this.flags;
    const revoked = await revokeToken(await this.context.realm(), {
      id: id as string,
      ...why,
      ...(exp !== undefined && { expiresAt: instantFlag('--exp', exp) }),
      ...(format !== undefined && { format }),
      ...(issuer !== undefined && { issuer }),
    });
    if (!revoked.registered) this.warning('the realm did not mint this token: its id is denied from now on');
    return { data: { ...revoked }, text: revoked.already ? `${revoked.id} was revoked before` : `revoked ${revoked.id}` };
  }

  async #revokeNode(node: string, why: { readonly reason?: string }): Promise<Outcome> {
    const { notBefore } = await revokeTokensOfNode(await this.context.realm(), { node, ...why });
    return {
      data: { node, not_before: formatInstant(notBefore) },
      text: `revoked every token of ${node} issued before ${formatInstant(notBefore)}`,
    };
  }
}
