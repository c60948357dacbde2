import type { JsonObject, JsonValue } from '../../../src/core/canonical-json.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { utf8 } from '../../../src/core/encoding.ts';
import { type JoinPolicy, parsePolicy } from '../../../src/core/policy/document.ts';
import { type CompiledPolicy, compilePolicy, type PolicyRequest } from '../../../src/core/policy/evaluate.ts';
import { type Instant, parseInstant } from '../../../src/core/time.ts';

export const NOW = parseInstant('2026-11-22T10:00:00Z') as Instant;

export function policyValue(rules: readonly JsonObject[], spec: JsonObject = {}): JsonObject {
  return { apiVersion: 'joinery.dev/v1', kind: 'JoinPolicy', metadata: { name: 'prod', version: 1 }, spec: { ...spec, rules } };
}

export function policy(rules: readonly JsonObject[], spec: JsonObject = {}): JoinPolicy {
  return parsePolicy(policyValue(rules, spec), 'policy.yaml');
}

export function compiled(rules: readonly JsonObject[], spec: JsonObject = {}, hosts: readonly string[] = []): CompiledPolicy {
  return compilePolicy(policy(rules, spec), hosts);
}

export function request(changes: Partial<PolicyRequest> = {}): PolicyRequest {
  return {
    now: NOW,
    trustDomain: 'lab.example',
    cluster: 'prod',
    role: 'worker',
    environment: 'lab',
    nodeId: 'n1',
    labels: {},
    ...changes,
  };
}

export function attested(claims: JsonObject, changes: { provider?: string; age?: number } = {}): Partial<PolicyRequest> {
  const { provider = 'tpm', age = 0 } = changes;
  return { attestation: { provider, claims, issuedAt: (NOW - age) as Instant, digest: digestOf(utf8('evidence')) } };
}

/** The paths that a parser finds wrong. */
export function issuePaths(parse: () => unknown): readonly string[] {
  try {
    parse();
    return [];
  } catch (error) {
    const { details } = error as { details: { issues: readonly { path: string; message: string }[] } };
    return details.issues.map(({ path }) => path);
  }
}

export type { JsonObject, JsonValue };
