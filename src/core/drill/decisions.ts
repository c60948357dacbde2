/** What the rules of the program decide about a simulated fleet. Many nodes ask the same, so each answer is computed once. */
import { isJoineryError } from '../errors.ts';
import type { PolicyRequest } from '../policy/evaluate.ts';
import type { TrustVersionOfDrill, World } from './world.ts';

export class Decisions {
  readonly #world: World;
  /** By trust version: whether it verifies the server. */
  readonly #usable: readonly boolean[];
  readonly #walks = new Map<number, number>();
  readonly #allowed = new Map<boolean, boolean>();

  constructor(world: World) {
    this.#world = world;
    const { trust, rules, serverPin } = world.input;
    this.#usable = trust.map(({ signed }) =>
      rules.reachesServer(
        signed.anchors.map(({ pin }) => pin),
        serverPin,
      ),
    );
  }

  /** @param version index of a trust version. */
  verifiesServer(version: number): boolean {
    return this.#usable[version] as boolean;
  }

  /** Whether the policy that the server has loaded lets a node of the fleet renew. */
  mayRenew(t: number): boolean {
    const { policyTampered } = this.#world;
    const known = this.#allowed.get(policyTampered);
    if (known !== undefined) return known;
    const allow = isAllowed(this.#world, 'worker', t);
    this.#allowed.set(policyTampered, allow);
    return allow;
  }

  /** Where a node goes from the version that it holds: the walk of the program, over the documents of the program. */
  walk(held: number, offered: number, t: number): number {
    const step = held * 256 + offered;
    const reached = this.#walks.get(step) ?? this.#walked(held, offered, t);
    this.#walks.set(step, reached);
    return reached;
  }

  #walked(held: number, offered: number, t: number): number {
    const { input } = this.#world;
    const version = input.trust[held] as TrustVersionOfDrill;
    const { purpose } = version.signed.manifest;
    const offers = input.trust.slice(0, offered + 1).map((known) => ({ version: known.version, what: 'drill' }));
    const known = { held: version, floor: version };
    try {
      const { steps } = input.rules.walkTrust({ purpose, offers, known, now: this.#world.at(t), verify: input.verifySignature });
      return held + steps.length;
    } catch (error) {
      if (!isJoineryError(error)) throw error;
      this.#world.alert(t, 'trust-refused', `nodes refuse a trust bundle version: ${error.code}`);
      return held;
    }
  }
}

/** Whether the policy that the server has loaded lets somebody in as `role`. */
export function isAllowed(world: World, role: string, t: number): boolean {
  const { input, policyTampered } = world;
  const policy = policyTampered ? input.policies.tampered : input.policies.good;
  const request: PolicyRequest = {
    now: world.at(t),
    trustDomain: 'drill.example',
    cluster: 'drill',
    role,
    environment: 'drill',
    nodeId: 'drill',
    labels: {},
  };
  return input.rules.evaluatePolicy(policy, request).allow;
}
