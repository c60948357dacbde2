import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { loadDrill, shippedDrills } from '../../cli/drill.ts';
import { table } from '../../cli/render/text.ts';

export default class DrillList extends BaseCommand<typeof DrillList> {
  static override summary = 'List the drills that come with joinery';
  static override description =
    'Each is a readable YAML document (drill show), to be run as it is or as a start of one of your own (drill new).';
  static override examples = ['<%= config.bin %> <%= command.id %>'];

  protected async execute(): Promise<Outcome> {
    const drills = [];
    for (const name of await shippedDrills()) {
      const { scenario } = await loadDrill(this.context.world.files, name);
      drills.push({ name, title: scenario.title, nodes: scenario.fleet.nodes, duration: scenario.duration });
    }
    return {
      data: { drills },
      text: table(
        ['DRILL', 'TITLE'],
        drills.map(({ name, title }) => [name, title]),
      ),
    };
  }
}
