import * as Flags from '@oclif/core/flags';
import { installOffline } from '../../app/install-offline.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positionals } from '../../cli/flags.ts';
import { directoryFlag, nodeClientWorld, nodeDirectory, trustDigestFlags, urlFlag } from '../../cli/node-flags.ts';
import { readableFiles } from '../../cli/offline-files.ts';
import { identityData, identityText, shownIdentity } from '../../cli/render/nodes.ts';
import { ANSWER_ENDING } from '../../core/join/offline.ts';

export default class NodeInstall extends BaseCommand<typeof NodeInstall> {
  static override summary = 'Install the answer to a request that was carried to the authority';
  static override description =
    'Finds the answer for the key of this node, verifies its trust from what the node holds, its certificate under the node-cert-lifecycle ' +
    'anchors, key, identity and validity, and then switches the identity in one step. A refusal leaves everything as it was. A node that no ' +
    'package has set up needs --trust-digest for each purpose, by another way than the stick, and --url to renew later.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> /media/stick',
    '<%= config.bin %> <%= command.id %> n1-0a1b2c3d4e5f.answer.json --directory /etc/joinery/node',
  ];
  static override args = { answer: positionals({ description: 'answers: files, or directories with them, - for stdin' }) };
  static override flags = {
    ...directoryFlag,
    ...urlFlag,
    'trust-digest': Flags.string({
      multiple: true,
      default: [],
      description: 'digest of the first trust manifest of a purpose (one each), for a node without a package',
      helpValue: 'PURPOSE=HEX',
    }),
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args, context } = this;
    const directory = nodeDirectory(flags);
    const installed = await installOffline(await nodeClientWorld(context.world), {
      directory,
      answers: await readableFiles(context.world.files, args.answer, ANSWER_ENDING),
      firstDigests: trustDigestFlags(flags['trust-digest']),
      urls: flags.url,
    });
    const shown = shownIdentity(installed.state === 'installed' ? installed : installed.identity);
    const title = installed.state === 'installed' ? 'installed' : 'installed before, nothing to do';
    return { data: { state: installed.state, directory, ...identityData(shown) }, text: `${title}\n${identityText(shown, directory)}` };
  }
}
