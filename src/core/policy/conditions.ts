/** The conditions of a rule, compiled once: each answers fast, and can say what it wanted and what it found. */
import { canonicalJson, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { formatDuration, formatInstant, type Instant, type Seconds } from '../time.ts';
import type { VerifiedAttestation } from './attestation.ts';
import type { ClaimValue, PolicyRule } from './document.ts';

/**
 * What is asked for. Cluster, role, environment and labels are what the token grants or the realm recorded, never what a request says
 * of itself: a request narrows them before.
 */
export interface PolicyRequest {
  readonly now: Instant;
  readonly trustDomain: string;
  readonly cluster: string;
  readonly role: string;
  readonly environment: string;
  readonly nodeId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly attestation?: VerifiedAttestation | undefined;
  /** When the attestation was verified, for renewals, which bring none: default now. */
  readonly attestedAt?: Instant | undefined;
  /** Life of the token in seconds; null for one that never expires; absent where no token is used: a renewal. */
  readonly tokenLifetime?: Seconds | null | undefined;
}

export interface Condition {
  /** Of the rule: `roles`, `labels.zone`. */
  readonly member: string;
  readonly expected: string;
  holds(request: PolicyRequest): boolean;
  found(request: PolicyRequest): string;
}

/** Every condition of the rule; none for a rule that always matches. */
export function conditionsOf(rule: PolicyRule): readonly Condition[] {
  return [
    ...windowConditions(rule),
    ...nameCondition('clusters', rule.clusters, (request) => request.cluster),
    ...nameCondition('roles', rule.roles, (request) => request.role),
    ...nameCondition('environments', rule.environments, (request) => request.environment),
    ...labelConditions(rule.labels ?? {}),
    ...nameCondition('attestationProviders', rule.attestationProviders, (request) => request.attestation?.provider),
    ...ageCondition(rule.maxEvidenceAge),
    ...claimConditions(rule.claims ?? {}),
  ];
}

function windowConditions({ validFrom, validUntil }: PolicyRule): readonly Condition[] {
  const found = ({ now }: PolicyRequest): string => formatInstant(now);
  return [
    ...(validFrom === undefined
      ? []
      : [{ member: 'validFrom', expected: `${formatInstant(validFrom)} or later`, holds: at((now) => now >= validFrom), found }]),
    ...(validUntil === undefined
      ? []
      : [{ member: 'validUntil', expected: `before ${formatInstant(validUntil)}`, holds: at((now) => now < validUntil), found }]),
  ];
}

function at(check: (now: Instant) => boolean): Condition['holds'] {
  return ({ now }) => check(now);
}

/** An absent or empty list is no condition. */
function nameCondition(
  member: string,
  wanted: readonly string[] | undefined,
  read: (request: PolicyRequest) => string | undefined,
): readonly Condition[] {
  if (wanted === undefined || wanted.length === 0) return [];
  const set = new Set<string | undefined>(wanted);
  return [
    { member, expected: wanted.join(' or '), holds: (request) => set.has(read(request)), found: (request) => read(request) ?? 'none' },
  ];
}

function labelConditions(labels: NonNullable<PolicyRule['labels']>): readonly Condition[] {
  return Object.entries(labels).map(([label, wanted]) => {
    const read = ({ labels: given }: PolicyRequest): string | undefined => (Object.hasOwn(given, label) ? given[label] : undefined);
    return {
      member: `labels.${label}`,
      expected: wanted.join(' or '),
      holds: (request) => wanted.includes(read(request) as string),
      found: (request) => read(request) ?? 'no such label',
    };
  });
}

function ageCondition(maxAge: Seconds | undefined): readonly Condition[] {
  if (maxAge === undefined) return [];
  const age = ({ attestation, attestedAt, now }: PolicyRequest): number | undefined =>
    attestation && (attestedAt ?? now) - attestation.issuedAt;
  return [
    {
      member: 'maxEvidenceAge',
      expected: `evidence not older than ${formatDuration(maxAge)}`,
      holds: (request) => isAge(age(request) ?? Infinity, maxAge),
      found: (request) => shown(age(request), formatDuration, 'no evidence'),
    },
  ];
}

/** Clocks differ; evidence of tomorrow would be fresh until then. */
const CLOCK_SKEW = 60;

function isAge(age: number, maxAge: Seconds): boolean {
  return age >= 0 - CLOCK_SKEW && age <= maxAge;
}

function claimConditions(claims: NonNullable<PolicyRule['claims']>): readonly Condition[] {
  return Object.entries(claims).map(([claim, wanted]) => {
    const path = claimPath(claim);
    const read = ({ attestation }: PolicyRequest): JsonValue | undefined => attestation && valueAt(attestation.claims, path);
    return {
      member: `claims.${claim}`,
      expected: wanted.join(' or '),
      holds: (request) => holdsAny(read(request), wanted),
      found: (request) => shown(read(request), (value) => canonicalJson(value).slice(0, 200), 'no such claim'),
    };
  });
}

/** A claim by its name, or, when the name begins with a slash, by a JSON pointer (RFC 6901). */
function claimPath(claim: string): readonly string[] {
  if (!claim.startsWith('/')) return [claim];
  return claim
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function valueAt(claims: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = claims;
  for (const step of path) value = memberOf(value, step);
  return value;
}

/** RFC 6901 section 4: an index has no leading zero. */
function memberOf(value: JsonValue | undefined, step: string): JsonValue | undefined {
  if (value !== undefined && isJsonArray(value)) return /^(?:0|[1-9]\d{0,8})$/.test(step) ? value[Number(step)] : undefined;
  return isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}

/** A claim that is a list holds when one of its entries does. */
function holdsAny(found: JsonValue | undefined, wanted: readonly ClaimValue[]): boolean {
  if (found !== undefined && isJsonArray(found)) return found.some((entry) => wanted.includes(entry as ClaimValue));
  return wanted.includes(found as ClaimValue);
}

function shown<T>(value: T | undefined, show: (value: T) => string, otherwise: string): string {
  return value === undefined ? otherwise : show(value);
}
