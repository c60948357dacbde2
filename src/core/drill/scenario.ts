/** A drill as a document, `joinery/drill/1`: a fleet, a server, what happens to them in phases, and what is to be reached. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { name } from '../names.ts';
import {
  array,
  boolean,
  integer,
  type Issue,
  object,
  oneOf,
  optional,
  type Parsed,
  parseDocument,
  type Parser,
  refine,
  string,
} from '../parse.ts';
import { duration } from './durations.ts';
import { fleetNode, inventoryIssue, MAX_FLEET, MAX_SKEW } from './inventory.ts';

const percent = integer(0, 100);
const text = (maxLength: number): Parser<string> => string({ minLength: 1, maxLength });

/** Regions are counted in one byte a node. */
const MAX_REGIONS = 200;

const fleetMembers = object({
  nodes: integer(1, MAX_FLEET),
  /** By name, in the place of nodes that are made up. */
  inventory: optional(array(fleetNode, { minItems: 1, maxItems: MAX_FLEET })),
  /** Shares need not add up to 100. */
  regions: optional(array(object({ name: name(), share: integer(1, 1000) }), { minItems: 1, maxItems: 20 })),
  /** Share of nodes that are unreachable at any moment, and for how long on average. */
  offline_percent: optional(percent),
  offline_for: optional(duration()),
  /** Share of nodes with a wrong clock, and by how much at most. */
  skewed_percent: optional(percent),
  skew: optional(duration(MAX_SKEW)),
  certificate_life: optional(duration()),
  /** Share of nodes that hold a stream of revocations open; the others ask so often. */
  stream_percent: optional(percent),
  revocation_poll: optional(duration()),
  trust_refresh: optional(duration()),
});

const fleet = refine(fleetMembers, (value) => {
  const issue = inventoryIssue(value);
  if (issue !== undefined) return { issue };
  const count = regionsOf(value).length;
  return count <= MAX_REGIONS ? { value } : { issue: `expected at most ${MAX_REGIONS} regions, found ${count}` };
});

/** Names of the regions, in the order in which nodes are counted to them; none when there are no regions. */
export function regionsOf({ inventory, regions = [] }: Parsed<typeof fleetMembers>): readonly string[] {
  const named = inventory?.flatMap(({ region }) => (region === undefined ? [] : [region])) ?? regions.map((region) => region.name);
  return [...new Set(named)];
}

const server = object({
  /** Renewals that it answers in a second; it refuses the others until later. */
  capacity: optional(integer(1, 1_000_000)),
  /** Share of requests that are lost on the way. */
  loss_percent: optional(percent),
});

export const STEP_KINDS = {
  compromise: 'an attacker copies the keys of nodes',
  'use-copied-key': 'the attacker uses a copied key with a node and with the server',
  'revoke-nodes': 'what the attacker holds certificates for is revoked',
  'mint-token': 'a join token is minted',
  join: 'somebody joins with a token',
  'revoke-token': 'a token is revoked',
  'leak-cluster-certificate': 'the shared certificate of the cluster leaks',
  'rotate-cluster-certificate': 'the shared certificate is replaced, and the old one revoked after an overlap',
  'compromise-issuer': 'the key of the issuing authority is copied',
  'new-issuer': 'another issuing authority takes over',
  'renew-all': 'all nodes are told to renew now, spread over a time',
  'revoke-issuer': 'the compromised issuing authority is revoked',
  'publish-trust': 'a trust bundle version is published and activated',
  'rollback-trust': 'a version with the content of the one before is published and activated',
  'server-down': 'the server stops for a time, or cannot be reached from one region',
  'tamper-policy': 'somebody changes the policy file so that everybody may join, and it is loaded',
  'restore-policy': 'the policy as it was is loaded again',
  'join-by-policy': 'a stranger with a valid token of a worker asks for another role',
  rejoin: 'nodes whose certificates have ended are enrolled again by hand',
  note: 'a moment of the drill',
  'fix-trust': 'nodes that cannot verify the server any more get a bundle by hand',
} as const satisfies Record<string, string>;

