/** The nodes of a simulation, in typed arrays: 30 bytes a node, whatever happens to it. */
import type { Scenario } from './scenario.ts';
import { fixedChance } from './random.ts';

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
  /** Mean seconds unreachable, and reachable. */
  readonly offlineFor: number;
  readonly onlineFor: number;
}

const HOUR = 3600;

/** Defaults of what a scenario leaves out. */
export function fleetRules({ fleet }: Pick<Scenario, 'fleet'>): FleetRules {
  const share = (fleet.offline_percent ?? 0) / 100;
  const offlineFor = fleet.offline_for ?? 12 * HOUR;
  return {
    life: fleet.certificate_life ?? 24 * HOUR,
    poll: fleet.revocation_poll ?? 60,
    refresh: fleet.trust_refresh ?? HOUR,
    offlineShare: share,
    offlineFor,
    onlineFor: share === 0 ? Number.POSITIVE_INFINITY : Math.round((offlineFor * (1 - share)) / share),
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

/** A fleet in the middle of its life: certificates of every age up to their renewal, some nodes away. */
export function makeFleet({ fleet }: Pick<Scenario, 'fleet'>, size: number, seed: number): Fleet {
  const made = new Fleet(size);
  const { life, offlineShare } = fleetRules({ fleet });
  const regions = shares((fleet.regions ?? [{ share: 1 }]).map(({ share }) => share));
  const [skewed, skew, streams] = [(fleet.skewed_percent ?? 0) / 100, fleet.skew ?? 0, (fleet.stream_percent ?? 0) / 100];
  for (let node = 0; node < size; node++) {
    const chance = (use: number): number => fixedChance(seed, node, use);
    made.region[node] = regions.findIndex((limit) => chance(USE.region) < limit);
    if (chance(USE.offline) < offlineShare) made.set(node, FLAG.OFFLINE);
    if (chance(USE.stream) < streams) made.set(node, FLAG.STREAMS);
    if (chance(USE.skewed) < skewed) made.skew[node] = Math.round((chance(USE.skew) * 2 - 1) * skew);
    made.issuedAt[node] = -Math.floor((chance(USE.age) * life * 2) / 3);
    made.expiresAt[node] = (made.issuedAt[node] as number) + life;
  }
  return made;
}

/** Running sums from 0 to 1. */
function shares(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let sum = 0;
  return weights.map((weight) => (sum += weight) / total);
}
