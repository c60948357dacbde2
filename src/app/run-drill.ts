/** Runs a drill in simulation, and runs one again to see that it ends the same. */
import type { JsonObject } from '../core/canonical-json.ts';
import { type DrillLog, formatLog, logOf } from '../core/drill/log.ts';
import { type DrillRules, REAL_RULES } from '../core/drill/rules.ts';
import { parseScenario } from '../core/drill/scenario.ts';
import { simulate } from '../core/drill/simulate.ts';
import { JoineryError } from '../core/errors.ts';
import { type Instant, parseInstant } from '../core/time.ts';
import { drillPolicies, drillTrust, type DrillWorld } from './drill-documents.ts';

export interface DrillRequest {
  /** The document of the scenario. */
  readonly document: JsonObject;
  /** Names it in errors. */
  readonly what: string;
  readonly seed: number;
  /** In the place of the scenario's; a drill with an inventory has as many nodes as that. */
  readonly nodes?: number;
  /** In the place of the rules of the program, one by one: what if a rule were another. */
  readonly rules?: Partial<DrillRules>;
}

/** Virtual time begins here in every drill, so that no report depends on the day on which it was made. */
const BASE = parseInstant('2026-01-01T00:00:00Z') as Instant;

/** @throws ERR_DRILL_MALFORMED */
export async function runDrill(world: DrillWorld, request: DrillRequest): Promise<DrillLog> {
  const { document, what, seed, rules } = request;
  const scenario = parseScenario(document, what);
  const { inventory, nodes } = scenario.fleet;
  if (inventory !== undefined && request.nodes !== undefined && request.nodes !== inventory.length)
    throw new JoineryError('ERR_DRILL_MALFORMED', `${what}: expected the ${inventory.length} nodes of the inventory, found another number`);
  const trust = await drillTrust(world, scenario, BASE);
  const input = {
    scenario,
    seed,
    nodes: request.nodes ?? nodes,
    base: BASE,
    trust: trust.versions,
    serverPin: trust.serverPin,
    policies: await drillPolicies(world, scenario),
    rules: { ...REAL_RULES, ...rules },
    verifySignature: world.verifySignature,
  };
  return logOf(simulate(input, document), what);
}

/** Runs the drill of a log again. @throws ERR_DRILL_DIFFERS naming the first line that is another */
export async function replayDrill(world: DrillWorld, log: DrillLog, what: string): Promise<DrillLog> {
  const { scenario: document, seed, nodes, mode } = log.begin;
  if (mode === 'live') {
    throw new JoineryError('ERR_DRILL_LIVE', `${what}: expected the log of a simulation, found a live one`, {
      hint: 'a day is not run again: hold it against its rehearsal with joinery drill compare',
    });
  }
  const again = await runDrill(world, { document, what, seed, nodes });
  const [old, made] = [formatLog(log.events).split('\n'), formatLog(again.events).split('\n')];
  const line = old.findIndex((text, index) => text !== made[index]);
  if (line === -1) return again;
  throw new JoineryError(
    'ERR_DRILL_DIFFERS',
    `${what}, line ${line + 1}: expected what the drill gives when it is run again, found something else`,
    {
      hint: 'the log was changed, or another version of joinery decides otherwise',
    },
  );
}
