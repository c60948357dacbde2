/** What operators and attackers do in a simulation, one function for each kind of step. */
import { isJoineryError } from '../errors.ts';
import type { Instant, Seconds } from '../time.ts';
import type { Grant } from '../token/grant.ts';
import { FLAG } from './fleet.ts';
import { isAllowed } from './decisions.ts';
import type { FleetNode } from './inventory.ts';
import type { Nodes } from './nodes.ts';
import type { PlannedStep, StepKind } from './scenario.ts';
import type { TokenOfDrill, World } from './world.ts';

export interface Acting {
  readonly world: World;
  readonly nodes: Nodes;
  readonly step: PlannedStep;
  readonly t: number;
  /** Puts another step to a later time. */
  later(at: number, action: Action): void;
}

/** Does a step. @returns what it says of itself in the log, beyond its title. */
export type Action = (acting: Acting) => string | void;

const DAY = 86400;
const CLUSTER = 'drill';

function compromise({ world, nodes, step, t }: Acting): string {
  const { fleet, dice } = world;
  world.attacked(t);
  if (step.target !== undefined) return `${take(world, nodes, targetOf(world, step.target), t)} node(s), ${step.target}`;
  const wanted = Math.min(step.nodes as number, fleet.size);
  let taken = 0;
  // Twenty tries for each: in a fleet without reachable nodes there is nothing to take.
  for (let tries = wanted * 20; taken < wanted && tries > 0; tries--) {
    taken += take(world, nodes, dice.below(fleet.size), t);
  }
  return `${taken} node(s)`;
}

/** The parser of the scenario has found it. */
function targetOf({ input }: World, target: string): number {
  return (input.scenario.fleet.inventory as readonly FleetNode[]).findIndex(({ node }) => node === target);
}

/** @returns 1, or 0 for a node that cannot be taken. */
function take({ fleet }: World, nodes: Nodes, node: number, t: number): number {
  if (fleet.has(node, FLAG.COMPROMISED | FLAG.OFFLINE | FLAG.EXPIRED)) return 0;
  fleet.set(node, FLAG.COMPROMISED);
  nodes.judge(node, t);
  return 1;
}

/** With a node at random, which may know already. */
function useCopiedKey({ world, nodes, t }: Acting): void {
  const { fleet, dice, revocations } = world;
  world.attacked(t);
  const peer = dice.below(fleet.size);
  const what = 'connection to a node with a copied key';
  const attempt = (code?: string): void =>
    world.attempt(t, { who: 'attacker', what, accepted: code === undefined, ...(code !== undefined && { code }) });
  if (t >= (copiedKey(world) ?? 0)) attempt('ERR_CERTIFICATE_EXPIRED');
  else if (!nodes.isHealthy(peer) || fleet.has(peer, FLAG.OFFLINE)) attempt('ERR_SERVER_UNREACHABLE');
  else attempt(revocations.length > 0 && fleet.seen[peer] === revocations.length ? 'ERR_CERTIFICATE_REVOKED' : undefined);
}

/** When the last certificate of the attacker ends; undefined when it has none. */
function copiedKey({ fleet, intruderUntil }: World): number | undefined {
  let until = intruderUntil;
  for (let node = 0; node < fleet.size; node++)
    if (fleet.has(node, FLAG.COMPROMISED)) until = Math.max(until ?? 0, fleet.expiresAt[node] as number);
  return until;
}

function revokeNodes({ world, nodes, t }: Acting): string {
  const { fleet } = world;
  let count = 0;
  for (let node = 0; node < fleet.size; node++) {
    if (!fleet.has(node, FLAG.COMPROMISED) || fleet.has(node, FLAG.REVOKED)) continue;
    fleet.set(node, FLAG.REVOKED);
    count += 1;
  }
  const until = copiedKey(world) ?? t;
  revoke(world, nodes, t, until);
  return `${count} node(s)`;
}

function revoke(world: World, nodes: Nodes, t: number, until: number, since = t): void {
  world.firstRevocation ??= t;
  world.revocations.push({ at: since, until: Math.max(until, t) });
  nodes.announce(t);
}

function mintToken({ world, step, t }: Acting): void {
  const { role = 'worker', ttl, max_uses: maxUses = 1, node_bound: bound } = step;
  const grant: Grant = {
    format: 'jwt',
    issuer: CLUSTER,
    id: step.token as string,
    clusters: [CLUSTER],
    role,
    ...(bound === true && { node: 'owner' }),
    allowReentry: false,
    labels: {},
    issuedAt: world.at(t),
    notBefore: world.at(t),
    expiresAt: world.at(t + (ttl as number)),
    maxUses,
  };
  world.tokens.set(grant.id, { grant, state: { revoked: false, used: 0 }, uses: new Map() });
}

