/** Everything around the fleet in a simulation: server, authorities, trust, tokens, policy, and what was recorded. */
import type { VerifySignature } from '../key-ports.ts';
import type { CompiledPolicy } from '../policy/evaluate.ts';
import type { Instant } from '../time.ts';
import type { Grant } from '../token/grant.ts';
import type { TokenState } from '../token/use.ts';
import type { KnownVersion } from '../trust/walk.ts';
import type { Fleet, FleetRules } from './fleet.ts';
import { Histogram } from './histogram.ts';
import type { AlertEvent, AttemptEvent, DrillEvent } from './log.ts';
import type { BucketQueue } from './queue.ts';
import type { Dice } from './random.ts';
import { Regions } from './regions.ts';
import type { DrillRules } from './rules.ts';
import { regionsOf, type Scenario } from './scenario.ts';

export type TrustVersionOfDrill = KnownVersion<'control-plane-https'>;

export interface DrillPolicies {
  /** The policy as it should be. */
  readonly good: CompiledPolicy;
  /** The one that the attacker wrote. */
  readonly tampered: CompiledPolicy;
  /** Whether a server loads what the attacker wrote: it cannot sign it. */
  readonly tamperedIsLoaded: boolean;
}

export interface DrillInput {
  readonly scenario: Scenario;
  readonly seed: number;
  /** In the place of the scenario's. */
  readonly nodes: number;
  /** The moment at which virtual time begins. */
  readonly base: Instant;
  /** The trust version in force, and one for each step that publishes one, in order. */
  readonly trust: readonly TrustVersionOfDrill[];
  /** Pin of the root that the server stands under. */
  readonly serverPin: string;
  readonly policies: DrillPolicies;
  readonly rules: DrillRules;
  readonly verifySignature: VerifySignature;
}

/** What nodes learn to refuse. */
export interface RevocationOfDrill {
  readonly at: number;
  /** When it would end by itself. */
  readonly until: number;
}

export interface TokenOfDrill {
  readonly grant: Grant;
  state: TokenState;
  readonly uses: Map<string, { readonly node: string; readonly role: string; readonly usedAt: Instant }>;
}

/** Longest time without an answer after which a renewal is tried again, in seconds. */
export const RETRY = { first: 60, longest: 900 };

export class World {
  readonly input: DrillInput;
  readonly fleet: Fleet;
  readonly limits: FleetRules;
  readonly queue: BucketQueue;
  readonly dice: Dice;
  readonly events: DrillEvent[] = [];

  readonly regions: Regions;
  /** Server: requests of this second, and of the busiest one since the last sample and in all. */
  second = -1;
  requests = 0;
  busiest = 0;
  peak = 0;
  turnedAway = 0;

  /** Issuing authority in use, and the newest one that is revoked. */
  issuer = 0;
  revokedIssuer = -1;
  /** Shared certificate in use, and the oldest generation that is accepted. */
  generation = 0;
  acceptedGeneration = 0;
  /** Trust version in force. */
  active = 0;
  policyTampered = false;
  readonly tokens = new Map<string, TokenOfDrill>();
  readonly revocations: RevocationOfDrill[] = [];

  readonly evictions = new Histogram();
  readonly late = new Histogram();
  uninformed = 0;
  cutOff = 0;
  cutOffPeak = 0;
  lastCutOff = -1;
  /** When the certificate ends that the attacker joined for. */
  intruderUntil: number | undefined;
  intrusions = 0;
  intrusionsAfter = 0;
  firstAttack: number | undefined;
  /** When the operators first revoked or withdrew something. */
  firstRevocation: number | undefined;
  /** The first one since. */
  firstAlert: number | undefined;
  recoveryFrom: number | undefined;
  alerts = 0;

  constructor(
    input: DrillInput,
    parts: { readonly fleet: Fleet; readonly limits: FleetRules; readonly queue: BucketQueue; readonly dice: Dice },
  ) {
    this.input = input;
    this.fleet = parts.fleet;
    this.regions = new Regions(regionsOf(input.scenario.fleet));
    this.limits = parts.limits;
    this.queue = parts.queue;
    this.dice = parts.dice;
  }

  at(t: number): Instant {
    return (this.input.base + t) as Instant;
  }

  alert(t: number, name: string, text: string): void {
    this.alerts += 1;
    if (this.firstAttack !== undefined) this.firstAlert ??= t;
    this.events.push({ kind: 'alert', t, name, text } satisfies AlertEvent);
  }

  attempt(t: number, attempt: Omit<AttemptEvent, 'kind' | 't'>): void {
    this.events.push({ kind: 'attempt', t, ...attempt });
    if (!attempt.accepted || attempt.who !== 'attacker') return;
    this.intrusions += 1;
    if (this.firstRevocation !== undefined) this.intrusionsAfter += 1;
  }

  /** A node that could be reached refuses what was revoked so many seconds ago. */
  evicted(node: number, seconds: number): void {
    this.evictions.add(seconds);
    this.regions.evicted(this.fleet.region[node] as number, seconds);
  }

  attacked(t: number): void {
    this.firstAttack ??= t;
  }

  /** A request arrives. @returns whether the server answers it. */
  request(node: number, t: number): boolean {
    if (t !== this.second) {
      this.second = t;
      this.requests = 0;
    }
    this.requests += 1;
    this.busiest = Math.max(this.busiest, this.requests);
    return this.requests <= (this.input.scenario.server?.capacity ?? Number.POSITIVE_INFINITY) && this.reaches(node, t);
  }

  /** Whether a question without weight, for revocations or trust, comes through. */
  reaches(node: number, t: number): boolean {
    const loss = this.input.scenario.server?.loss_percent ?? 0;
    return t >= this.regions.backAt(this.fleet.region[node] as number) && (loss === 0 || this.dice.next() * 100 >= loss);
  }
}
