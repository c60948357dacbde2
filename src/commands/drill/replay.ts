import { replayDrill } from '../../app/run-drill.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { drillWorld, readLog } from '../../cli/drill.ts';
import { positional } from '../../cli/flags.ts';
import { nameOfInput } from '../../cli/input.ts';
import { drillReport } from '../../core/drill/report.ts';

export default class DrillReplay extends BaseCommand<typeof DrillReplay> {
  static override summary = 'Run the drill of a log again, and see that it ends the same';
  static override description =
    'The log names the drill, the seed and the number of nodes; every line of it must come again. It does not, when the log was changed, or ' +
    'when this version of joinery decides otherwise than the one that wrote it.';
  static override examples = ['<%= config.bin %> <%= command.id %> issuing-ca.jsonl'];
  static override args = { log: positional({ description: 'log of a drill; - for stdin', required: true }) };

  protected async execute(): Promise<Outcome> {
    const { world } = this.context;
    const log = await readLog(world.files, this.args.log);
    await replayDrill(drillWorld(world), log, nameOfInput(this.args.log));
    const { name, seed, nodes, met } = drillReport(log);
    const text = `${this.paint('green', 'the same again')}: ${log.events.length} events of ${name}, seed ${seed}, ${nodes} nodes`;
    return { data: { name, seed, nodes, events: log.events.length, met }, text };
  }
}
