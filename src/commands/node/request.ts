import * as Flags from '@oclif/core/flags';
import { requestOffline } from '../../app/request-offline.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { directoryFlag, nodeClientWorld, nodeDirectory } from '../../cli/node-flags.ts';
import { nodeToken } from '../../cli/node-token.ts';
import { identityData, identityText, shownIdentity } from '../../cli/render/nodes.ts';
import { requestedData, requestedText } from '../../cli/render/offline.ts';
import { labelFlags } from '../../cli/token-flags.ts';

export default class NodeRequest extends BaseCommand<typeof NodeRequest> {
  static override summary = 'Ask for a certificate without a network: write a request to a stick';
  static override description =
    'Makes a key, which never leaves this machine, and writes a request with its certification request and the join token to --out. The stick ' +
    'may be FAT. Who reads it on its way could use the token with a key of his own before the authority does: bind the token to this node, keep ' +
    'it short-lived, and mind the stick. joinery package enroll answers the request, joinery node install takes the answer.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --out /media/stick',
    '<%= config.bin %> <%= command.id %> --out /media/stick --token-file node-1.jwt --directory /etc/joinery/node',
  ];
  static override flags = {
    ...directoryFlag,
    out: Flags.string({ required: true, description: 'directory to write the request to', helpValue: 'DIR' }),
    'token-file': Flags.string({ description: 'file with the join token, - for stdin (default: that of the package)', helpValue: 'FILE' }),
    cluster: Flags.string({ description: 'cluster, for a token of several', helpValue: 'NAME' }),
    role: Flags.string({ description: 'role that must be granted', helpValue: 'NAME' }),
    node: Flags.string({ description: 'name of this node', helpValue: 'NAME' }),
    label: Flags.string({ multiple: true, default: [], description: 'label for the join policy (repeatable)', helpValue: 'KEY=VALUE' }),
    again: Flags.boolean({ description: 'ask although there is a valid identity' }),
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const directory = nodeDirectory(flags);
    const { cluster, role, node, label } = flags;
    const requested = await requestOffline(await nodeClientWorld(context.world), {
      directory,
      token: await nodeToken(context.world.files, directory, flags['token-file']),
      out: flags.out,
      again: flags.again,
      wishes: {
        ...(cluster !== undefined && { cluster }),
        ...(role !== undefined && { requested_role: role }),
        ...(node !== undefined && { node_id: node }),
        ...(label.length > 0 && { labels: labelFlags(label) }),
      },
    });
    if (requested.state === 'requested') {
      return { data: { state: 'requested', directory, ...requestedData(requested) }, text: requestedText(requested) };
    }
    const shown = shownIdentity(requested.identity);
    return {
      data: { state: 'already-joined', directory, ...identityData(shown) },
      text: `joined before, nothing to ask\n${identityText(shown, directory)}`,
    };
  }
}
