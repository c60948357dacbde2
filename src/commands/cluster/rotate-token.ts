import { rotateClusterToken } from '../../app/rotate-cluster-token.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { checkTokenPlace, clusterFlag, deliverSharedToken, sharedTokenFlags, tokenTermFlags, tokenTtl } from '../../cli/cluster-flags.ts';
import { realmFlags } from '../../cli/flags.ts';
import { clusterData, clusterFields } from '../../cli/render/clusters.ts';
import { fields } from '../../cli/render/text.ts';

export default class ClusterRotateToken extends BaseCommand<typeof ClusterRotateToken> {
  static override summary = 'Replace the join token of a cluster with a shared certificate';
  static override description =
    'The old token stops working at once; members that have joined need no token and notice nothing. The new one pins the authority that issues now.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --token-out prod.token',
    '<%= config.bin %> <%= command.id %> --cluster prod --token-ttl 1h --token-uses 1 --token-out prod.token',
  ];
  static override flags = { ...clusterFlag, ...tokenTermFlags, ...sharedTokenFlags, ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { flags } = this;
    const realm = await this.context.realm();
    await checkTokenPlace(realm.files, flags);
    const { record, token } = await rotateClusterToken(realm, {
      cluster: flags.cluster,
      ttl: tokenTtl(flags['token-ttl']),
      maxUses: flags['token-uses'],
    });
    const delivered = await deliverSharedToken(realm.files, flags, token);
    return { data: { ...clusterData(record), ...delivered.data }, text: fields({ ...clusterFields(record), ...delivered.fields }) };
  }
}
