import * as Flags from '@oclif/core/flags';
import { sealAgain } from '../../app/cluster-answers.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { clusterFlag } from '../../cli/cluster-flags.ts';
import { clusterWorld } from '../../cli/cluster-world.ts';
import { keyFlags, realmFlags } from '../../cli/flags.ts';
import { answersData, answersText } from '../../cli/render/clusters.ts';

export default class ClusterSeal extends BaseCommand<typeof ClusterSeal> {
  static override summary = 'Seal the present certificate of a cluster to its members again';
  static override description = 'For a member that was just added, and for answers that were lost. Nothing of the cluster changes.';
  static override examples = ['<%= config.bin %> <%= command.id %> --node node-4 --out answers'];
  static override flags = {
    ...clusterFlag,
    node: Flags.string({ description: 'only for this member', helpValue: 'NODE' }),
    out: Flags.string({ char: 'o', required: true, description: 'new directory for the answers', helpValue: 'DIR' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { cluster, node, out } = this.flags;
    const { record, answers } = await sealAgain(await this.context.realm(), clusterWorld(), { cluster, node, out });
    const text = answers.length === 0 ? 'the cluster has no members' : answersText(answers, out).trimStart();
    return { data: { cluster: record.name, sequence: record.sequence, ...answersData(answers, out) }, text };
  }
}
