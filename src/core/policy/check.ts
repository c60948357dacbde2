/** What is wrong or doubtful about a policy that reads well: rules that never decide, names that nobody has, identities that two nodes could get. */
import { formatInstant, type Instant } from '../time.ts';
import { coveringRule, overlapOf } from './cover.ts';
import type { JoinPolicy, PolicyRule } from './document.ts';
import type { Finding, PolicyRealm } from './finding.ts';
import { templateFindings } from './template-check.ts';

/** @param realm without it names are not compared with a configuration. */
export function checkPolicy(policy: JoinPolicy, now: Instant, realm?: PolicyRealm): readonly Finding[] {
  const { rules, defaultAllow = false } = policy.spec;
  return [
    ...overallFindings(rules, defaultAllow),
    ...rules.flatMap((rule, index) => [
      ...windowFindings(rule, index, now),
      ...evidenceFindings(rule, index),
      ...(realm === undefined ? [] : [...nameFindings(rule, index, realm), ...attestorFindings(rule, index, realm)]),
    ]),
    ...orderFindings(rules),
    ...templateFindings(rules, realm),
  ];
}

function overallFindings(rules: readonly PolicyRule[], defaultAllow: boolean): readonly Finding[] {
  if (defaultAllow)
    return [{ severity: 'warning', path: 'spec.defaultAllow', message: 'expected false, found true: what no rule matches may join' }];
  if (rules.some(({ allow }) => allow)) return [];
  return [{ severity: 'warning', path: 'spec.rules', message: 'expected a rule that allows, found none: nobody may join' }];
}

function windowFindings({ validUntil }: PolicyRule, index: number, now: Instant): readonly Finding[] {
  if (validUntil === undefined || validUntil > now) return [];
  const message = `expected a time after now, found ${formatInstant(validUntil)}: the rule has expired`;
  return [{ severity: 'warning', path: `spec.rules[${index}].validUntil`, message }];
}

function evidenceFindings({ claims = {}, attestationProviders = [] }: PolicyRule, index: number): readonly Finding[] {
  if (Object.keys(claims).length === 0 || attestationProviders.length > 0) return [];
  const message = 'expected attestationProviders beside claims, found none: a claim of this name of any attestor would do';
  return [{ severity: 'warning', path: `spec.rules[${index}].claims`, message }];
}

function nameFindings(rule: PolicyRule, index: number, realm: PolicyRealm): readonly Finding[] {
  const { clusters = [], roles = [], environments = [] } = rule;
  const known = realm.clusters.map(({ name }) => name);
  const meant = realm.clusters.filter(({ name }) => clusters.length === 0 || clusters.includes(name));
  const knownRoles = new Set(meant.flatMap((cluster) => cluster.roles));
  const unknown = (member: string, names: readonly string[], isKnown: (name: string) => boolean, expected: string): Finding[] =>
    names.flatMap((name, position) =>
      isKnown(name)
        ? []
        : [{ severity: 'error', path: `spec.rules[${index}].${member}[${position}]`, message: `expected ${expected}, found ${name}` }],
    );
  return [
    ...unknown('clusters', clusters, (name) => known.includes(name), `a cluster of joinery.yaml (${known.join(', ') || 'it has none'})`),
    ...unknown('roles', roles, (name) => knownRoles.has(name), `a role of the rule's clusters (${[...knownRoles].join(', ') || 'none'})`),
    ...unknown('environments', environments, (name) => name === realm.environment, `the environment of the realm, ${realm.environment}`),
  ];
}

/** A warning only: a service that embeds the server may have attestors of its own beside these. */
function attestorFindings({ attestationProviders = [] }: PolicyRule, index: number, { attestors }: PolicyRealm): readonly Finding[] {
  if (attestors === undefined) return [];
  const unknown = attestationProviders.filter((name) => !attestors.includes(name));
  const path = `spec.rules[${index}].attestationProviders`;
  return unknown.map((name) => ({
    severity: 'warning',
    path,
    message: `expected an attestor of joinery.yaml (${attestors.join(', ')}), found ${name}`,
  }));
}

/** First match wins: a rule that an earlier one covers never decides, and where two overlap, their order does. */
function orderFindings(rules: readonly PolicyRule[]): readonly Finding[] {
  return rules.flatMap((rule, index): readonly Finding[] => {
    const earlier = rules.slice(0, index);
    const covering = coveringRule(earlier, rule);
    const path = `spec.rules[${index}]`;
    if (covering !== undefined)
      return [{ severity: 'error', path, message: `expected a rule that can decide, found one that spec.rules[${covering}] covers whole` }];
    return earlier.flatMap((other, position) =>
      overlapOf(other, rule)
        ? [
            {
              severity: 'note',
              path,
              message: `both this rule and spec.rules[${position}] match some requests: of those the earlier one decides`,
            },
          ]
        : [],
    );
  });
}
