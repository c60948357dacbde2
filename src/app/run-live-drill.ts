/** Runs a drill against the running servers of a realm, with nodes of its own, and puts them out again whatever happens. */
import type { JsonObject } from '../core/canonical-json.ts';
import { evictionLimit, LIVE_NODES, type LiveCount, liveEnd, liveScenario } from '../core/drill/live.ts';
import { type DrillEvent, type DrillLog, logOf } from '../core/drill/log.ts';
import { drillReport } from '../core/drill/report.ts';
import { ATTEMPTS, type PlannedStep, STEP_KINDS, type StepKind, stepsOf } from '../core/drill/scenario.ts';
import { toBase64Url } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { PortableKeys } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import type { Seconds } from '../core/time.ts';
import { listAudit } from './list-audit.ts';
import { type Canary, enterCanary, type LiveServers, refusalOf, untilRefused } from './live-canary.ts';
import { mintToken } from './mint-token.ts';
import { findNode } from './node-records.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { againOnConflict } from './one-commit.ts';
import { revokeNode } from './revoke-node.ts';
import { revokeToken } from './revoke-token.ts';

export interface LiveDrillInput {
  readonly document: JsonObject;
  /** Names it in errors. */
  readonly what: string;
  readonly cluster: string;
  readonly role: string;
  /** All of them must refuse what is revoked. */
  readonly endpoints: readonly [string, ...string[]];
  /** Ends the drill at the next step; what it made is put out first. */
  readonly signal: AbortSignal;
}

export interface LiveWorld {
  readonly realm: Realm;
  readonly keys: PortableKeys;
  readonly servers: LiveServers;
}

interface LiveToken {
  readonly id: string;
  readonly text: Secret;
}

interface Run extends LiveWorld, LiveDrillInput {
  /** Before the name of everything that the drill makes. */
  readonly prefix: string;
  readonly began: number;
  readonly limitMs: number;
  /** Where the audit log stood. */
  readonly auditFrom: number;
  readonly events: DrillEvent[];
  readonly tokens: Map<string, LiveToken>;
  readonly intruders: Canary[];
  /** Names of everything that asked to join: it may have joined, and the answer was lost. */
  readonly asked: Set<string>;
  readonly count: { -readonly [K in keyof LiveCount]: LiveCount[K] } & { readonly evictions: number[] };
  firstAttack: number | undefined;
}

/**
 * @throws ERR_DRILL_LIVE, ERR_DRILL_MALFORMED; ERR_INTERRUPTED when the signal ended it; what the servers say to the healthy node.
 * Whatever it throws, its nodes and tokens are revoked.
 */
export async function runLiveDrill(world: LiveWorld, input: LiveDrillInput): Promise<DrillLog> {
  const { document, scenario } = liveScenario(input.document, input.what);
  const run = begin(world, input, { limitMs: evictionLimit(scenario) * 1000, auditFrom: await world.realm.store.auditSize() });
  run.events.push({ kind: 'begin', schema: 'joinery/drill-log/1', mode: 'live', seed: 0, nodes: LIVE_NODES, scenario: document });
  await note(run, 'drill.begin', scenario.name, {});
  let log: DrillLog | undefined;
  try {
    await play(run, stepsOf(scenario));
    run.events.push(liveEnd(now(run), run.count));
    log = logOf(run.events, input.what);
    return log;
  } finally {
    const { nodes, left } = await cleanUp(run);
    const ended: JsonObject = log === undefined ? { ended: false } : { ended: true, met: drillReport(log).met };
    await note(run, 'drill.end', scenario.name, { ...ended, nodes, left });
  }
}

function begin(world: LiveWorld, input: LiveDrillInput, limits: Pick<Run, 'limitMs' | 'auditFrom'>): Run {
  const prefix = `drill-${toBase64Url(world.realm.random.bytes(6)).toLowerCase().replaceAll('_', 'x').replaceAll('-', 'x')}`;
  const count = { evictions: [], uninformed: 0, revoked: false, cutOff: false, stranded: false, intrusions: 0, intrusionsAfter: 0 };
  return {
    ...world,
    ...input,
    prefix,
    began: world.servers.elapsed(),
    ...limits,
    events: [],
    tokens: new Map(),
    intruders: [],
    asked: new Set(),
    count: { ...count, alerts: 0, detection: undefined },
    firstAttack: undefined,
  };
}