export type StepKind = keyof typeof STEP_KINDS;

const step = object({
  /** Since the beginning of the drill. */
  at: duration(),
  do: oneOf(Object.keys(STEP_KINDS) as [StepKind, ...StepKind[]]),
  note: optional(text(500)),
  nodes: optional(integer(1, 100_000)),
  token: optional(name()),
  ttl: optional(duration()),
  max_uses: optional(integer(1, 1_000_000)),
  node_bound: optional(boolean()),
  who: optional(oneOf(['owner', 'thief'])),
  count: optional(integer(1, 1000)),
  every: optional(duration()),
  over: optional(duration()),
  overlap: optional(duration()),
  for: optional(duration()),
  grace: optional(duration()),
  faulty: optional(boolean()),
  role: optional(name()),
  /** The node that is taken, of the inventory; any without it. */
  target: optional(name()),
  /** The outage is of this one; of all without it. */
  region: optional(name()),
  per_hour: optional(integer(1, 1_000_000)),
});

export type DrillStep = Parsed<typeof step>;

export const PHASES = ['prepare', 'revoke', 'propagate', 'verify-refused', 'recover', 'report'] as const;

const phase = object({ phase: oneOf(PHASES), title: optional(text(200)), steps: optional(array(step, { maxItems: 100 })) });

/** What is measured. Durations are in seconds. */
export const METRICS = {
  evict_p50: { unit: 'duration', title: 'until half of the nodes refuse what was revoked' },
  evict_p99: { unit: 'duration', title: 'until 99 of 100 nodes refuse what was revoked' },
  evict_max: { unit: 'duration', title: 'until the last reachable node refuses what was revoked' },
  late_max: { unit: 'duration', title: 'longest time that a node was back without refusing what was revoked' },
  uninformed: { unit: 'count', title: 'reachable nodes that still accept what was revoked at the end' },
  cut_off_peak: { unit: 'count', title: 'most healthy nodes without service at one moment' },
  stranded: { unit: 'count', title: 'healthy nodes that need a hand at the end' },
  ended_away: { unit: 'count', title: 'nodes whose certificates ended while they were away, as they do without an incident' },
  recovery: { unit: 'duration', title: 'from the first step of recovery until no healthy node is without service' },
  intrusions: { unit: 'count', title: 'attempts of the attacker that were accepted' },
  intrusions_after: { unit: 'count', title: 'attempts of the attacker that were accepted after the first revocation' },
  detection: { unit: 'duration', title: 'from the first attack until the first alert' },
  alerts: { unit: 'count', title: 'alerts' },
  load_peak: { unit: 'count', title: 'most requests to the server in one second' },
  turned_away: { unit: 'count', title: 'requests of healthy nodes that were not answered' },
} as const satisfies Record<string, { readonly unit: 'duration' | 'count'; readonly title: string }>;

export type Metric = keyof typeof METRICS;

/** A duration as text, or a number. */
const limit: Parser<number> = {
  schema: { anyOf: [{ type: 'integer', minimum: 0 }, { type: 'string' }] },
  read(value: JsonValue | undefined, path: string, issues: Issue[]) {
    return typeof value === 'string' ? duration().read(value, path, issues) : integer(0).read(value, path, issues);
  },
};

const LIMITS = ['at_most', 'at_least', 'at_most_percent'] as const;

const objective = refine(
  object({
    metric: oneOf(Object.keys(METRICS) as [Metric, ...Metric[]]),
    at_most: optional(limit),
    at_least: optional(limit),
    /** Of the nodes. */
    at_most_percent: optional(percent),
  }),
  (value) =>
    LIMITS.filter((member) => value[member] !== undefined).length === 1
      ? { value }
      : { issue: `expected one of ${LIMITS.join(', ')}, found another number of them` },
);

export type Objective = Parsed<typeof objective>;

