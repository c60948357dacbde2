import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { vouch } from '../../cli/attest-flag.ts';
import { readJson } from '../../cli/input.ts';
import { directoryFlag, nodeClientWorld, nodeDirectory } from '../../cli/node-flags.ts';
import { canonicalJson } from '../../core/canonical-json.ts';

export default class NodeVouch extends BaseCommand<typeof NodeVouch> {
  static override summary = 'Vouch, with the key of this node, for another one that asks to join';
  static override description =
    'Reads joinery/evidence-request/1 from standard input, as node join --attest PROVIDER=exec:PROGRAM gives it to its program, and prints the evidence ' +
    'for a joinery-peer attestor: a signature over the nonce of the server, the key of the other node and its name. It asks nobody: whoever runs it ' +
    'decides whom this node vouches for.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> < request.json',
    'ssh host-1 <%= config.bin %> <%= command.id %> --directory /etc/joinery/node',
  ];
  static override flags = { ...directoryFlag };

  protected async execute(): Promise<Outcome> {
    const world = await nodeClientWorld(this.context.world);
    const { value, what } = await readJson(world.files, '-');
    const evidence = await vouch(world, nodeDirectory(this.flags), value, what);
    return { data: { evidence }, text: canonicalJson(evidence) };
  }
}
