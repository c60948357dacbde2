import * as Flags from '@oclif/core/flags';
import { CLUSTER_KEY_TYPES, initCluster } from '../../app/init-cluster.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import {
  checkTokenPlace,
  deliverSharedToken,
  optionalDuration,
  sharedTokenFlags,
  tokenTermFlags,
  tokenTtl,
} from '../../cli/cluster-flags.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { clusterData, clusterFields } from '../../cli/render/clusters.ts';
import { fields } from '../../cli/render/text.ts';
import { formatInstant } from '../../core/time.ts';

export default class ClusterInit extends BaseCommand<typeof ClusterInit> {
  static override summary = 'Start a cluster whose members share one certificate';
  static override description =
    'Makes an authority for the cluster, a certificate that is server and client at once (with localhost and what is named), and a join ' +
    'token that pins the authority, in one step. The token is reusable and never ends unless told otherwise. The cluster is one of joinery.yaml.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> prod --token-out prod.token',
    '<%= config.bin %> <%= command.id %> prod --dns db.lab.example --ip 10.0.0.7 --role server --token-ttl 24h --token-uses 3 --token-out prod.token',
  ];
  static override args = { name: positional({ description: 'cluster of joinery.yaml', required: true }) };
  static override flags = {
    role: Flags.string({ description: 'role that the token grants (default: the only one)', helpValue: 'NAME' }),
    ca: Flags.string({ description: 'name of the new authority (default: <cluster>-ca)', helpValue: 'NAME' }),
    'key-type': Flags.option({ options: CLUSTER_KEY_TYPES, description: 'type of the keys' })({ default: 'p256' }),
    ttl: Flags.string({ description: 'life of the certificate (default: 10y, within the authority)', helpValue: 'DURATION' }),
    dns: Flags.string({ multiple: true, default: [], description: 'DNS name of members (repeatable)', helpValue: 'NAME' }),
    ip: Flags.string({ multiple: true, default: [], description: 'address of members (repeatable)', helpValue: 'ADDRESS' }),
    ...tokenTermFlags,
    ...sharedTokenFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args } = this;
    const realm = await this.context.realm();
    await checkTokenPlace(realm.files, flags);
    const { record, authority, token, tokenExpiresAt, warnings } = await this.context.progress.step(`making cluster ${args.name}`, () =>
      initCluster(realm, {
        name: args.name,
        role: flags.role,
        ca: flags.ca,
        keyType: flags['key-type'],
        ttl: optionalDuration('--ttl', flags.ttl),
        names: [...flags.dns.map((name) => `dns:${name}`), ...flags.ip.map((address) => `ip:${address}`)],
        tokenTtl: tokenTtl(flags['token-ttl']),
        tokenUses: flags['token-uses'],
      }),
    );
    for (const warning of warnings) this.warning(warning);
    const delivered = await deliverSharedToken(realm.files, flags, token);
    const expires = tokenExpiresAt === null ? 'never' : formatInstant(tokenExpiresAt);
    return {
      data: { ...clusterData(record), ca_fingerprint: authority.fingerprint, token_expires_at: expires, ...delivered.data },
      text: fields({ ...clusterFields(record), 'ca fingerprint': authority.fingerprint, 'token ends': expires, ...delivered.fields }),
    };
  }
}
