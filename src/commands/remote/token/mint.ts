import * as Flags from '@oclif/core/flags';
import { withRemote, remoteFlags } from '../../../cli/remote-client.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { durationFlag } from '../../../cli/flags.ts';
import { fields } from '../../../cli/render/text.ts';
import { labelFlags } from '../../../cli/token-flags.ts';
import { checkTokenOutput, deliverToken, tokenOutputFlags } from '../../../cli/token-output.ts';
import { Secret } from '../../../core/secret.ts';

export default class RemoteTokenMint extends BaseCommand<typeof RemoteTokenMint> {
  static override summary = 'Have a bootstrap server mint a join token';
  static override description =
    'Needs the certificate of an administrator who may do it (admin issue), and a server that offers it. The token goes into a new file of mode 0600 ' +
    '(--out), or to stdout if you say so (--reveal).';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --out node-1.jwt --cert ops.crt --key ops.key --url https://boot.lab.example:8443 --anchors cp.pem',
  ];
  static override flags = {
    cluster: Flags.string({ required: true, description: 'cluster to join', helpValue: 'NAME' }),
    role: Flags.string({ required: true, description: 'role in the cluster', helpValue: 'NAME' }),
    node: Flags.string({ description: 'the one node that may use it', helpValue: 'NAME' }),
    'allow-reentry': Flags.boolean({ description: 'the node may join again under a new key', dependsOn: ['node'] }),
    ttl: Flags.string({ description: 'life of the token (default: as the server has it)', helpValue: 'DURATION' }),
    'max-uses': Flags.integer({ description: 'how many nodes may use it (default: 1)', min: 1, max: 1000000, helpValue: 'N' }),
    label: Flags.string({ multiple: true, default: [], description: 'label for join policies (repeatable)', helpValue: 'KEY=VALUE' }),
    ...tokenOutputFlags,
    ...remoteFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const { cluster, role, node, ttl, 'max-uses': maxUses } = flags;
    await checkTokenOutput(context.world.files, flags);
    const minted = await withRemote(context, flags, (client) =>
      client.mintToken({
        cluster,
        role,
        ...(node !== undefined && { node }),
        ...(flags['allow-reentry'] && { allow_reentry: true }),
        ...(ttl !== undefined && { ttl: durationFlag('--ttl', ttl) }),
        ...(maxUses !== undefined && { max_uses: maxUses }),
        ...(flags.label.length > 0 && { labels: labelFlags(flags.label) }),
      }),
    );
    const { id, expires_at } = minted;
    const about = fields({ id, cluster, role, node, 'valid until': expires_at });
    return deliverToken(context.world.files, flags, { token: new Secret(minted.token), data: { id, cluster, role, expires_at }, about });
  }
}