const now = ({ servers, began }: Run): number => Math.floor((servers.elapsed() - began) / 1000);

async function note(run: Run, event: 'drill.begin' | 'drill.end', name: string, details: JsonObject): Promise<void> {
  const { realm, cluster, endpoints, prefix } = run;
  const told = { cluster, endpoints: [...endpoints], prefix, ...details };
  await commit(realm.store, { checks: [], writes: [], audit: [auditEvent(realm, { event, subject: name, details: told })] });
}

async function play(run: Run, steps: readonly PlannedStep[]): Promise<void> {
  const healthy = await enterFresh(run, 'healthy');
  for (const step of steps) {
    if (run.signal.aborted) break;
    const said = await ACTIONS[step.do as keyof typeof ACTIONS](run, step);
    if (!(ATTEMPTS as readonly StepKind[]).includes(step.do)) tell(run, step, said);
    await noticed(run);
    if (await isCut(run, healthy)) run.count.cutOff = true;
  }
  if (run.signal.aborted) throw new JoineryError('ERR_INTERRUPTED', 'interrupted; the nodes and tokens of the drill are revoked');
  run.count.stranded = await isCut(run, healthy);
}

function tell(run: Run, { phase, do: kind, note: told }: PlannedStep, said: string | void): void {
  const text = typeof said === 'string' ? `${STEP_KINDS[kind]}: ${said}` : STEP_KINDS[kind];
  run.events.push({ kind: 'step', t: now(run), phase, do: kind, text, ...(told !== undefined && { note: told }) });
}

async function isCut({ servers, endpoints }: Run, { identity }: Canary): Promise<boolean> {
  for (const url of endpoints) if ((await refusalOf(() => servers.use(url, identity))) !== undefined) return true;
  return false;
}

/** A node with a token of its own. */
async function enterFresh(run: Run, name: string): Promise<Canary> {
  const token = await mint(run, { name, ttl: 600, maxUses: 1, node: nodeName(run, name) });
  return enter(run, token, nodeName(run, name), run.endpoints[0]);
}

const nodeName = ({ prefix }: Run, name: string): string => `${prefix}-${name}`;

async function enter(run: Run, { text }: LiveToken, node: string, url: string): Promise<Canary> {
  run.asked.add(node);
  return enterCanary(run.keys, run.servers, { url, token: text, cluster: run.cluster, node });
}

interface Minting {
  readonly name: string;
  readonly ttl: number;
  readonly maxUses: number;
  readonly node?: string | undefined;
}

async function mint(run: Run, { name, ttl, maxUses, node }: Minting): Promise<LiveToken> {
  const { realm, cluster, role } = run;
  const request = { clusters: [cluster], role, ttl: ttl as Seconds, maxUses, ...(node !== undefined && { node }) };
  const { token, claims } = await mintToken(realm, request);
  const made = { id: claims.jti, text: token };
  run.tokens.set(name, made);
  return made;
}

function attacked(run: Run): void {
  run.firstAttack ??= now(run);
}

function attempt(run: Run, who: 'attacker' | 'owner', what: string, code: string | undefined): void {
  const accepted = code === undefined;
  run.events.push({ kind: 'attempt', t: now(run), who, what, accepted, ...(code !== undefined && { code }) });
  if (who === 'owner') run.count.cutOff ||= !accepted;
  else if (accepted) {
    run.count.intrusions += 1;
    if (run.count.revoked) run.count.intrusionsAfter += 1;
  }
}

type Action = (run: Run, step: PlannedStep) => Promise<string | void>;