const scenario = object({
  schema: oneOf(['joinery/drill/1']),
  name: name(),
  title: text(200),
  summary: optional(text(2000)),
  duration: refine(duration(), (value) => (value < 60 ? { issue: 'expected at least a minute, found less' } : { value })),
  fleet,
  server: optional(server),
  /** The policy must be signed to be loaded. */
  signed_policy: optional(boolean()),
  phases: array(phase, { minItems: 1, maxItems: 20 }),
  objectives: array(objective, { minItems: 1, maxItems: 50 }),
});

export type Scenario = Parsed<typeof scenario>;

/** The published JSON Schema. */
export function scenarioSchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://joinery.dev/schema/drill-1.json',
    title: 'joinery drill',
    ...scenario.schema,
  };
}

/** @param what names the document. @throws ERR_DRILL_MALFORMED with every wrong path. */
export function parseScenario(value: JsonValue, what: string): Scenario {
  return parseDocument(checked, value, what, 'ERR_DRILL_MALFORMED');
}

/** Steps that are attempts: their outcome is what the log tells, once for each. */
export const ATTEMPTS: readonly StepKind[] = ['use-copied-key', 'join', 'join-by-policy'];

/** A step with the phase that it belongs to. */
export interface PlannedStep extends DrillStep {
  readonly phase: (typeof PHASES)[number];
}

/** All steps in the order of their time; those of one moment in the order of the document. */
export function stepsOf({ phases }: Pick<Scenario, 'phases'>): readonly PlannedStep[] {
  const steps = phases.flatMap(({ phase: named, steps: own }) => (own ?? []).map((each) => ({ ...each, phase: named })));
  return steps.sort((a, b) => a.at - b.at);
}

/** Members that a kind of step cannot do without. */
const NEEDS: Readonly<Partial<Record<StepKind, readonly (keyof DrillStep)[]>>> = {
  compromise: ['nodes'],
  'mint-token': ['token', 'ttl'],
  join: ['token', 'who'],
  'revoke-token': ['token'],
  'server-down': ['for'],
  'renew-all': ['over'],
  'join-by-policy': ['role'],
  rejoin: ['per_hour'],
  'fix-trust': ['per_hour'],
};

/** Generations are counted in one byte a node. */
const MAX_ACTIONS = 200;

const checked: Parser<Scenario> = refine(scenario, (value) => {
  const steps = stepsOf(value);
  if (steps.filter(({ do: kind }) => !ATTEMPTS.includes(kind)).length > MAX_ACTIONS)
    return { issue: `phases: expected at most ${MAX_ACTIONS} steps beside attempts, found more` };
  const tokens = new Set<string | undefined>();
  for (const each of steps) {
    const issue = stepIssue(each, value, tokens);
    if (issue !== undefined) return { issue: `phases: ${issue}` };
    if (each.do === 'mint-token') tokens.add(each.token);
  }
  return { value };
});

function stepIssue(step: PlannedStep, drill: Scenario, minted: ReadonlySet<string | undefined>): string | undefined {
  const { do: kind, at, token } = step;
  const missing = (NEEDS[kind] ?? []).find((member) => step[member] === undefined);
  if (missing !== undefined) return `expected ${missing} in the step ${kind}, found none`;
  if (at > drill.duration) return `expected steps within ${drill.duration} s, found ${kind} after`;
  if (step.count !== undefined && !ATTEMPTS.includes(kind))
    return `expected count on attempts (${ATTEMPTS.join(', ')}), found it on ${kind}`;
  if (kind !== 'mint-token' && token !== undefined && !minted.has(token))
    return `expected token ${token} to be minted before, found it used first`;
  return placeIssue(step, drill.fleet);
}

function placeIssue({ do: kind, region, target }: DrillStep, known: Scenario['fleet']): string | undefined {
  if (region !== undefined && !regionsOf(known).includes(region))
    return `expected a region of the fleet in the step ${kind}, found another`;
  if (target !== undefined && !(known.inventory ?? []).some(({ node }) => node === target))
    return `expected a node of the inventory as target of the step ${kind}, found another`;
  return undefined;
}
