/** Why a policy decides as it does: of every rule, which conditions hold and which do not. */
import type { PolicyRequest } from './conditions.ts';
import { type CompiledPolicy, type DecidingRule, evaluatePolicy, missingOf, type PolicyDecision } from './evaluate.ts';

export interface ExplainedCondition {
  readonly member: string;
  readonly expected: string;
  readonly found: string;
  readonly holds: boolean;
}

export interface ExplainedRule {
  /** Position in `spec.rules`, from 0. */
  readonly rule: number;
  readonly description: string;
  readonly allow: boolean;
  readonly matches: boolean;
  readonly conditions: readonly ExplainedCondition[];
  /** What would have to differ for it to match. */
  readonly missing: readonly string[];
}

export interface PolicyExplanation {
  readonly decision: PolicyDecision;
  readonly rules: readonly ExplainedRule[];
  /** Of a refusal: the rule that allows and of which least is missing. */
  readonly nearest?: number;
}

export function explainPolicy(policy: CompiledPolicy, request: PolicyRequest): PolicyExplanation {
  const decision = evaluatePolicy(policy, request);
  const rules = policy.rules.map(({ rule, conditions }, index): ExplainedRule => {
    const explained = conditions.map((condition) => {
      const { member, expected } = condition;
      return { member, expected, found: condition.found(request), holds: condition.holds(request) };
    });
    const missing = missingOf(conditions, request);
    return {
      rule: index,
      description: rule.description ?? '',
      allow: rule.allow,
      matches: missing.length === 0,
      conditions: explained,
      missing,
    };
  });
  const nearest = decision.allow ? undefined : nearestRule(rules);
  return { decision, rules, ...(nearest !== undefined && { nearest }) };
}

function nearestRule(rules: readonly ExplainedRule[]): number | undefined {
  const allowing = rules.filter(({ allow }) => allow);
  const least = Math.min(...allowing.map(({ missing }) => missing.length));
  return allowing.find(({ missing }) => missing.length === least)?.rule;
}

/** How a deciding rule is named: `spec.rules[2]`, `spec.defaultAllow`, `spec`. */
export function ruleName(rule: DecidingRule): string {
  if (typeof rule === 'number') return `spec.rules[${rule}]`;
  return rule === 'default' ? 'spec.defaultAllow' : 'spec';
}
