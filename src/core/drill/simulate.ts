/** Runs a drill in virtual time: the same input gives the same events, to the byte. */
import type { JsonObject } from '../canonical-json.ts';
import { ACTIONS, type Action } from './actions.ts';
import { FLAG, fleetRules, makeFleet } from './fleet.ts';
import type { DrillEvent } from './log.ts';
import { KINDS, Nodes } from './nodes.ts';
import { BucketQueue } from './queue.ts';
import { Dice } from './random.ts';
import { ATTEMPTS, type Metric, type PlannedStep, STEP_KINDS, stepsOf } from './scenario.ts';
import { type DrillInput, World } from './world.ts';

/** Points of the curves. */
const SAMPLES = 120;
/** Seconds after a revocation at which it is looked how far it has come, beside the points of the curves. */
const CLOSE_LOOK = [0, 1, 2, 3, 5, 10, 15, 20, 30, 40, 50, 60, 75, 90, 120, 180, 300, 600];
/** Renewals that failed so often in a row are a failure, not bad luck. */
const FAILING = 3;
const FAILING_SHARE = 0.01;
/** Nodes of an inventory that are named in the log, of those that need a hand. */
const NAMED = 100;

interface Moment {
  readonly t: number;
  readonly step?: PlannedStep;
  readonly action?: Action;
}

/** @param source the document of the scenario, for the log. */
export function simulate(input: DrillInput, source: JsonObject): readonly DrillEvent[] {
  const { scenario, seed, nodes: size } = input;
  const world = new World(input, {
    fleet: makeFleet(scenario, size, seed),
    limits: fleetRules(scenario),
    queue: new BucketQueue(size * KINDS, scenario.duration),
    dice: new Dice(seed),
  });
  world.events.push({ kind: 'begin', schema: 'joinery/drill-log/1', mode: 'simulate', seed, nodes: size, scenario: source });
  const nodes = new Nodes(world);
  nodes.start();
  run(world, nodes);
  finish(world, nodes);
  return world.events;
}

function run(world: World, nodes: Nodes): void {
  const { duration } = world.input.scenario;
  const moments: Moment[] = plan(world.input);
  const monitor = { failing: false };
  for (let moment = moments.shift(); moment !== undefined; moment = moments.shift()) {
    const { t, step, action } = moment;
    for (let event = world.queue.take(t); event >= 0; event = world.queue.take(t)) nodes.handle(event, world.queue.now);
    if (step === undefined || action === undefined) sample(world, nodes, t, monitor);
    else {
      const later = (at: number, next: Action): void => insert(moments, { t: Math.min(at, duration), step, action: next });
      const known = world.revocations.length;
      act(world, nodes, { t, step, action, later });
      if (world.revocations.length > known)
        for (const seconds of CLOSE_LOOK.filter((after) => t + after < duration)) insert(moments, { t: t + seconds });
    }
  }
}

/** Steps and samples in the order of time; of one moment the steps come first. */
function plan({ scenario }: DrillInput): Moment[] {
  const steps = stepsOf(scenario).flatMap((step) =>
    Array.from({ length: step.count ?? 1 }, (_, index): Moment => ({
      t: step.at + index * (step.every ?? 60),
      step,
      action: ACTIONS[step.do],
    })),
  );
  const samples = Array.from({ length: SAMPLES + 1 }, (_, index): Moment => ({ t: Math.round((index * scenario.duration) / SAMPLES) }));
  const within = steps.filter(({ t }) => t <= scenario.duration);
  return [...within, ...samples].sort((a, b) => a.t - b.t);
}

function insert(moments: Moment[], moment: Moment): void {
  const place = moments.findIndex(({ t, step }) => t > moment.t || (t === moment.t && step === undefined));
  moments.splice(place, 0, moment);
}

interface Act extends Required<Moment> {
  later(at: number, action: Action): void;
}

function act(world: World, nodes: Nodes, { t, step, action, later }: Act): void {
  if (step.phase === 'recover') world.recoveryFrom ??= t;
  const isLater = action !== ACTIONS[step.do];
  const noted = !isLater && step.note !== undefined && { note: step.note };
  const entry = { kind: 'step', t, phase: step.phase, do: step.do, ...noted } as const;
  // Before what comes of it, where what it says of itself is not known yet.
  const place = world.events.push({ ...entry, text: STEP_KINDS[step.do] }) - 1;
  const said = action({ world, nodes, step, t, later });
  if (ATTEMPTS.includes(step.do)) world.events.splice(place, 1);
  else if (typeof said === 'string') world.events[place] = { ...entry, text: isLater ? said : `${STEP_KINDS[step.do]}: ${said}` };
}

