/** What happened to each region of a fleet, and when the server can be reached from it again. */
import type { Fleet } from './fleet.ts';
import type { EndEvent } from './log.ts';

const NEVER = -1;

export type RegionSummary = NonNullable<EndEvent['regions']>[number];

export class Regions {
  readonly #names: readonly string[];
  readonly #downUntil: number[];
  readonly #cutOff: number[];
  readonly #peak: number[];
  readonly #evicted: number[];

  /** @param names none for a fleet without regions, which is one. */
  constructor(names: readonly string[]) {
    this.#names = names;
    const each = (value: number): number[] => Array.from({ length: Math.max(names.length, 1) }, () => value);
    this.#downUntil = each(NEVER);
    this.#cutOff = each(0);
    this.#peak = each(0);
    this.#evicted = each(NEVER);
  }

  /** An outage. @param name of one region; of all without it. */
  down(name: string | undefined, until: number): void {
    if (name === undefined) this.#downUntil.fill(until);
    else this.#downUntil[this.#names.indexOf(name)] = until;
  }

  backAt(region: number): number {
    return this.#downUntil[region] as number;
  }

  cutOff(region: number, isCutOff: boolean): void {
    const count = (this.#cutOff[region] as number) + (isCutOff ? 1 : -1);
    this.#cutOff[region] = count;
    this.#peak[region] = Math.max(this.#peak[region] as number, count);
  }

  evicted(region: number, seconds: number): void {
    this.#evicted[region] = Math.max(this.#evicted[region] as number, seconds);
  }

  /** In the order of their names in the drill. @param stranded nodes that need a hand. */
  summary({ region, size }: Fleet, stranded: readonly number[]): readonly RegionSummary[] {
    const [nodes, needs] = [this.#names.map(() => 0), this.#names.map(() => 0)];
    const count = (into: number[], node: number): void => {
      const index = region[node] as number;
      into[index] = (into[index] ?? 0) + 1;
    };
    for (let node = 0; node < size; node++) count(nodes, node);
    for (const node of stranded) count(needs, node);
    return this.#names.map((name, index) => ({
      name,
      nodes: nodes[index] as number,
      cut_off_peak: this.#peak[index] as number,
      stranded: needs[index] as number,
      ...(this.#evicted[index] !== NEVER && { evict_max: this.#evicted[index] as number }),
    }));
  }
}
