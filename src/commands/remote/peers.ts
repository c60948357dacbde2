import { withRemote, remoteFlags } from '../../cli/remote-client.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { table } from '../../cli/render/text.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import type { PeersReply } from '../../core/join/messages.ts';

export default class RemotePeers extends BaseCommand<typeof RemotePeers> {
  static override summary = 'List the seed peers and live nodes of the cluster of this node';
  static override description = 'Needs the certificate of a node. A node that is revoked is gone from the list within a second.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --identity /etc/joinery/node --json',
  ];
  static override flags = { ...remoteFlags };

  protected async execute(): Promise<Outcome> {
    const { value } = await withRemote(this.context, this.flags, (client) => client.peers());
    // Without an ETag in the request there is always a document.
    const reply = value as PeersReply;
    const seeds = reply.seed_peers.peers.map(({ address, role }) => [address, role ?? '', 'seed', '']);
    const nodes = reply.nodes.map(({ node, role, expires_at, reported_at }) => [node, role, `until ${expires_at}`, reported_at ?? 'never']);
    if (reply.truncated) this.warning('the cluster has more nodes than one answer holds');
    return {
      data: { ...reply } as unknown as JsonObject,
      text: `cluster ${reply.cluster}\n\n${table(['PEER', 'ROLE', 'KIND', 'LAST REPORT'], [...seeds, ...nodes])}`,
    };
  }
}