function join({ world, step, t }: Acting): void {
  const who = step.who === 'thief' ? 'attacker' : 'owner';
  if (who === 'attacker') world.attacked(t);
  const token = world.tokens.get(step.token as string) as TokenOfDrill;
  const code = useToken(world, token, who, t);
  world.attempt(t, { who, what: `join with token ${token.grant.id}`, accepted: code === undefined, ...(code !== undefined && { code }) });
  if (code === 'ERR_TOKEN_REPLAYED' || code === 'ERR_TOKEN_EXHAUSTED') world.alert(t, 'replay', 'a join token was used by another key');
  if (who === 'attacker' && code === undefined) world.intruderUntil = t + world.limits.life;
}

/** @returns why not. */
function useToken(world: World, token: TokenOfDrill, node: string, t: number): string | undefined {
  const { grant, state, uses } = token;
  const keyThumbprint = `key of ${node}`;
  const sameKey = uses.get(keyThumbprint);
  const expected = { issuer: CLUSTER, cluster: CLUSTER, role: grant.role, node, keyThumbprint };
  const request = { keyThumbprint, node, role: grant.role };
  const time = { now: world.at(t), maxLifetime: (90 * DAY) as Seconds };
  try {
    const found = world.input.rules.checkGrant(grant, expected, { ...state, ...(sameKey && { sameKey }) }, time, request);
    if (found === 'same-request') return undefined;
    token.state = { ...state, used: state.used + 1 };
    uses.set(keyThumbprint, { node, role: grant.role, usedAt: time.now as Instant });
    return undefined;
  } catch (error) {
    if (isJoineryError(error)) return error.code;
    throw error;
  }
}

function revokeToken({ world, step, t }: Acting): void {
  const token = world.tokens.get(step.token as string) as TokenOfDrill;
  token.state = { ...token.state, revoked: true };
  world.firstRevocation ??= t;
}

function leak({ world, t }: Acting): void {
  world.attacked(t);
  world.attempt(t, { who: 'attacker', what: 'connection to a node with the shared certificate', accepted: true });
}

function rotateShared({ world, nodes, step, t, later }: Acting): void {
  const { overlap = 0 } = step;
  world.generation += 1;
  const { generation } = world;
  nodes.announce(t);
  later(t + overlap, (acting) => {
    acting.world.acceptedGeneration = generation;
    revoke(world, nodes, acting.t, world.input.scenario.duration, t);
    nodes.judgeAll(acting.t);
    return 'the old shared certificate is revoked';
  });
}

function compromiseIssuer({ world, t }: Acting): void {
  world.attacked(t);
  world.attempt(t, { who: 'attacker', what: 'certificate of its own by the issuing authority', accepted: true });
}

function revokeIssuer({ world, nodes, t }: Acting): void {
  world.revokedIssuer = world.issuer - 1;
  revoke(world, nodes, t, world.input.scenario.duration);
  nodes.judgeAll(t);
}

function publishTrust({ world, nodes, t }: Acting): string {
  world.active += 1;
  nodes.activated(t);
  return `version ${world.active + 1}`;
}

function tamperPolicy({ world, t }: Acting): string {
  world.attacked(t);
  if (world.input.policies.tamperedIsLoaded) {
    world.policyTampered = true;
    return 'the server loaded it';
  }
  world.alert(t, 'policy-refused', 'a policy without the signature of a signer was not loaded; the last good one stays');
  return 'the server refused it';
}

function joinByPolicy({ world, step, t }: Acting): void {
  world.attacked(t);
  const allow = isAllowed(world, step.role as string, t);
  world.attempt(t, { who: 'attacker', what: `join as ${step.role}`, accepted: allow, ...(!allow && { code: 'ERR_POLICY_DENIED' }) });
}

function rejoin({ nodes, step, t }: Acting): string {
  const needs = (node: number): boolean => nodes.isHealthy(node) && nodes.needsHand(node);
  return `${nodes.fixByHand(t, step.per_hour as number, needs)} node(s)`;
}

function fixTrust({ nodes, step, t }: Acting): string {
  return `${nodes.fixByHand(t, step.per_hour as number, (node) => nodes.isHealthy(node) && !nodes.verifiesServer(node))} node(s)`;
}

export const ACTIONS: Readonly<Record<StepKind, Action>> = {
  compromise,
  'use-copied-key': useCopiedKey,
  'revoke-nodes': revokeNodes,
  'mint-token': mintToken,
  join,
  'revoke-token': revokeToken,
  'leak-cluster-certificate': leak,
  'rotate-cluster-certificate': rotateShared,
  'compromise-issuer': compromiseIssuer,
  note: () => undefined,
  'new-issuer': ({ world }) => {
    world.issuer += 1;
  },
  'renew-all': ({ nodes, step, t }) => nodes.renewAll(t, step.over as number),
  'revoke-issuer': revokeIssuer,
  'publish-trust': publishTrust,
  'rollback-trust': publishTrust,
  'server-down': ({ world, step, t }) => {
    world.regions.down(step.region, t + (step.for as number));
    return step.region;
  },
  'tamper-policy': tamperPolicy,
  'restore-policy': ({ world, t }) => {
    world.policyTampered = false;
    world.firstRevocation ??= t;
  },
  'join-by-policy': joinByPolicy,
  rejoin,
  'fix-trust': fixTrust,
};
