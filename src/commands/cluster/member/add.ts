import * as Flags from '@oclif/core/flags';
import { addClusterMember } from '../../../app/cluster-members.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { clusterFlag } from '../../../cli/cluster-flags.ts';
import { positional, realmFlags } from '../../../cli/flags.ts';
import { readVerifyKeys } from '../../../cli/token-flags.ts';
import { JoineryError } from '../../../core/errors.ts';
import { jwkThumbprint } from '../../../core/jwk.ts';

export default class ClusterMemberAdd extends BaseCommand<typeof ClusterMemberAdd> {
  static override summary = 'Register a member of a cluster with its public key';
  static override description =
    'From now on the member gets an answer, sealed to this key, with every change. cluster seal gives it the present certificate. The key is on ' +
    'P-256, as cluster member key makes it; one that was evicted is refused.';
  static override examples = ['<%= config.bin %> <%= command.id %> node-1 --key node-1.pub'];
  static override args = { node: positional({ description: 'name of the node', required: true }) };
  static override flags = {
    ...clusterFlag,
    key: Flags.string({ required: true, description: 'public key of the node, PEM or JWK', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { cluster, key: path } = this.flags;
    const realm = await this.context.realm();
    const [key] = await readVerifyKeys(realm.files, { 'public-key': path });
    if (key === undefined || !('jwk' in key)) throw new JoineryError('ERR_KEY_MALFORMED', `${path}: expected a public key, found another`);
    const record = await addClusterMember(realm, { cluster, node: this.args.node, key: key.jwk });
    const thumbprint = jwkThumbprint(key.jwk);
    return {
      data: { cluster: record.name, node: this.args.node, key_thumbprint: thumbprint },
      text: `added ${this.args.node} to ${record.name} (key ${thumbprint})\n\nNext: joinery cluster seal --node ${this.args.node} --out DIR`,
    };
  }
}
