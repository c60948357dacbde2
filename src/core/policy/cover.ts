/** How the requests that two rules match relate: one set within the other, or overlapping. Conservative where it cannot know. */
import { canonicalJson, type JsonObject } from '../canonical-json.ts';
import type { ClaimValue, PolicyRule } from './document.ts';

const LISTS = ['clusters', 'roles', 'environments', 'attestationProviders'] as const;

/** @returns the position of a rule that matches whatever `rule` matches. */
export function coveringRule(earlier: readonly PolicyRule[], rule: PolicyRule): number | undefined {
  const index = earlier.findIndex((other) => covers(other, rule));
  return index === -1 ? undefined : index;
}

function covers(wide: PolicyRule, narrow: PolicyRule): boolean {
  return (
    LISTS.every((member) => listCovers(wide[member] ?? [], narrow[member] ?? [])) &&
    limitCovers(narrow.validFrom ?? 0, wide.validFrom ?? 0) &&
    limitCovers(wide.validUntil ?? Infinity, narrow.validUntil ?? Infinity) &&
    limitCovers(wide.maxEvidenceAge ?? Infinity, narrow.maxEvidenceAge ?? Infinity) &&
    mapCovers(wide, narrow, 'labels') &&
    mapCovers(wide, narrow, 'claims')
  );
}

function limitCovers(wide: number, narrow: number): boolean {
  return wide >= narrow;
}

/** An empty list is no condition. */
function listCovers<T>(wide: readonly T[], narrow: readonly T[]): boolean {
  return wide.length === 0 || (narrow.length > 0 && narrow.every((entry) => wide.includes(entry)));
}

function mapCovers(wide: PolicyRule, narrow: PolicyRule, member: 'labels' | 'claims'): boolean {
  const asked = new Map(Object.entries<readonly ClaimValue[]>(narrow[member] ?? {}));
  return Object.entries<readonly ClaimValue[]>(wide[member] ?? {}).every(([name, values]) => listCovers(values, asked.get(name) ?? []));
}

/** True when some request can match both, and they would answer it differently. */
export function overlapOf(first: PolicyRule, second: PolicyRule): boolean {
  if (canonicalJson(answerOf(first)) === canonicalJson(answerOf(second))) return false;
  const from = Math.max(first.validFrom ?? 0, second.validFrom ?? 0);
  const until = Math.min(first.validUntil ?? Infinity, second.validUntil ?? Infinity);
  return from < until && LISTS.every((member) => listsMeet(first[member] ?? [], second[member] ?? [])) && labelsMeet(first, second);
}

function answerOf({ allow, identityTemplate, lifetime, dnsNames, ipAddresses, metadata }: PolicyRule): JsonObject {
  return { allow, identityTemplate, lifetime, dnsNames, ipAddresses, metadata };
}

function listsMeet<T>(first: readonly T[], second: readonly T[]): boolean {
  return first.length === 0 || second.length === 0 || first.some((entry) => second.includes(entry));
}

/** Labels have one value each; claims may be lists, which can hold what both rules want. */
function labelsMeet(first: PolicyRule, second: PolicyRule): boolean {
  const asked = new Map(Object.entries(second.labels ?? {}));
  return Object.entries(first.labels ?? {}).every(([name, values]) => listsMeet(values, asked.get(name) ?? []));
}
