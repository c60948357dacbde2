import * as Flags from '@oclif/core/flags';
import { confirmClusterMember } from '../../../app/cluster-members.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { clusterFlag } from '../../../cli/cluster-flags.ts';
import { positional, realmFlags } from '../../../cli/flags.ts';

export default class ClusterMemberConfirm extends BaseCommand<typeof ClusterMemberConfirm> {
  static override summary = 'Record that a member has installed an answer';
  static override description =
    'The pre-flight of the next step of cluster rotate-ca counts on it. cluster.json on the member holds the number of its answer.';
  static override examples = ['<%= config.bin %> <%= command.id %> node-1', '<%= config.bin %> <%= command.id %> node-1 --sequence 3'];
  static override args = { node: positional({ description: 'the member', required: true }) };
  static override flags = {
    ...clusterFlag,
    sequence: Flags.integer({ min: 1, description: 'number of the answer (default: the newest)', helpValue: 'N' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { cluster, sequence } = this.flags;
    const { node } = this.args;
    const record = await confirmClusterMember(await this.context.realm(), { cluster, node, sequence });
    const confirmed = record.members.find((member) => member.node === node)?.confirmed ?? 0;
    return { data: { cluster: record.name, node, confirmed }, text: `${node} has answer ${confirmed}` };
  }
}
