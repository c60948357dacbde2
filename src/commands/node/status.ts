import { nodeStatus } from '../../app/node-status.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { directoryFlag, nodeClientWorld, nodeDirectory } from '../../cli/node-flags.ts';
import { nodeStatusData, nodeStatusText } from '../../cli/render/nodes.ts';
import { EXIT_STATUS } from '../../core/errors.ts';

export default class NodeStatus extends BaseCommand<typeof NodeStatus> {
  static override summary = 'Judge the identity and trust of this node; exit 4 when something is wrong';
  static override description =
    'Whether key and certificate are a pair, the certificate is valid and under the anchors of node-cert-lifecycle, both trust bundles are what the ' +
    'state says and have not expired, and what is left to do. Asks nobody and changes nothing.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --directory /etc/joinery/node --json',
  ];
  static override flags = { ...directoryFlag };

  protected async execute(): Promise<Outcome> {
    const directory = nodeDirectory(this.flags);
    const status = await nodeStatus(await nodeClientWorld(this.context.world), directory);
    const outcome = { data: { directory, ...nodeStatusData(status) }, text: nodeStatusText(status, directory, this.paint) };
    return status.ok ? outcome : { ...outcome, exitStatus: EXIT_STATUS.refused };
  }
}
