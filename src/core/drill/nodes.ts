/** What nodes do in a simulation: renew, go away and come back, ask for revocations and trust. The rules of the program decide. */
import { Decisions } from './decisions.ts';
import { ALWAYS, FLAG, USE } from './fleet.ts';
import { fixedChance } from './random.ts';
import { RETRY, type World } from './world.ts';

/** Kinds of events of a node; an event is `kind * nodes + node`. */
export const KIND = { renew: 0, toggle: 1, poll: 2, refresh: 3, expire: 4, hand: 5 } as const;
export const KINDS = 6;

const UNHEALTHY = FLAG.COMPROMISED | FLAG.REVOKED;
/** A stream that breaks is opened again soon. */
const STREAM_DELAY = 2;
const STREAM_RETRY = 5;
const MAX_RECORDED = 100;

export class Nodes {
  readonly #world: World;
  readonly #decisions: Decisions;
  readonly #handlers: readonly ((node: number, t: number) => void)[];
  #expired = false;
  #recorded = 0;

  constructor(world: World) {
    this.#world = world;
    this.#decisions = new Decisions(world);
    this.#handlers = [this.#renew, this.#toggle, this.#poll, this.#refresh, this.#expire, this.#byHand].map((handler) =>
      handler.bind(this),
    );
  }

  /** Puts the first events of every node into the queue. */
  start(): void {
    const { fleet } = this.#world;
    for (let node = 0; node < fleet.size; node++) {
      this.#scheduleLife(node);
      this.#scheduleToggle(node, 0);
    }
  }

  handle(event: number, t: number): void {
    const { size } = this.#world.fleet;
    (this.#handlers[Math.floor(event / size)] as (node: number, t: number) => void)(event % size, t);
  }

  /** Something was revoked, or the shared certificate changed: every node learns of it the next time that it asks. */
  announce(t: number): void {
    const { fleet } = this.#world;
    for (let node = 0; node < fleet.size; node++) {
      if (fleet.has(node, FLAG.OFFLINE)) fleet.clear(node, FLAG.WAS_ONLINE);
      else {
        fleet.set(node, FLAG.WAS_ONLINE);
        this.#schedule(KIND.poll, node, t + this.#untilPoll(node, t));
      }
    }
  }

  /** A trust version came into force. */
  activated(t: number): void {
    const { fleet, limits } = this.#world;
    for (let node = 0; node < fleet.size; node++)
      this.#schedule(KIND.refresh, node, t + 1 + Math.floor(this.#chance(node, USE.refresh) * limits.refresh));
  }

  /** Every node renews, spread over some seconds. */
  renewAll(t: number, over: number): void {
    const { fleet } = this.#world;
    for (let node = 0; node < fleet.size; node++)
      this.#schedule(KIND.renew, node, t + 1 + Math.floor(this.#chance(node, USE.renew) * over));
  }

  /** People put the nodes in order that `needs` names, so many in an hour. @returns how many there are. */
  fixByHand(t: number, perHour: number, needs: (node: number) => boolean): number {
    let count = 0;
    for (let node = 0; node < this.#world.fleet.size; node++) {
      if (!needs(node)) continue;
      this.#schedule(KIND.hand, node, t + 1 + Math.floor((count * 3600) / perHour));
      count += 1;
    }
    return count;
  }

  /** Judges again which nodes are without service. */
  judgeAll(t: number): void {
    for (let node = 0; node < this.#world.fleet.size; node++) this.judge(node, t);
  }

  /** Counts a node as cut off, or no more: one that is healthy and reachable, whose certificate lives, and that still gets no service. */
  judge(node: number, t: number): void {
    const { fleet } = this.#world;
    const isCutOff = !fleet.has(node, UNHEALTHY | FLAG.OFFLINE | FLAG.EXPIRED) && !this.hasService(node);
    if (isCutOff === fleet.has(node, FLAG.CUT_OFF)) return;
    if (isCutOff) fleet.set(node, FLAG.CUT_OFF);
    else fleet.clear(node, FLAG.CUT_OFF);
    const world = this.#world;
    world.cutOff += isCutOff ? 1 : -1;
    world.cutOffPeak = Math.max(world.cutOffPeak, world.cutOff);
    world.regions.cutOff(fleet.region[node] as number, isCutOff);
    world.lastCutOff = t;
  }

  /** What it holds is accepted by the others, and verifies the server. */
  hasService(node: number): boolean {
    const { fleet, revokedIssuer, acceptedGeneration } = this.#world;
    const accepted = (fleet.issuer[node] as number) > revokedIssuer && (fleet.generation[node] as number) >= acceptedGeneration;
    return accepted && this.verifiesServer(node);
  }

  verifiesServer(node: number): boolean {
    return this.#decisions.verifiesServer(this.#world.fleet.trust[node] as number);
  }

  /** Nothing that it does by itself gives it service again. */
  needsHand(node: number): boolean {
    const { fleet, revokedIssuer } = this.#world;
    return fleet.has(node, FLAG.EXPIRED) || (fleet.issuer[node] as number) <= revokedIssuer || !this.verifiesServer(node);
  }

  isHealthy(node: number): boolean {
    return !this.#world.fleet.has(node, UNHEALTHY);
  }

  #schedule(kind: number, node: number, at: number): void {
    this.#world.queue.schedule(kind * this.#world.fleet.size + node, at);
  }

  #chance(node: number, use: number): number {
    return fixedChance(this.#world.input.seed, node, use);
  }

  #scheduleLife(node: number): void {
    this.#scheduleRenewal(node);
    this.#schedule(KIND.expire, node, this.#world.fleet.expiresAt[node] as number);
  }

  /** When it is due, by the node's own clock. */
  #scheduleRenewal(node: number): void {
    const { fleet, input } = this.#world;
    const [from, until] = [fleet.issuedAt[node] as number, fleet.expiresAt[node] as number];
    const due = input.rules.renewAfter(this.#world.at(from), this.#world.at(until)) - input.base - (fleet.skew[node] as number);
    this.#schedule(KIND.renew, node, Math.max(due, 0));
  }

  #scheduleToggle(node: number, t: number): void {
    const { fleet, dice } = this.#world;
    if (fleet.onlineFor[node] === ALWAYS) return;
    const mean = (fleet.has(node, FLAG.OFFLINE) ? fleet.offlineFor : fleet.onlineFor)[node] as number;
    this.#schedule(KIND.toggle, node, t + dice.exponential(mean));
  }

  /** Seconds until the node asks next, from the second after `t` on. */
  #untilPoll(node: number, t: number): number {
    const { fleet, limits } = this.#world;
    if (fleet.has(node, FLAG.STREAMS)) return 1 + Math.floor(this.#chance(node, USE.poll) * STREAM_DELAY);
    const phase = Math.floor(this.#chance(node, USE.poll) * limits.poll);
    return limits.poll - ((t + phase) % limits.poll);
  }

  #toggle(node: number, t: number): void {
    const { fleet, dice, revocations, generation, active } = this.#world;
    if (fleet.has(node, FLAG.OFFLINE)) {
      fleet.clear(node, FLAG.OFFLINE);
      fleet.backSince[node] = t;
      this.#scheduleRenewal(node);
      const isBehind = (fleet.seen[node] as number) < revocations.length || (fleet.generation[node] as number) < generation;
      if (isBehind) this.#schedule(KIND.poll, node, t + 1 + dice.below(STREAM_RETRY));
      if (fleet.trust[node] !== active) this.#schedule(KIND.refresh, node, t + 1 + dice.below(60));
    } else fleet.set(node, FLAG.OFFLINE);
    this.#scheduleToggle(node, t);
    this.judge(node, t);
  }

  #expire(node: number, t: number): void {
    const world = this.#world;
    const until = world.at(world.fleet.expiresAt[node] as number);
    if (world.input.rules.renewalState(until, until, world.at(t)).state !== 'expired') return;
    const isAway = world.fleet.has(node, FLAG.OFFLINE);
    world.fleet.set(node, isAway ? FLAG.EXPIRED | FLAG.ENDED_AWAY : FLAG.EXPIRED);
    this.judge(node, t);
    if (this.#expired || isAway || !this.isHealthy(node)) return;
    this.#expired = true;
    world.alert(t, 'certificate-expired', 'the certificate of a healthy node has ended');
  }

  #renew(node: number, t: number): void {
    const { fleet } = this.#world;
    if (fleet.has(node, FLAG.OFFLINE | FLAG.EXPIRED)) return;
    if (!this.verifiesServer(node)) this.#again(node, t);
    else if (!this.#world.request(node, t)) {
      if (this.isHealthy(node)) this.#world.turnedAway += 1;
      this.#again(node, t);
    } else this.#answer(node, t);
  }

  /** The server judges a renewal. */
  #answer(node: number, t: number): void {
    const world = this.#world;
    const { fleet } = world;
    if (fleet.has(node, FLAG.REVOKED)) this.#record(t, 'renewal with a revoked certificate', false, 'ERR_CERTIFICATE_REVOKED');
    else if ((fleet.issuer[node] as number) <= world.revokedIssuer) return;
    else if (!this.#decisions.mayRenew(t)) this.#again(node, t);
    else {
      if (fleet.has(node, FLAG.COMPROMISED) && this.#recorded < MAX_RECORDED) {
        this.#recorded += 1;
        world.alert(t, 'second-renewal-key', 'a certificate was renewed with two different keys');
      }
      this.#issue(node, t);
    }
  }

  #record(t: number, what: string, accepted: boolean, code: string): void {
    if (this.#recorded >= MAX_RECORDED) return;
    this.#recorded += 1;
    this.#world.attempt(t, { who: 'attacker', what, accepted, code });
  }

  #issue(node: number, t: number): void {
    const { fleet, issuer } = this.#world;
    fleet.issuedAt[node] = t;
    fleet.expiresAt[node] = t + (fleet.life[node] as number);
    fleet.issuer[node] = issuer;
    fleet.failures[node] = 0;
    fleet.clear(node, FLAG.EXPIRED | FLAG.ENDED_AWAY);
    this.#scheduleLife(node);
    this.judge(node, t);
  }

  /** Exponential with full jitter, so that nodes that failed together do not come back together. */
  #again(node: number, t: number): void {
    const { fleet, dice } = this.#world;
    const failures = Math.min((fleet.failures[node] as number) + 1, 255);
    fleet.failures[node] = failures;
    const longest = Math.min(RETRY.longest, RETRY.first * 2 ** Math.min(failures - 1, 10));
    this.#schedule(KIND.renew, node, t + 1 + dice.below(longest));
  }

  #poll(node: number, t: number): void {
    const { fleet, limits } = this.#world;
    if (fleet.has(node, FLAG.OFFLINE)) return;
    if (this.verifiesServer(node) && this.#world.reaches(node, t)) this.#learn(node, t);
    else this.#schedule(KIND.poll, node, t + (fleet.has(node, FLAG.STREAMS) ? STREAM_RETRY : limits.poll));
  }

  #learn(node: number, t: number): void {
    const { fleet, revocations, generation, late } = this.#world;
    const seen = fleet.seen[node] as number;
    fleet.seen[node] = revocations.length;
    if (!this.isHealthy(node)) return;
    fleet.generation[node] = generation;
    this.judge(node, t);
    for (const { at, until } of revocations.slice(seen)) {
      if (fleet.has(node, FLAG.WAS_ONLINE)) this.#world.evicted(node, Math.min(t, until) - at);
      else late.add(Math.max(0, Math.min(t, until) - Math.max(at, fleet.backSince[node] as number)));
    }
  }

  #refresh(node: number, t: number): void {
    const { fleet, active, limits } = this.#world;
    // Without a way to verify the server there is nobody to ask.
    if (fleet.has(node, FLAG.OFFLINE) || !this.verifiesServer(node)) return;
    if (!this.#world.reaches(node, t)) this.#schedule(KIND.refresh, node, t + limits.refresh);
    else {
      fleet.trust[node] = this.#decisions.walk(fleet.trust[node] as number, active, t);
      this.judge(node, t);
    }
  }

  /** Somebody goes there: a new enrollment, with the trust bundle that is in force. */
  #byHand(node: number, t: number): void {
    const { fleet, active } = this.#world;
    if (fleet.has(node, FLAG.OFFLINE)) this.#schedule(KIND.hand, node, t + 3600);
    else {
      fleet.trust[node] = active;
      this.#issue(node, t);
    }
  }
}
