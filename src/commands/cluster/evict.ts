import * as Flags from '@oclif/core/flags';
import { evictMember } from '../../app/evict-member.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import {
  answerFlags,
  checkTokenPlace,
  clusterFlag,
  deliverSharedToken,
  optionalDuration,
  sharedTokenFlags,
} from '../../cli/cluster-flags.ts';
import { clusterWorld } from '../../cli/cluster-world.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { answersData, answersText, clusterData, clusterFields } from '../../cli/render/clusters.ts';
import { fields } from '../../cli/render/text.ts';

export default class ClusterEvict extends BaseCommand<typeof ClusterEvict> {
  static override summary = 'Put a node out of a cluster with a shared certificate';
  static override description =
    'Replaces what the node holds: certificate, key and join token; revokes the old ones and every token of the node, and seals the new ' +
    'certificate to the members that stay. Where revocation lists are not checked the old certificate verifies until the authority is ' +
    'rotated: cluster rotate-ca.';
  static override examples = ['<%= config.bin %> <%= command.id %> node-3 --reason stolen --out answers --token-out prod.token'];
  static override args = { node: positional({ description: 'member to put out', required: true }) };
  static override flags = {
    ...clusterFlag,
    reason: Flags.string({ description: 'why, for the record and the audit log', helpValue: 'TEXT' }),
    ttl: Flags.string({ description: 'life of the new certificate (default: 10y, within the authority)', helpValue: 'DURATION' }),
    ...answerFlags,
    ...sharedTokenFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args } = this;
    const { cluster, reason, out } = flags;
    const realm = await this.context.realm();
    await checkTokenPlace(realm.files, flags);
    const result = await this.context.progress.step(`putting ${args.node} out`, () =>
      evictMember(realm, clusterWorld(), { node: args.node, cluster, reason, out, ttl: optionalDuration('--ttl', flags.ttl) }),
    );
    const { record, answers, revoked, token, warnings } = result;
    for (const warning of warnings) this.warning(warning);
    const delivered = await deliverSharedToken(realm.files, flags, token);
    return {
      data: { ...clusterData(record), node: args.node, revoked: [...revoked], ...answersData(answers, out), ...delivered.data },
      text: `${fields({ ...clusterFields(record), revoked: revoked.join(', '), ...delivered.fields })}${answersText(answers, out)}`,
    };
  }
}
