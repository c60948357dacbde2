import * as Flags from '@oclif/core/flags';
import { interviewDrill } from '../../app/interview-drill.ts';
import { runDrill } from '../../app/run-drill.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import {
  drillWorld,
  formatOf,
  interviewer,
  type LoadedDrill,
  loadDrill,
  readAnswers,
  readInventory,
  withFleet,
  writeReports,
} from '../../cli/drill.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { liveDrill } from '../../cli/live-drill.ts';
import { jsonText } from '../../cli/render/text.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { applyAnswers } from '../../core/drill/answers.ts';
import { type DrillLog, formatLog } from '../../core/drill/log.ts';
import { drillReport, reportJson } from '../../core/drill/report.ts';
import { reportText } from '../../core/drill/report-text.ts';
import { utf8 } from '../../core/encoding.ts';
import { EXIT_STATUS, JoineryError } from '../../core/errors.ts';

export default class DrillRun extends BaseCommand<typeof DrillRun> {
  static override summary = 'Run a drill, in simulation or against running servers';
  static override description =
    'A fleet in virtual time, with nodes that are away, clocks that are wrong and requests that are lost, all from one seed: the same seed ' +
    'gives the same report. The rules of the program decide every step. Nothing of a realm is read or changed. Ends with status 8 when an ' +
    'objective is missed. The log holds everything: reports are made of it again at any time (drill report). With --live nodes of the drill join the ' +
    'running servers of the realm, are revoked, and must be refused by each of them; healthy nodes are left alone, and what the drill made is ' +
    'revoked at the end, also when it is interrupted.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> compromised-node',
    '<%= config.bin %> <%= command.id %> issuing-ca --nodes 100000 --seed 7 --report report.html --log issuing-ca.jsonl',
    '<%= config.bin %> <%= command.id %> renewal-outage --inventory fleet.csv --report report.html',
    '<%= config.bin %> <%= command.id %> compromised-node --interactive --answers-out decisions.json',
    '<%= config.bin %> <%= command.id %> compromised-node --live --cluster prod --endpoint https://boot.lab.example:8443 --log live.jsonl',
    '<%= config.bin %> <%= command.id %> ours.yaml --answers decisions.json --json',
  ];
  static override args = { scenario: positional({ description: 'name of a drill that comes with joinery, or a file', required: true }) };
  static override flags = {
    simulate: Flags.boolean({ description: 'in virtual time: the default', exclusive: ['live'] }),
    live: Flags.boolean({
      description: 'against running servers of the realm',
      exclusive: ['nodes', 'inventory', 'interactive', 'answers'],
    }),
    endpoint: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'server that must refuse what is revoked (repeatable; default: the join_urls of the cluster)',
      helpValue: 'URL',
    }),
    cluster: Flags.string({ description: 'cluster that is joined (default: the only one)', dependsOn: ['live'], helpValue: 'NAME' }),
    role: Flags.string({ description: 'role that is joined (default: the first of the cluster)', dependsOn: ['live'], helpValue: 'NAME' }),
    seed: Flags.integer({ default: 1, min: 0, max: 4_294_967_295, description: 'where chance begins', helpValue: 'N' }),
    nodes: Flags.integer({
      min: 1,
      max: 100_000,
      description: "nodes of the fleet, in the place of the drill's own number",
      helpValue: 'N',
    }),
    inventory: Flags.string({
      description: 'nodes by name, region, clock, absence and renewals: CSV with a header, or JSON lines',
      exclusive: ['nodes'],
      helpValue: 'FILE',
    }),
    report: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'new file for a report: .html, .md, .txt or .json',
      helpValue: 'FILE',
    }),
    log: Flags.string({ description: 'new file for the log', helpValue: 'FILE' }),
    interactive: Flags.boolean({ char: 'i', description: 'decide yourself when operators act, step by step', exclusive: ['answers'] }),
    yes: Flags.boolean({
      char: 'y',
      description: 'as planned, without a question: the default without --interactive',
      exclusive: ['interactive', 'answers'],
    }),
    answers: Flags.string({ description: 'decisions that were taken before', helpValue: 'FILE' }),
    'answers-out': Flags.string({
      description: 'new file for the decisions that are taken',
      dependsOn: ['interactive'],
      helpValue: 'FILE',
    }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { report: paths, log: logFile } = this.flags;
    const { world, progress } = this.context;
    for (const path of paths) formatOf(path);
    if (!this.flags.live && this.flags.endpoint.length > 0)
      throw new JoineryError('ERR_USAGE', '--endpoint: expected it with --live, found it without');
    const loaded = await this.#load();
    // A person is asked before: a spinner would wipe the questions away.
    const document = await this.#decided(loaded);
    const log = await progress.step(`running ${loaded.scenario.name}`, () => this.#run(loaded, document));
    if (logFile !== undefined) await world.files.create(logFile, utf8(formatLog(log.events)), 0o644);
    await writeReports(world.files, log, paths);
    const report = drillReport(log);
    const files = [...paths, ...(logFile === undefined ? [] : [logFile])];
    const text = [reportText(report), ...files.map((path) => `wrote ${path}`)].join('\n');
    return { data: { report: reportJson(report), files }, text, exitStatus: report.met ? 0 : EXIT_STATUS.objective };
  }

  async #load(): Promise<LoadedDrill> {
    const { files } = this.context.world;
    const loaded = await loadDrill(files, this.args.scenario);
    const { inventory } = this.flags;
    return inventory === undefined ? loaded : withFleet(loaded, await readInventory(files, inventory));
  }

  async #run(loaded: LoadedDrill, document: JsonObject): Promise<DrillLog> {
    const { seed, nodes, live } = this.flags;
    if (live) return liveDrill(this.context, loaded, this.flags);
    const request = { document, what: loaded.what, seed, ...(nodes !== undefined && { nodes }) };
    return runDrill(drillWorld(this.context.world), request);
  }

  /** The document with the decisions of people, where there are any. */
  async #decided({ document, scenario }: LoadedDrill): Promise<JsonObject> {
    const { interactive, answers, seed } = this.flags;
    const { files } = this.context.world;
    if (!interactive && answers === undefined) return document;
    const { given, what } = interactive
      ? { given: await interviewDrill(await interviewer(), scenario, seed), what: 'answers' }
      : await readAnswers(files, answers as string);
    const out = this.flags['answers-out'];
    if (out !== undefined) await files.create(out, utf8(`${jsonText(given)}\n`), 0o644);
    return applyAnswers(document, scenario, given, what);
  }
}
