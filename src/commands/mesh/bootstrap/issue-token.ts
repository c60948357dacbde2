import * as Flags from '@oclif/core/flags';
import { issueOmnirelayToken } from '../../../app/issue-omnirelay-token.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { currentIo } from '../../../cli/io.ts';
import { fields } from '../../../cli/render/text.ts';
import { readHmacKey } from '../../../cli/token-flags.ts';
import { lifetimeFlag } from '../../../cli/token-request.ts';
import { checkTokenOutput, deliverToken, tokenOutputFlags } from '../../../cli/token-output.ts';
import { formatInstant } from '../../../core/time.ts';

export default class MeshBootstrapIssueToken extends BaseCommand<typeof MeshBootstrapIssueToken> {
  static override summary = 'Issue a bootstrap token for an OmniRelay service';
  static override description =
    'OmniRelay’s own command line, for its operators and their scripts: no realm, the token goes to stdout if that is a pipe or a file. On a terminal ' +
    'say --reveal, or --out. Tokens that a realm registers: token mint --format omnirelay.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --signing-key-file relay.key --cluster relay-1 --role dispatcher --lifetime 01:00:00 > token',
  ];
  static override flags = {
    'signing-key-file': Flags.string({
      required: true,
      description: 'file with the key that is shared with the service',
      helpValue: 'FILE',
    }),
    cluster: Flags.string({ required: true, description: 'cluster that the token is for', helpValue: 'NAME' }),
    role: Flags.string({ required: true, description: 'role that it grants', helpValue: 'NAME' }),
    lifetime: Flags.string({ description: 'life of the token: 90s, 1h, or 01:00:00', default: '1h', helpValue: 'DURATION' }),
    'max-uses': Flags.integer({ description: 'how often it may be used; 0: without limit', default: 1, min: 0, helpValue: 'N' }),
    issuer: Flags.string({ description: 'issuer that the service expects (default: omnirelay-cli)', helpValue: 'NAME' }),
    ...tokenOutputFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const { files } = context.world;
    const output = { out: flags.out, reveal: flags.reveal || (flags.out === undefined && !currentIo().stdout.stream.isTTY) };
    await checkTokenOutput(files, output);
    const key = await readHmacKey(files, flags['signing-key-file'], 1);
    if (key.length < 32) this.warning(`the key has ${key.length} bytes: fewer than 32 can be guessed from one token`);
    const signer = context.hmacSigner(key);
    const { token, claims } = await issueOmnirelayToken(context.world, {
      mac: (data) => signer.sign(data),
      cluster: flags.cluster,
      role: flags.role,
      lifetime: lifetimeFlag(flags.lifetime),
      maxUses: flags['max-uses'] === 0 ? null : flags['max-uses'],
      ...(flags.issuer !== undefined && { issuer: flags.issuer }),
    });
    const data = {
      token_id: claims.tokenId,
      cluster_id: claims.clusterId,
      role: claims.role,
      issued_at: formatInstant(claims.issuedAt),
      expires_at: formatInstant(claims.expiresAt),
      max_uses: claims.maxUses,
      issuer: claims.issuer,
    };
    const about = fields({
      id: claims.tokenId,
      cluster: claims.clusterId,
      role: claims.role,
      issuer: claims.issuer,
      'valid until': data.expires_at,
    });
    return deliverToken(files, output, { token, data, about });
  }
}
