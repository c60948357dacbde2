import * as Flags from '@oclif/core/flags';
import { endClusterOverlap, rotateClusterCert } from '../../app/rotate-cluster-cert.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { answerFlags, clusterFlag, optionalDuration } from '../../cli/cluster-flags.ts';
import { clusterWorld } from '../../cli/cluster-world.ts';
import { keyFlags, realmFlags } from '../../cli/flags.ts';
import { answersData, answersText, clusterData, clusterFields } from '../../cli/render/clusters.ts';
import { fields } from '../../cli/render/text.ts';

export default class ClusterRotateCert extends BaseCommand<typeof ClusterRotateCert> {
  static override summary = 'Replace the shared certificate and key of a cluster, from the same authority';
  static override description =
    'Every member gets one answer, sealed to its own key. The old certificate stands for the overlap; --end-overlap then revokes it, so that ' +
    'the next list (ca crl) names it. To put a node out use cluster evict.';
  static override examples = ['<%= config.bin %> <%= command.id %> --out answers', '<%= config.bin %> <%= command.id %> --end-overlap'];
  static override flags = {
    ...clusterFlag,
    ttl: Flags.string({ description: 'life of the certificate (default: 10y, within the authority)', helpValue: 'DURATION' }),
    overlap: Flags.string({ description: 'how long members may still present the old one (default: 7d)', helpValue: 'DURATION' }),
    'end-overlap': Flags.boolean({ description: 'revoke the superseded certificates instead', exclusive: ['ttl', 'overlap', 'out'] }),
    force: Flags.boolean({ description: 'before the overlap has ended', dependsOn: ['end-overlap'] }),
    ...answerFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { cluster, ttl, overlap, force, out, 'end-overlap': end } = this.flags;
    const realm = await this.context.realm();
    if (end) {
      const { record, revoked } = await endClusterOverlap(realm, { cluster, force });
      const text = revoked.length === 0 ? 'no certificate was superseded' : `revoked ${revoked.join(', ')}`;
      return { data: { ...clusterData(record), revoked: [...revoked] }, text };
    }
    const input = { cluster, out, ttl: optionalDuration('--ttl', ttl), overlap: optionalDuration('--overlap', overlap) };
    const { record, answers, warnings } = await this.context.progress.step('replacing the shared certificate', () =>
      rotateClusterCert(realm, clusterWorld(), input),
    );
    for (const warning of warnings) this.warning(warning);
    return {
      data: { ...clusterData(record), ...answersData(answers, out) },
      text: `${fields(clusterFields(record))}${answersText(answers, out)}`,
    };
  }
}
