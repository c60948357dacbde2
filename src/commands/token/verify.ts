import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { tokenFileFlag, verifyKeyFlags } from '../../cli/token-flags.ts';
import { verifyByFlags, verifySignatureByFlags } from '../../cli/token-verify.ts';

export default class TokenVerify extends BaseCommand<typeof TokenVerify> {
  static override summary = 'Verify a join token';
  static override description =
    'In a realm, a token of any dialect: proof, what it grants, revocation and uses left. With --jwks, --public-key or --hmac-key-file: from the key ' +
    'alone, without any realm; what only the realm knows is listed as unchecked. Nothing is written, no use is spent. The first error, in one fixed ' +
    'order, decides. With --signature-only any JWS is verified under any JWK set, and nothing but its signature.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --token-file node-1.jwt --cluster prod --role worker',
    '<%= config.bin %> <%= command.id %> --token-file - --cluster prod --jwks keys.json --issuer control.example.internal < node-1.jwt',
    '<%= config.bin %> <%= command.id %> --token-file any.jws --signature-only --jwks any.json --algorithms ES256,RS256',
  ];
  static override flags = {
    'token-file': tokenFileFlag,
    cluster: Flags.string({ description: 'cluster that the token must be for', helpValue: 'NAME' }),
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
    'signature-only': Flags.boolean({
      description: 'verify only the signature, of any JWS',
      helpGroup: 'SIGNATURE',
      exclusive: ['cluster', 'role', 'node', 'bind-key', 'issuer', 'environment'],
    }),
    algorithms: Flags.string({
      description: 'algorithms that are accepted (default: those that the keys fit)',
      helpValue: 'ALG,...',
      helpGroup: 'SIGNATURE',
      dependsOn: ['jwks'],
    }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const { data, lines } = flags['signature-only'] ? await verifySignatureByFlags(context, flags) : await verifyByFlags(context, flags);
    const what = flags['signature-only'] ? 'signature' : 'join token';
    return { data, text: [`${this.paint('green', 'valid')} ${what}`, ...lines].join('\n') };
  }
}
