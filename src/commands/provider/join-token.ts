import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, positional, realmFlags } from '../../cli/flags.ts';
import { createSpireToken } from '../../cli/spire-token.ts';
import { formatInstant } from '../../core/time.ts';

export default class ProviderJoinToken extends BaseCommand<typeof ProviderJoinToken> {
  static override summary = 'Have a SPIRE server make a join token for a SPIRE agent';
  static override description =
    "Asks the SPIRE server of a cluster's identity provider (Agent/CreateJoinToken), and writes the token to a new file that only you may " +
    'read: for a machine that runs a SPIRE agent beside its node. It is a token of SPIRE, good once; joinery keeps nothing of it but the ' +
    'audit record.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> prod --ttl 10m --spiffe-id spiffe://example.org/agent/n7 --out n7.token',
  ];
  static override args = { cluster: positional({ description: 'name of the cluster', required: true }) };
  static override flags = {
    ttl: Flags.string({ description: 'life of the token', default: '10m', helpValue: 'DURATION' }),
    'spiffe-id': Flags.string({ description: 'further SPIFFE ID of the agent', helpValue: 'URI' }),
    out: Flags.string({ description: 'new file for the token (0600)', required: true, helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const { ttl, 'spiffe-id': agentId, out } = this.flags;
    const { expiresAt } = await createSpireToken(realm, { cluster: this.args.cluster, ttl: durationFlag('--ttl', ttl), agentId, out });
    const expires = formatInstant(expiresAt);
    return { data: { cluster: this.args.cluster, file: out, expires_at: expires }, text: `wrote ${out}, until ${expires}` };
  }
}
