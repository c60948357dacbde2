import { clusterStatus } from '../../app/cluster-status.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { optionalPositional, realmFlags } from '../../cli/flags.ts';
import { statusData, statusText } from '../../cli/render/clusters.ts';

export default class ClusterStatus extends BaseCommand<typeof ClusterStatus> {
  static override summary = 'Show the shared certificate of a cluster, its members, and where a rotation stands';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> prod --json'];
  static override args = { name: optionalPositional({ description: 'cluster (default: all)' }) };
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const clusters = await clusterStatus(await this.context.realm(), this.args.name);
    const text = clusters.length === 0 ? 'no cluster has a shared certificate' : clusters.map(statusText).join('\n\n');
    return { data: { clusters: clusters.map(statusData) }, text };
  }
}