function sample(world: World, nodes: Nodes, t: number, monitor: { failing: boolean }): void {
  const { fleet, revocations, busiest } = world;
  let [online, expired, informed, failing] = [0, 0, 0, 0];
  for (let node = 0; node < fleet.size; node++) {
    if (!nodes.isHealthy(node)) continue;
    if ((fleet.seen[node] as number) === revocations.length) informed += 1;
    if (fleet.has(node, FLAG.EXPIRED)) expired += 1;
    if (fleet.has(node, FLAG.OFFLINE)) continue;
    online += 1;
    if ((fleet.failures[node] as number) >= FAILING && !fleet.has(node, FLAG.EXPIRED)) failing += 1;
  }
  const isFailing = failing > fleet.size * FAILING_SHARE;
  if (isFailing && !monitor.failing) world.alert(t, 'renewals-failing', `${failing} nodes failed to renew ${FAILING} times in a row`);
  monitor.failing = isFailing;
  world.events.push({ kind: 'sample', t, online, cut_off: world.cutOff, expired, informed, load: busiest });
  world.peak = Math.max(world.peak, busiest);
  world.busiest = 0;
}

function finish(world: World, nodes: Nodes): void {
  const { duration: t } = world.input.scenario;
  const remains = judgeEnd(world, nodes, t);
  const metrics = metricsOf(world, remains);
  const measured = (Object.entries(metrics) as [Metric, number | undefined][]).flatMap(([metric, value]) =>
    value === undefined ? [] : [{ metric, value }],
  );
  const { inventory } = world.input.scenario.fleet;
  const named = remains.stranded.slice(0, NAMED).flatMap((node) => inventory?.[node]?.node ?? []);
  const regions = world.regions.summary(world.fleet, remains.stranded);
  world.events.push({
    kind: 'end',
    t,
    metrics: measured,
    ...(regions.length > 0 && { regions }),
    ...(named.length > 0 && { stranded: named }),
  });
}

interface Remains {
  /** Nodes. */
  readonly stranded: readonly number[];
  readonly endedAway: number;
}

/** Counts what is left to do, and who never learned. */
function judgeEnd(world: World, nodes: Nodes, t: number): Remains {
  const { fleet, revocations } = world;
  let away = 0;
  const stranded: number[] = [];
  for (let node = 0; node < fleet.size; node++) {
    if (!nodes.isHealthy(node)) continue;
    if (fleet.has(node, FLAG.ENDED_AWAY)) away += 1;
    else if (nodes.needsHand(node)) stranded.push(node);
    if (fleet.has(node, FLAG.OFFLINE)) continue;
    for (const { at, until } of revocations.slice(fleet.seen[node] as number)) {
      if (until > t) world.uninformed += 1;
      if (fleet.has(node, FLAG.WAS_ONLINE)) world.evicted(node, Math.min(t, until) - at);
    }
  }
  return { stranded, endedAway: away };
}

function metricsOf(world: World, remains: Remains): Readonly<Record<Metric, number | undefined>> {
  const { evictions, late, recoveryFrom, firstAlert, firstAttack } = world;
  const revoked = world.revocations.length > 0;
  return {
    evict_p50: evictions.quantile(0.5),
    evict_p99: evictions.quantile(0.99),
    evict_max: revoked ? evictions.max : undefined,
    late_max: revoked ? late.max : undefined,
    uninformed: revoked ? world.uninformed : undefined,
    cut_off_peak: world.cutOffPeak,
    stranded: remains.stranded.length,
    ended_away: remains.endedAway,
    recovery: recoveryFrom === undefined || world.cutOff > 0 ? undefined : Math.max(0, world.lastCutOff - recoveryFrom),
    intrusions: world.intrusions,
    intrusions_after: world.intrusionsAfter,
    detection: firstAlert === undefined ? undefined : firstAlert - (firstAttack as number),
    alerts: world.alerts,
    load_peak: world.peak,
    turned_away: world.turnedAway,
  };
}
