/** Templates that give two nodes one name, or a node the name of somebody else. */
import { addressOf } from '../x509/alternative-names.ts';
import { equalBytes } from '../encoding.ts';
import type { PolicyRule } from './document.ts';
import type { Finding, PolicyRealm } from './finding.ts';
import { DEFAULT_IDENTITY_TEMPLATE, dnsFiller, identityFiller, type TemplatePart, templateParts } from './template.ts';

/** Of all rules that allow. */
export function templateFindings(rules: readonly PolicyRule[], realm: PolicyRealm | undefined): readonly Finding[] {
  const allowing = rules.flatMap((rule, index) => (rule.allow ? [{ rule, index }] : []));
  return [
    ...allowing.flatMap(({ rule, index }) => [
      ...identityFindings(rule, `spec.rules[${index}].identityTemplate`, realm),
      ...hostFindings(rule, `spec.rules[${index}]`, realm),
      ...(realm === undefined ? [] : fillFindings(rule, index, realm)),
    ]),
    ...allowing.flatMap(({ rule, index }, position) =>
      allowing
        .slice(0, position)
        .filter((earlier) => rulesMeet(earlier.rule, rule))
        .map((earlier): Finding => ({
          severity: 'warning',
          path: `spec.rules[${index}].identityTemplate`,
          message: `expected identities apart from those of spec.rules[${earlier.index}], found a template that can give the same one to another node`,
        })),
    ),
  ];
}

function templateOf({ identityTemplate = DEFAULT_IDENTITY_TEMPLATE }: PolicyRule): string {
  return identityTemplate;
}

/** Node ids are unique within a cluster. */
function identityFindings(rule: PolicyRule, path: string, realm: PolicyRealm | undefined): readonly Finding[] {
  const template = templateOf(rule);
  const clusters = rule.clusters?.length ? rule.clusters : realm?.clusters.map(({ name }) => name);
  const findings: Finding[] = [];
  if (!template.includes('{nodeId}'))
    findings.push({ severity: 'error', path, message: 'expected {nodeId}, found none: every node of the rule would be the same identity' });
  if (!template.includes('{cluster}') && clusters?.length !== 1)
    findings.push({ severity: 'error', path, message: 'expected {cluster}, found none: node ids are unique within one cluster only' });
  const mixed = template.split('/').find((segment) => (segment.match(/\{/g)?.length ?? 0) > 1);
  if (mixed !== undefined)
    findings.push({
      severity: 'warning',
      path,
      message: `expected one placeholder a segment, found ${mixed}: a-b and c read like a and b-c`,
    });
  return findings;
}

/** Names that several nodes would share, and those of the server. */
function hostFindings({ dnsNames = [], ipAddresses = [] }: PolicyRule, path: string, realm: PolicyRealm | undefined): readonly Finding[] {
  const hosts = realm?.joinHosts ?? [];
  return [
    ...dnsNames.flatMap((template, position) => [
      ...(template.includes('{nodeId}') ? [] : [shared(`${path}.dnsNames[${position}]`)]),
      ...hosts.filter((host) => canMeet(template, host, '.')).map((host) => serverFinding(`${path}.dnsNames[${position}]`, template, host)),
    ]),
    ...ipAddresses.flatMap((address, position) => [
      shared(`${path}.ipAddresses[${position}]`),
      ...hosts.filter((host) => sameAddress(address, host)).map((host) => serverFinding(`${path}.ipAddresses[${position}]`, address, host)),
    ]),
  ];
}

function shared(path: string): Finding {
  return { severity: 'warning', path, message: 'every node that the rule admits gets a certificate for this host' };
}

function serverFinding(path: string, template: string, host: string): Finding {
  const severity = template.includes('{') ? 'warning' : 'error';
  return { severity, path, message: `expected no host of a join URL, found ${template}, which can be ${host}: such a node is refused` };
}

function sameAddress(address: string, host: string): boolean {
  const [a, b] = [addressOf(address), addressOf(host)];
  return a !== undefined && b !== undefined && equalBytes(a, b);
}

/** Fills the templates for every cluster and role of the realm that the rule is for. */
function fillFindings({ clusters, roles, dnsNames = [], ...rule }: PolicyRule, index: number, realm: PolicyRealm): readonly Finding[] {
  const meant = realm.clusters
    .filter(({ name }) => !clusters?.length || clusters.includes(name))
    .flatMap((cluster) =>
      cluster.roles.filter((role) => !roles?.length || roles.includes(role)).map((role) => [cluster.name, role] as const),
    );
  const fillers = [identityFiller(templateOf(rule)), ...dnsNames.map((template) => dnsFiller(template))];
  const issues = meant.flatMap(([cluster, role]) =>
    fillers.flatMap((fill) => {
      const filled = fill({ trustDomain: realm.trustDomain, cluster, role, nodeId: 'node-1' });
      return 'issue' in filled ? [`${filled.issue} (cluster ${cluster}, role ${role})`] : [];
    }),
  );
  return [...new Set(issues)].map((message) => ({ severity: 'error', path: `spec.rules[${index}]`, message }));
}

/** True when the identities of two rules can be one. Of one template they are apart by node id, as long as it is of one cluster. */
function rulesMeet(first: PolicyRule, second: PolicyRule): boolean {
  const template = templateOf(first);
  if (template !== templateOf(second)) return canMeet(template, templateOf(second), '/');
  return !template.includes('{cluster}') && first.clusters?.join() !== second.clusters?.join();
}

/** True when two different templates can give one text, so that it would not say which node it is. */
function canMeet(first: string, second: string, separator: '/' | '.'): boolean {
  const [a, b] = [first.split(separator), second.split(separator)];
  return a.length === b.length && a.every((segment, index) => segmentsMeet(segment, b[index] as string));
}

/** By what stands before the first placeholder and after the last: more is not known of names. */
function segmentsMeet(first: string, second: string): boolean {
  const [a, b] = [edges(first), edges(second)];
  if (a.whole && b.whole) return first === second;
  if (a.whole) return first.startsWith(b.head) && first.endsWith(b.tail) && first.length > b.head.length + b.tail.length;
  if (b.whole) return segmentsMeet(second, first);
  return meets(a.head, b.head, 'startsWith') && meets(a.tail, b.tail, 'endsWith');
}

function meets(a: string, b: string, end: 'startsWith' | 'endsWith'): boolean {
  return a[end](b) || b[end](a);
}

interface Edges {
  readonly head: string;
  readonly tail: string;
  /** Without a placeholder. */
  readonly whole: boolean;
}

function edges(segment: string): Edges {
  const parts = templateParts(segment) as readonly TemplatePart[];
  const literal = (part: TemplatePart | undefined): string => (part !== undefined && 'literal' in part ? part.literal : '');
  return { head: literal(parts[0]), tail: literal(parts.at(-1)), whole: parts.every((part) => 'literal' in part) };
}
