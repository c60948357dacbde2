/** Table tests of a policy: requests, and what the policy must say to each. */
import { canonicalJson, type JsonValue } from '../canonical-json.ts';
import { digestOf } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import { name, trustDomain } from '../names.ts';
import {
  array,
  boolean,
  integer,
  jsonObject,
  object,
  oneOf,
  optional,
  type Parsed,
  parseDocument,
  type Parser,
  record,
  refine,
  string,
} from '../parse.ts';
import { type Instant, parseDuration, parseInstant, plus, type Seconds } from '../time.ts';
import { type CompiledPolicy, type DecidingRule, evaluatePolicy, type PolicyDecision, type PolicyRequest } from './evaluate.ts';

const text = string({ maxLength: 1024 });

function textOf<T>(describe: string, read: (value: string) => T | undefined): Parser<T> {
  return refine(string({ maxLength: 40, describe }), (value) => {
    const parsed = read(value);
    return parsed === undefined ? { issue: `expected ${describe}, found another text` } : { value: parsed };
  });
}

const duration = textOf('a duration like 15m, 24h or 1h30m', parseDuration);

const request = object({
  cluster: optional(name()),
  role: optional(name()),
  environment: optional(name()),
  node_id: optional(string({ maxLength: 100 })),
  labels: optional(record(text)),
  attestation: optional(object({ provider: name(), claims: optional(jsonObject()), age: optional(duration) })),
  token_lifetime: optional(textOf('a duration, or never', (value) => (value === 'never' ? 'never' : parseDuration(value)))),
  now: optional(textOf('a time like 2026-11-22T10:00:00Z', parseInstant)),
});

const decidingRule: Parser<DecidingRule> = {
  schema: { anyOf: [{ type: 'integer', minimum: 0 }, { enum: ['default', 'policy'] }] },
  read: (value, path, issues) =>
    typeof value === 'number' ? integer().read(value, path, issues) : oneOf(['default', 'policy']).read(value, path, issues),
};

const expectation = object({
  allow: boolean(),
  rule: optional(decidingRule),
  identity: optional(text),
  lifetime: optional(duration),
  dns_names: optional(array(text)),
  ip_addresses: optional(array(text)),
  metadata: optional(record(text)),
  /** A part of the reason, or of what is missing. */
  reason: optional(text),
});

const document = object({
  schema: oneOf(['joinery/policy-cases/1']),
  /** Policy file, relative to the file of the cases. */
  policy: optional(string({ minLength: 1, maxLength: 1024 })),
  trust_domain: trustDomain(),
  /** Hosts of join URLs, which no node may be named as. */
  join_hosts: optional(array(string({ minLength: 1, maxLength: 253 }))),
  /** What every case asks for, unless it says otherwise. */
  defaults: optional(request),
  cases: array(object({ name: string({ minLength: 1, maxLength: 200 }), request: optional(request), expect: expectation }), {
    minItems: 1,
  }),
});

export type PolicyCases = Parsed<typeof document>;
type PolicyCase = PolicyCases['cases'][number];
type CaseRequest = NonNullable<PolicyCase['request']>;

/** @param what names the file. @throws ERR_INPUT_MALFORMED with every wrong path. */
export function parsePolicyCases(value: JsonValue, what: string): PolicyCases {
  return parseDocument(document, value, what);
}

export interface CaseResult {
  readonly name: string;
  readonly decision: PolicyDecision;
  /** `identity: expected X, found Y`; none when the case passes. */
  readonly differences: readonly string[];
}

/** Runs every case. @param now for cases that name no time. */
export function runPolicyCases(policy: CompiledPolicy, cases: PolicyCases, now: Instant): readonly CaseResult[] {
  return cases.cases.map((one) => {
    const decision = evaluatePolicy(policy, requestOf(cases, one, now));
    return { name: one.name, decision, differences: differencesOf(one.expect, decision) };
  });
}

function requestOf({ trust_domain: trustDomain, defaults = {} }: PolicyCases, one: PolicyCase, clock: Instant): PolicyRequest {
  const asked: CaseRequest = { ...defaults, ...one.request };
  const now = asked.now ?? clock;
  return {
    now,
    trustDomain,
    cluster: asked.cluster ?? '',
    role: asked.role ?? '',
    environment: asked.environment ?? '',
    nodeId: asked.node_id ?? 'node-1',
    labels: asked.labels ?? {},
    attestation: attestationOf(asked.attestation, now),
    tokenLifetime: asked.token_lifetime === 'never' ? null : (asked.token_lifetime as Seconds | undefined),
  };
}

function attestationOf(asked: CaseRequest['attestation'], now: Instant): PolicyRequest['attestation'] {
  if (asked === undefined) return undefined;
  const { provider, claims: proved = {}, age = 0 } = asked;
  return { provider, claims: proved, issuedAt: plus(now, 0 - age), digest: digestOf(utf8(provider)) };
}

function differencesOf(expect: PolicyCase['expect'], decision: PolicyDecision): readonly string[] {
  const { allow, rule, reason } = expect;
  const said = decision.allow ? '' : [decision.reason, ...decision.missing].join('; ');
  return [
    ...difference('allow', allow, decision.allow),
    ...difference('rule', rule, decision.rule),
    ...(reason !== undefined && !said.includes(reason)
      ? [`reason: expected one with ${JSON.stringify(reason)}, found ${JSON.stringify(said)}`]
      : []),
    ...(decision.allow ? grantDifferences(expect, decision) : []),
  ];
}

function grantDifferences(expect: PolicyCase['expect'], decision: Extract<PolicyDecision, { allow: true }>): readonly string[] {
  return [
    ...difference('identity', expect.identity, decision.identity),
    ...difference('lifetime', expect.lifetime, decision.lifetime),
    ...difference('dns_names', expect.dns_names, decision.dnsNames),
    ...difference('ip_addresses', expect.ip_addresses, decision.ipAddresses),
    ...difference('metadata', expect.metadata, decision.metadata),
  ];
}

/** None where nothing is expected. */
function difference(member: string, expected: JsonValue | undefined, found: JsonValue | undefined): readonly string[] {
  if (expected === undefined || sameJson(expected, found)) return [];
  return [`${member}: expected ${JSON.stringify(expected)}, found ${found === undefined ? 'none' : JSON.stringify(found)}`];
}

function sameJson(a: JsonValue, b: JsonValue | undefined): boolean {
  return b !== undefined && canonicalJson(a) === canonicalJson(b);
}
