/** Decisions and explanations of policies, for people. */
import type { PolicyCheck } from '../../app/check-policy.ts';
import type { ExplainPolicyResult } from '../../app/explain-policy.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import type { CaseResult } from '../../core/policy/cases.ts';
import type { PolicyDecision } from '../../core/policy/evaluate.ts';
import { type ExplainedRule, ruleName } from '../../core/policy/explain.ts';
import { formatDuration } from '../../core/time.ts';
import { fields, printable, type Style } from './text.ts';

const COLOURS = { error: 'red', warning: 'yellow', note: 'dim' } as const;

export function checkText({ file, policy, findings }: PolicyCheck, paint: Style): string {
  const about = policy === undefined ? 'not a policy' : `${policy.name} version ${policy.version}, rules: ${policy.rules}`;
  const head = `${printable(file)}: ${printable(about)}${findings.length === 0 ? ', nothing found' : ''}`;
  const lines = findings.map(({ severity, path, message }) => {
    const place = path === '' ? '' : `${path}: `;
    return `  ${paint(COLOURS[severity], severity.padEnd(7))}  ${printable(`${place}${message}`)}`;
  });
  return [head, ...lines].join('\n');
}

/** A decision as data. */
export function decisionData(decision: PolicyDecision): JsonObject {
  const { allow, rule, description } = decision;
  const about = { allow, rule, rule_path: ruleName(rule), description };
  if (!decision.allow) return { ...about, reason: decision.reason, missing: [...decision.missing] };
  const { identity, lifetime, dnsNames, ipAddresses, metadata } = decision;
  return { ...about, identity, lifetime, dns_names: [...dnsNames], ip_addresses: [...ipAddresses], metadata: { ...metadata } };
}

function decidedBy({ rule, description }: PolicyDecision): string {
  return `${ruleName(rule)}${description === '' ? '' : ` (${description})`}`;
}

export function caseText({ name, decision, differences }: CaseResult, paint: Style): string {
  const passed = differences.length === 0;
  const head = `${paint(passed ? 'green' : 'red', passed ? 'ok  ' : 'FAIL')}  ${printable(`${name}: ${decision.allow ? 'allowed' : 'refused'} by ${decidedBy(decision)}`)}`;
  return [head, ...differences.map((difference) => `      ${printable(difference)}`)].join('\n');
}

export function explanationText(explained: ExplainPolicyResult, paint: Style): string {
  const { decision, nearest, rules } = explained;
  const verdict = decision.allow ? paint('green', 'allowed') : paint('red', 'refused');
  const head = `${verdict} by ${printable(decidedBy(decision))}${decision.allow ? '' : `: ${decision.reason}`}`;
  const parts = [
    head,
    decision.allow ? grantText(decision) : missingText(decision.missing),
    ...rules.map((rule) => ruleText(rule, nearest)),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function grantText({ identity, lifetime, dnsNames, ipAddresses, metadata }: Extract<PolicyDecision, { allow: true }>): string {
  const entries = Object.entries(metadata).map(([name, value]) => `${name}=${value}`);
  return fields({
    identity,
    lifetime: lifetime === undefined ? undefined : formatDuration(lifetime),
    'DNS names': dnsNames.join(' ') || undefined,
    'IP addresses': ipAddresses.join(' ') || undefined,
    metadata: entries.join(' ') || undefined,
  });
}

function missingText(missing: readonly string[]): string {
  return missing.map((line) => `  ${printable(line)}`).join('\n');
}

function ruleText({ rule, description, allow, matches, missing }: ExplainedRule, nearest: number | undefined): string {
  const verdict = `${allow ? 'allows' : 'refuses'}, ${matches ? 'matches' : 'does not match'}${rule === nearest && !matches ? ' (nearest)' : ''}`;
  const head = `\n${ruleName(rule)}${description === '' ? '' : ` (${printable(description)})`}: ${verdict}`;
  return [head, ...missing.map((line) => `  ${printable(line)}`)].join('\n');
}