const ACTIONS = {
  note: () => Promise.resolve(),
  async compromise(run) {
    attacked(run);
    run.intruders.push(await enterFresh(run, `canary-${run.asked.size}`));
    return 'one canary';
  },
  async 'use-copied-key'(run) {
    attacked(run);
    for (const url of run.endpoints)
      for (const { identity } of run.intruders)
        attempt(run, 'attacker', `request to ${url} with a copied key`, await refusalOf(() => run.servers.use(url, identity)));
  },
  async 'mint-token'(run, { token, ttl, max_uses: maxUses = 1, node_bound: bound }) {
    const node = bound === true ? nodeName(run, `owner-${token as string}`) : undefined;
    await mint(run, { name: token as string, ttl: ttl as number, maxUses, node });
    return token as string;
  },
  async join(run, { token, who }) {
    const isThief = who === 'thief';
    const node = nodeName(run, isThief ? `thief-${run.asked.size}` : `owner-${token as string}`);
    if (isThief) attacked(run);
    const given = run.tokens.get(token as string) as LiveToken;
    for (const url of isThief ? run.endpoints : [run.endpoints[0]]) {
      const code = await refusalOf(async () => {
        const canary = await enter(run, given, node, url);
        if (isThief) run.intruders.push(canary);
      });
      attempt(run, isThief ? 'attacker' : 'owner', `join with token ${token as string}`, code);
      // The next server would refuse a second key under the same name: one entry is enough.
      if (code === undefined) break;
    }
  },
  async 'revoke-token'(run, { token }) {
    run.count.revoked = true;
    await revokeToken(run.realm, { id: (run.tokens.get(token as string) as LiveToken).id, reason: 'drill' });
    return token as string;
  },
  async 'revoke-nodes'(run) {
    run.count.revoked = true;
    for (const { cluster, node } of run.intruders)
      await againOnConflict(() => revokeNode(run.realm, { cluster, node, reason: 'keyCompromise' }));
    const since = run.servers.elapsed();
    const pairs = run.endpoints.flatMap((url) => run.intruders.map(({ identity }) => ({ url, identity })));
    const { servers, signal, limitMs } = run;
    const times = await Promise.all(pairs.map((pair) => untilRefused(servers, { ...pair, since, limitMs, signal })));
    const refused = times.filter((time) => time !== undefined);
    run.count.evictions.push(...refused);
    run.count.uninformed += times.length - refused.length;
    return `${run.intruders.length} node(s), refused by ${refused.length} of ${times.length}, after ${Math.ceil(Math.max(0, ...refused))} ms at most`;
  },
} as const satisfies Partial<Record<StepKind, Action>>;

/** What the servers wrote of tokens of the drill into the audit log of the realm: there operators see it. */
async function noticed(run: Run): Promise<void> {
  let found = 0;
  for (const { id } of run.tokens.values())
    found += (await listAudit(run.realm.store, { filter: { event: 'join.refuse', subject: id }, limit: 1000, from: run.auditFrom })).records
      .length;
  if (found === run.count.alerts) return;
  if (run.firstAttack !== undefined) run.count.detection ??= now(run) - run.firstAttack;
  run.events.push({ kind: 'alert', t: now(run), name: 'join.refuse', text: `${found - run.count.alerts} refusal(s) in the audit log` });
  run.count.alerts = found;
}

/** Revokes what the drill made. @returns what could not be: it is named in the audit log. */
async function cleanUp(run: Run): Promise<{ readonly nodes: string[]; readonly left: string[] }> {
  const [nodes, left]: [string[], string[]] = [[], []];
  const attemptTo = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await againOnConflict(work);
    } catch (error) {
      left.push(`${what}: ${isJoineryError(error) ? error.code : String(error)}`);
    }
  };
  for (const { id } of run.tokens.values()) await attemptTo(`token ${id}`, () => revokeToken(run.realm, { id, reason: 'drill' }));
  // After the tokens: nothing can join any more.
  for (const node of run.asked) {
    if ((await findNode(run.realm.store, run.cluster, node)).record === undefined) continue;
    nodes.push(node);
    await attemptTo(`node ${node}`, () => revokeNode(run.realm, { cluster: run.cluster, node, reason: 'cessationOfOperation' }));
  }
  return { nodes, left };
}
