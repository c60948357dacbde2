import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { readLog } from '../../cli/drill.ts';
import { positional } from '../../cli/flags.ts';
import { comparisonTable } from '../../cli/render/drills.ts';
import { compareDrills } from '../../core/drill/compare.ts';
import { drillReport } from '../../core/drill/report.ts';

export default class DrillCompare extends BaseCommand<typeof DrillCompare> {
  static override summary = 'Compare what two drills measured';
  static override description = 'Two seeds, two fleets, two versions of a drill: every measure side by side.';
  static override examples = ['<%= config.bin %> <%= command.id %> before.jsonl after.jsonl'];
  static override args = {
    first: positional({ description: 'log of a drill', required: true }),
    second: positional({ description: 'log of another run', required: true }),
  };

  protected async execute(): Promise<Outcome> {
    const { files } = this.context.world;
    const [first, second] = [drillReport(await readLog(files, this.args.first)), drillReport(await readLog(files, this.args.second))];
    const metrics = compareDrills(first, second);
    const data = {
      first: { name: first.name, seed: first.seed, nodes: first.nodes, met: first.met },
      second: { name: second.name, seed: second.seed, nodes: second.nodes, met: second.met },
      metrics: metrics.map(({ metric, title, first: one, second: two }) => ({ metric, title, first: one ?? null, second: two ?? null })),
    };
    return { data, text: comparisonTable(this.args.first, this.args.second, metrics) };
  }
}
