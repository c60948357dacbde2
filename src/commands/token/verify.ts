import * as Flags from '@oclif/core/flags';
import { verifyToken, verifyTokenOffline } from '../../app/verify-token.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, realmFlags } from '../../cli/flags.ts';
import { tokenData, tokenFields } from '../../cli/render/tokens.ts';
import { bindKeyFlag, readToken, readVerifyKeys, tokenFileFlag, verifyKeyFlags } from '../../cli/token-flags.ts';
import type { Expectations } from '../../core/token/checks.ts';
import type { VerifiedToken } from '../../core/token/verify.ts';

export default class TokenVerify extends BaseCommand<typeof TokenVerify> {
  static override summary = 'Verify a join token';
  static override description =
    'In a realm: signature, claims, revocation and uses left. With --jwks, --public-key or --hmac-key-file: from the key alone, without any ' +
    'realm; what only the realm knows is listed as unchecked. Nothing is written, no use is spent. The first error, in one fixed order, decides.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --token-file node-1.jwt --cluster prod --role worker',
    '<%= config.bin %> <%= command.id %> --token-file - --cluster prod --jwks keys.json --issuer control.example.internal < node-1.jwt',
  ];
  static override flags = {
    'token-file': tokenFileFlag,
    cluster: Flags.string({ required: true, description: 'cluster that the token must be for', helpValue: 'NAME' }),
    role: Flags.string({ description: 'role that the token must be for', helpValue: 'NAME' }),
    node: Flags.string({ description: 'node that the token must be for, if it is for one', helpValue: 'NAME' }),
    'bind-key': Flags.string({
      description: 'key that the token must be for, if it is for one: file or thumbprint',
      helpValue: 'FILE|THUMBPRINT',
    }),
    ...verifyKeyFlags,
    issuer: Flags.string({ description: 'issuer that the token must name', helpValue: 'NAME', helpGroup: 'OFFLINE' }),
    environment: Flags.string({
      description: 'environment that the token must name, if it names one',
      helpValue: 'NAME',
      helpGroup: 'OFFLINE',
    }),
    'max-lifetime': Flags.string({
      description: 'longest life that is accepted',
      default: '24h',
      helpValue: 'DURATION',
      helpGroup: 'OFFLINE',
    }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const verified = await this.#verify();
    const { claims, unknown, unchecked } = verified;
    const lines = [`${this.paint('green', 'valid')} join token`, tokenFields(claims, verified)];
    if (Object.keys(unknown).length > 0) lines.push(`unknown claims, not trusted: ${Object.keys(unknown).join(', ')}`);
    if (unchecked.length > 0) lines.push(`not checked here: ${unchecked.join(', ')}`);
    return { data: { ...tokenData(claims, verified), unknown, unchecked }, text: lines.join('\n') };
  }

  async #verify(): Promise<VerifiedToken> {
    const { flags, context } = this;
    const { world } = context;
    const keys = await readVerifyKeys(world.files, flags);
    const { role, node, issuer, environment } = flags;
    const expected: Expectations = {
      cluster: flags.cluster,
      ...(role !== undefined && { role }),
      ...(node !== undefined && { node }),
      ...(flags['bind-key'] !== undefined && { keyThumbprint: await bindKeyFlag(world.files, flags['bind-key']) }),
    };
    const token = await readToken(world.files, flags['token-file']);
    // A shared secret is not in the realm: with --realm it is one more key of it.
    if (keys.length === 0 || (flags.realm !== undefined && flags['hmac-key-file'] !== undefined)) {
      return verifyToken(await context.realm(), { ...expected, token, extraKeys: keys });
    }
    return verifyTokenOffline(world, {
      ...expected,
      ...(issuer !== undefined && { issuer }),
      ...(environment !== undefined && { environment }),
      token,
      keys,
      maxLifetime: durationFlag('--max-lifetime', flags['max-lifetime']),
    });
  }
}
