import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { drillText, type LoadedDrill, loadDrill, readInventory, withFleet } from '../../cli/drill.ts';
import { positional } from '../../cli/flags.ts';
import { utf8 } from '../../core/encoding.ts';
import { parseName } from '../../core/names.ts';

export default class DrillNew extends BaseCommand<typeof DrillNew> {
  static override summary = 'Write a drill of your own to start from';
  static override description =
    'A copy of one that comes with joinery under a name of its own, with its comments: change the fleet, the steps and the objectives. ' +
    'With an inventory its nodes are the fleet, and the drill is written as JSON.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> lost-laptop --from compromised-node --out lost-laptop.yaml',
    '<%= config.bin %> <%= command.id %> our-outage --from renewal-outage --inventory fleet.csv --out our-outage.json',
  ];
  static override args = { name: positional({ description: 'name of the new drill', required: true }) };
  static override flags = {
    from: Flags.string({ default: 'compromised-node', description: 'drill to copy', helpValue: 'SCENARIO' }),
    inventory: Flags.string({ description: 'nodes of the fleet: CSV with a header, or JSON lines', helpValue: 'FILE' }),
    out: Flags.string({ char: 'o', description: 'new file (default: stdout)', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { out, from } = this.flags;
    const name = parseName(this.args.name, 'NAME');
    const { files } = this.context.world;
    const renamed = await this.#renamed(await loadDrill(files, from), name);
    if (out === undefined || out === '-') return { data: { name, text: renamed }, text: renamed.trimEnd() };
    await files.create(out, utf8(renamed), 0o644);
    return { data: { name, file: out }, text: `wrote ${out}` };
  }

  async #renamed(loaded: LoadedDrill, name: string): Promise<string> {
    const { inventory } = this.flags;
    if (inventory === undefined) return loaded.text.replace(/^name: .*$/m, `name: ${name}`);
    const { document } = loaded;
    return drillText(withFleet({ ...loaded, document: { ...document, name } }, await readInventory(this.context.world.files, inventory)));
  }
}
