/** Decides on joins and renewals: the first rule that matches. A policy is compiled once, when it is loaded. */
import { equalBytes } from '../encoding.ts';
import { formatDuration, type Seconds } from '../time.ts';
import { addressOf } from '../x509/alternative-names.ts';
import { type Condition, conditionsOf, type PolicyRequest } from './conditions.ts';
import { type JoinPolicy, type PolicyRule, POLICY_API_VERSION, POLICY_KIND } from './document.ts';
import { DEFAULT_IDENTITY_TEMPLATE, dnsFiller, type FillTemplate, identityFiller } from './template.ts';

export type { PolicyRequest } from './conditions.ts';

/** Position of a rule in `spec.rules`, from 0; what decided when none matched; or what holds for the whole policy, before its rules. */
export type DecidingRule = number | 'default' | 'policy';

export interface PolicyAllowed {
  readonly allow: true;
  readonly rule: DecidingRule;
  readonly description: string;
  /** SPIFFE ID. */
  readonly identity: string;
  /** Of the certificate in seconds, where the rule names it. */
  readonly lifetime?: Seconds;
  /** SANs of the certificate beside the identity. */
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PolicyRefused {
  readonly allow: false;
  readonly rule: DecidingRule;
  readonly description: string;
  readonly reason: string;
  /** What would have to differ, of the nearest rule that allows: `roles: expected control-plane, found worker`. */
  readonly missing: readonly string[];
}

export type PolicyDecision = PolicyAllowed | PolicyRefused;

interface CompiledRule {
  readonly rule: PolicyRule;
  readonly conditions: readonly Condition[];
  readonly grant: Grant;
}

interface Grant {
  readonly identity: FillTemplate;
  readonly dnsNames: readonly FillTemplate[];
}

export interface CompiledPolicy {
  readonly document: JoinPolicy;
  readonly rules: readonly CompiledRule[];
  readonly fallback: Grant;
  readonly reserved: ReservedHosts;
}

interface ReservedHosts {
  readonly names: ReadonlySet<string>;
  readonly addresses: readonly Uint8Array[];
}

/** @param reservedHosts hosts of the join URLs: a node that held a certificate for one could pose as the server (FORMATS 4). */
export function compilePolicy(document: JoinPolicy, reservedHosts: readonly string[] = []): CompiledPolicy {
  return {
    document,
    rules: document.spec.rules.map((rule) => ({ rule, conditions: conditionsOf(rule), grant: grantOf(rule) })),
    fallback: grantOf({ allow: true }),
    reserved: {
      names: new Set(reservedHosts.map((host) => host.toLowerCase())),
      addresses: reservedHosts.flatMap((host) => addressOf(host) ?? []),
    },
  };
}

function grantOf({ identityTemplate = DEFAULT_IDENTITY_TEMPLATE, dnsNames = [] }: PolicyRule): Grant {
  return { identity: identityFiller(identityTemplate), dnsNames: dnsNames.map((template) => dnsFiller(template)) };
}

/** The policy of a cluster that has none: what its tokens grant, as the default identity, for the default life. */
export function builtinPolicy(cluster: string, roles: readonly string[]): JoinPolicy {
  const rule: PolicyRule = { description: 'what the token grants', clusters: [cluster], roles, allow: true };
  return { apiVersion: POLICY_API_VERSION, kind: POLICY_KIND, metadata: { name: 'builtin', version: 1 }, spec: { rules: [rule] } };
}

/** Total: every request gets a decision, the same one each time. */
export function evaluatePolicy(policy: CompiledPolicy, request: PolicyRequest): PolicyDecision {
  const overall = overallRefusal(policy.document, request);
  if (overall !== undefined) return overall;
  const index = policy.rules.findIndex(({ conditions }) => matches(conditions, request));
  const matched = policy.rules[index];
  if (matched === undefined) return unmatched(policy, request);
  const { rule } = matched;
  const description = rule.description ?? '';
  if (!rule.allow) return { allow: false, rule: index, description, reason: 'a rule refuses it', missing: [] };
  return granted(policy, { ...matched, index, description }, request);
}

function matches(conditions: readonly Condition[], request: PolicyRequest): boolean {
  for (const condition of conditions) if (!condition.holds(request)) return false;
  return true;
}

/** What holds before any rule: evidence, and the life of tokens. */
function overallRefusal({ spec }: JoinPolicy, { attestation, tokenLifetime }: PolicyRequest): PolicyRefused | undefined {
  const { requireAttestation, maxTokenLifetime } = spec;
  if (requireAttestation === true && attestation === undefined) {
    return overall('the policy requires attestation', 'requireAttestation: expected evidence that an attestor verified, found none');
  }
  if (maxTokenLifetime === undefined || tokenLifetime === undefined) return undefined;
  if (tokenLifetime !== null && tokenLifetime <= maxTokenLifetime) return undefined;
  const found = tokenLifetime === null ? 'one that never expires' : formatDuration(tokenLifetime);
  return overall(
    'the token lives longer than the policy allows',
    `maxTokenLifetime: expected ${formatDuration(maxTokenLifetime)}, found ${found}`,
  );
}

function overall(reason: string, missing: string): PolicyRefused {
  return { allow: false, rule: 'policy', description: '', reason, missing: [missing] };
}

interface Matched {
  readonly rule: PolicyRule;
  readonly grant: Grant;
  readonly index: DecidingRule;
  readonly description: string;
}

function granted({ reserved }: CompiledPolicy, { rule, grant, index, description }: Matched, request: PolicyRequest): PolicyDecision {
  const { lifetime, ipAddresses = [], metadata = {} } = rule;
  const filled = [grant.identity, ...grant.dnsNames].map((fill) => fill(request));
  const values = filled.flatMap((result) => ('value' in result ? [result.value] : []));
  const [identity, ...dnsNames] = values as [string, ...string[]];
  const issues = [
    ...filled.flatMap((result) => ('issue' in result ? [result.issue] : [])),
    ...dnsNames.filter((host) => reserved.names.has(host)).map((host) => `dnsNames: expected no host of a join URL, found ${host}`),
    ...ipAddresses.filter((text) => isReserved(reserved, text)).map((text) => `ipAddresses: expected no host of a join URL, found ${text}`),
  ];
  if (issues.length > 0)
    return { allow: false, rule: index, description, reason: 'the rule cannot be filled for this node', missing: issues };
  return { allow: true, rule: index, description, identity, ...(lifetime !== undefined && { lifetime }), dnsNames, ipAddresses, metadata };
}

function isReserved({ addresses }: ReservedHosts, text: string): boolean {
  const bytes = addressOf(text) as Uint8Array;
  return addresses.some((address) => equalBytes(address, bytes));
}

function unmatched(policy: CompiledPolicy, request: PolicyRequest): PolicyDecision {
  const { defaultAllow = false } = policy.document.spec;
  if (defaultAllow) {
    return granted(policy, { rule: { allow: true }, grant: policy.fallback, index: 'default', description: 'defaultAllow' }, request);
  }
  return { allow: false, rule: 'default', description: '', reason: 'no rule matches', missing: nearestMissing(policy, request) };
}

/** What the nearest rule that allows asks for and the request has not: fewest conditions, and of equals the first rule. */
function nearestMissing({ rules }: CompiledPolicy, request: PolicyRequest): readonly string[] {
  let nearest: readonly string[] | undefined;
  for (const { rule, conditions } of rules) {
    const missing = rule.allow ? missingOf(conditions, request) : [];
    if (rule.allow && (nearest === undefined || missing.length < nearest.length)) nearest = missing;
  }
  return nearest ?? ['rules: expected one that allows, found none'];
}

/** Every condition that does not hold, as a sentence. */
export function missingOf(conditions: readonly Condition[], request: PolicyRequest): readonly string[] {
  return conditions
    .filter((condition) => !condition.holds(request))
    .map((condition) => `${condition.member}: expected ${condition.expected}, found ${condition.found(request)}`);
}
