/** The nodes of a simulation, in typed arrays: 42 bytes a node, whatever happens to it. */
import type { FleetNode } from './inventory.ts';
import { fixedChance } from './random.ts';
import { regionsOf, type Scenario } from './scenario.ts';

export const FLAG = {
  /** Not reachable. */
  OFFLINE: 1,
  /** Its key is in the hands of the attacker: no healthy node. */
  COMPROMISED: 2,
  /** The realm revoked it. */
  REVOKED: 4,
  /** Its certificate has ended: only a new enrollment helps. */
  EXPIRED: 8,
  /** Counted as healthy and without service. */
  CUT_OFF: 16,
  /** Was reachable when the last revocation came. */
  WAS_ONLINE: 32,
  /** Holds a stream of revocations open. */
  STREAMS: 64,
  /** Its certificate ended while it was not reachable. */
  ENDED_AWAY: 128,
} as const;

export interface FleetRules {
  readonly life: number;
  readonly poll: number;
  readonly refresh: number;
  readonly offlineShare: number;
  /** Mean seconds unreachable, and reachable; {@link ALWAYS} for a node that never goes away. */
  readonly offlineFor: number;
  readonly onlineFor: number;
}

const HOUR = 3600;

/** Of a node that never goes away. */
export const ALWAYS = -1;

/** Defaults of what a scenario leaves out. @param own what an inventory says of one node. */
export function fleetRules({ fleet }: Pick<Scenario, 'fleet'>, own: Partial<FleetNode> = {}): FleetRules {
  const share = (own.offline_percent ?? fleet.offline_percent ?? 0) / 100;
  const offlineFor = own.offline_for ?? fleet.offline_for ?? 12 * HOUR;
  return {
    life: own.certificate_life ?? fleet.certificate_life ?? 24 * HOUR,
    poll: fleet.revocation_poll ?? 60,
    refresh: fleet.trust_refresh ?? HOUR,
    offlineShare: share,
    offlineFor,
    onlineFor: share === 0 ? ALWAYS : Math.round((offlineFor * (1 - share)) / share),
  };
}

export class Fleet {
  readonly size: number;
  readonly region: Uint8Array;
  readonly flags: Uint8Array;
  /** Seconds that the clock of the node is ahead. */
  readonly skew: Int16Array;
  /** Seconds; before the beginning they are negative. */
  readonly issuedAt: Int32Array;
  readonly expiresAt: Int32Array;
  /** Generation of the authority that issued its certificate. */
  readonly issuer: Uint8Array;
  /** Index of the trust version that it holds. */
  readonly trust: Uint8Array;
  /** Generation of the shared certificate that it holds. */
  readonly generation: Uint8Array;
  /** Renewals that failed in a row. */
  readonly failures: Uint8Array;
  /** Revocations that it knows. */
  readonly seen: Uint8Array;
  /** When it last came back; negative for a node that was never away. */
  readonly backSince: Int32Array;
  /** Its own share of {@link FleetRules}. */
  readonly life: Int32Array;
  readonly offlineFor: Int32Array;
  readonly onlineFor: Int32Array;

  constructor(size: number) {
    this.size = size;
    const bytes = (): Uint8Array => new Uint8Array(size);
    this.region = bytes();
    this.flags = bytes();
    this.skew = new Int16Array(size);
    this.issuedAt = new Int32Array(size);
    this.expiresAt = new Int32Array(size);
    this.issuer = bytes();
    this.trust = bytes();
    this.generation = bytes();
    this.failures = bytes();
    this.seen = bytes();
    this.backSince = new Int32Array(size).fill(-1);
    this.life = new Int32Array(size);
    this.offlineFor = new Int32Array(size);
    this.onlineFor = new Int32Array(size);
  }

  has(node: number, flag: number): boolean {
    return ((this.flags[node] as number) & flag) !== 0;
  }

  set(node: number, flag: number): void {
    this.flags[node] = (this.flags[node] as number) | flag;
  }

  clear(node: number, flag: number): void {
    this.flags[node] = (this.flags[node] as number) & ~flag;
  }
}

/** What a chance is for: each node draws the same numbers whatever happens elsewhere. */
export const USE = { region: 1, offline: 2, skewed: 3, skew: 4, age: 5, stream: 6, poll: 7, refresh: 8, renew: 9 } as const;

/** A fleet in the middle of its life: certificates of every age up to their renewal, some nodes away; or as an inventory has it. */
export function makeFleet({ fleet }: Pick<Scenario, 'fleet'>, size: number, seed: number): Fleet {
  const made = new Fleet(size);
  const place = places(fleet);
  const common = fleetRules({ fleet });
  const shared = { streams: (fleet.stream_percent ?? 0) / 100, skewed: (fleet.skewed_percent ?? 0) / 100, skew: fleet.skew ?? 0 };
  for (let node = 0; node < size; node++) {
    const chance = (use: number): number => fixedChance(seed, node, use);
    const own = fleet.inventory?.[node];
    const { life, offlineShare, offlineFor, onlineFor } = own === undefined ? common : fleetRules({ fleet }, own);
    made.region[node] = place(own, chance(USE.region));
    made.life[node] = life;
    made.offlineFor[node] = offlineFor;
    made.onlineFor[node] = onlineFor;
    if (chance(USE.offline) < offlineShare) made.set(node, FLAG.OFFLINE);
    begin(made, node, own, shared, chance);
  }
  return made;
}

/** What it is like at the beginning, by its row or by chance. */
function begin(
  fleet: Fleet,
  node: number,
  own: FleetNode | undefined,
  shared: { readonly streams: number; readonly skewed: number; readonly skew: number },
  chance: (use: number) => number,
): void {
  const { streams, skewed, skew } = shared;
  const life = fleet.life[node] as number;
  if (own?.stream ?? chance(USE.stream) < streams) fleet.set(node, FLAG.STREAMS);
  fleet.skew[node] = own?.skew ?? (chance(USE.skewed) < skewed ? Math.round((chance(USE.skew) * 2 - 1) * skew) : 0);
  const issuedAt = -(own?.certificate_age ?? Math.floor((chance(USE.age) * life * 2) / 3));
  fleet.issuedAt[node] = issuedAt;
  fleet.expiresAt[node] = issuedAt + life;
}

/** The region of a node, by its row or by chance. */
function places(fleet: Scenario['fleet']): (own: FleetNode | undefined, chance: number) => number {
  const limits = shares((fleet.regions ?? [{ share: 1 }]).map(({ share }) => share));
  const known = new Map(regionsOf(fleet).map((region, index) => [region, index]));
  return (own, chance) => (own?.region === undefined ? limits.findIndex((limit) => chance < limit) : (known.get(own.region) as number));
}

/** Running sums from 0 to 1. */
function shares(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.map((weight) => (sum += weight) / total);
}
