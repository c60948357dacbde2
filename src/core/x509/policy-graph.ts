/**
 * Certificate policies (RFC 5280 sections 6.1.2 to 6.1.5), as the graph of RFC 9618: one node for each policy and depth, where
 * RFC 5280's tree can grow exponentially with policy mappings.
 */
import type { Certificate } from './certificate.ts';
import { OID } from './oids.ts';

export interface PolicyInputs {
  /** Acceptable policies; undefined for any. */
  readonly initialPolicies?: ReadonlySet<string> | undefined;
  readonly requireExplicitPolicy?: boolean | undefined;
  readonly inhibitPolicyMapping?: boolean | undefined;
  readonly inhibitAnyPolicy?: boolean | undefined;
}

interface Node {
  readonly policy: string;
  expected: ReadonlySet<string>;
  readonly parents: readonly Node[];
}

type Level = Map<string, Node>;

interface State {
  /** Undefined when the graph is NULL. */
  level: Level | undefined;
  explicitPolicy: number;
  policyMapping: number;
  inhibitAny: number;
}

const ANY = OID.anyPolicy;
const node = (policy: string, parents: readonly Node[], expected: ReadonlySet<string> = new Set([policy])): Node => ({
  policy,
  expected,
  parents,
});

/** True when the policies of the path are acceptable. `path` runs from the certificate that the anchor issued to the leaf. */
export function policiesHold(path: readonly Certificate[], inputs: PolicyInputs = {}): boolean {
  const start = (inhibited: boolean | undefined): number => (inhibited ? 0 : path.length + 1);
  const state: State = {
    level: new Map([[ANY, node(ANY, [])]]),
    explicitPolicy: start(inputs.requireExplicitPolicy),
    policyMapping: start(inputs.inhibitPolicyMapping),
    inhibitAny: start(inputs.inhibitAnyPolicy),
  };
  for (const [index, certificate] of path.entries()) {
    const last = index === path.length - 1;
    processPolicies(state, certificate, last);
    if (state.explicitPolicy === 0 && state.level === undefined) return false;
    if (last) wrapUp(state, certificate);
    else prepareNext(state, certificate);
  }
  return state.explicitPolicy > 0 || isAcceptable(state.level, inputs.initialPolicies);
}

/** RFC 5280 section 6.1.3 (d) and (e). */
function processPolicies(state: State, certificate: Certificate, last: boolean): void {
  const policies = certificate.extensions.certificatePolicies;
  const previous = state.level;
  if (policies === undefined || previous === undefined) {
    state.level = undefined;
    return;
  }
  const expecting = byExpectation(previous);
  const level = namedPolicies(policies, expecting);
  const anyCounts = state.inhibitAny > 0 || (!last && certificate.selfIssued);
  if (policies.includes(ANY) && anyCounts) {
    for (const [policy, parents] of expecting) if (!level.has(policy)) level.set(policy, node(policy, parents));
  }
  state.level = level.size === 0 ? undefined : level;
}

/** (d) (1): a policy that a node above expects, or that anyPolicy above lets in. */
function namedPolicies(policies: readonly string[], expecting: ReadonlyMap<string, readonly Node[]>): Level {
  const level: Level = new Map();
  for (const policy of policies) {
    // Only the node of anyPolicy expects anyPolicy.
    const parents = expecting.get(policy) ?? expecting.get(ANY);
    if (policy !== ANY && parents !== undefined) level.set(policy, node(policy, parents));
  }
  return level;
}

function byExpectation(level: Level): Map<string, Node[]> {
  const expecting = new Map<string, Node[]>();
  for (const entry of level.values()) {
    for (const policy of entry.expected) {
      const parents = expecting.get(policy);
      if (parents === undefined) expecting.set(policy, [entry]);
      else parents.push(entry);
    }
  }
  return expecting;
}

/** RFC 5280 section 6.1.4 (b), (h), (i), (j). */
function prepareNext(state: State, certificate: Certificate): void {
  applyMappings(state, certificate);
  if (!certificate.selfIssued) {
    state.explicitPolicy = Math.max(0, state.explicitPolicy - 1);
    state.policyMapping = Math.max(0, state.policyMapping - 1);
    state.inhibitAny = Math.max(0, state.inhibitAny - 1);
  }
  const { policyConstraints, inhibitAnyPolicy } = certificate.extensions;
  state.explicitPolicy = Math.min(state.explicitPolicy, policyConstraints?.requireExplicitPolicy ?? Infinity);
  state.policyMapping = Math.min(state.policyMapping, policyConstraints?.inhibitPolicyMapping ?? Infinity);
  state.inhibitAny = Math.min(state.inhibitAny, inhibitAnyPolicy ?? Infinity);
}

function applyMappings(state: State, certificate: Certificate): void {
  const { level } = state;
  if (level === undefined) return;
  const mapped = new Map<string, Set<string>>();
  for (const { issuerDomainPolicy, subjectDomainPolicy } of certificate.extensions.policyMappings ?? []) {
    mapped.set(issuerDomainPolicy, (mapped.get(issuerDomainPolicy) ?? new Set()).add(subjectDomainPolicy));
  }
  for (const [policy, subjects] of mapped) {
    const [known, any] = [level.get(policy), level.get(ANY)];
    if (state.policyMapping === 0) level.delete(policy);
    else if (known !== undefined) known.expected = subjects;
    else if (any !== undefined) level.set(policy, node(policy, any.parents, subjects));
  }
  if (level.size === 0) state.level = undefined;
}

/** RFC 5280 section 6.1.5 (a), (b). */
function wrapUp(state: State, certificate: Certificate): void {
  state.explicitPolicy = Math.max(0, state.explicitPolicy - 1);
  if (certificate.extensions.policyConstraints?.requireExplicitPolicy === 0) state.explicitPolicy = 0;
}

/** RFC 5280 section 6.1.5 (g): something of the graph lies in the acceptable policies, as the trust anchor's domain names them. */
function isAcceptable(level: Level | undefined, initial: ReadonlySet<string> | undefined): boolean {
  if (level === undefined) return false;
  if (initial === undefined || initial.has(ANY) || level.has(ANY)) return true;
  const seen = new Set<Node>();
  const reaches = (entry: Node): boolean => {
    if (seen.has(entry)) return false;
    seen.add(entry);
    // The first named policy below anyPolicy is in the anchor's domain.
    if (entry.parents.some((parent) => parent.policy === ANY) && initial.has(entry.policy)) return true;
    return entry.parents.some((parent) => parent.policy !== ANY && reaches(parent));
  };
  return [...level.values()].some(reaches);
}
