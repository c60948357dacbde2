import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { loadDrill } from '../../cli/drill.ts';
import { positional } from '../../cli/flags.ts';
import { scenarioLines } from '../../cli/render/drills.ts';

export default class DrillShow extends BaseCommand<typeof DrillShow> {
  static override summary = 'Show a drill: its phases, what happens in them, and what is to be reached';
  static override description = 'Checks the document as well: every wrong member is named.';
  static override examples = ['<%= config.bin %> <%= command.id %> compromised-node', '<%= config.bin %> <%= command.id %> ours.yaml'];
  static override args = { scenario: positional({ description: 'name of a drill that comes with joinery, or a file', required: true }) };

  protected async execute(): Promise<Outcome> {
    const { scenario, document } = await loadDrill(this.context.world.files, this.args.scenario);
    return { data: { scenario: document }, text: scenarioLines(scenario, this.paint).join('\n') };
  }
}
