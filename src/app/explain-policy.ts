/** What a policy says to one request, and why. */
import type { JsonObject } from '../core/canonical-json.ts';
import { digestOf } from '../core/digest.ts';
import { canonicalBytes } from '../core/canonical-json.ts';
import { compilePolicy, type PolicyRequest } from '../core/policy/evaluate.ts';
import { explainPolicy, type PolicyExplanation } from '../core/policy/explain.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import { type Instant, plus, type Seconds } from '../core/time.ts';
import type { PolicyFile, PolicyWorld } from './check-policy.ts';
import { joinHostsOf, readPolicy } from './load-policy.ts';

export interface ExplainPolicyInput {
  readonly policy: PolicyFile;
  readonly trustDomain: string;
  readonly environment: string;
  readonly cluster: string;
  readonly role: string;
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly attestation?: { readonly provider: string; readonly claims: JsonObject; readonly age: Seconds | 0 } | undefined;
  readonly tokenLifetime?: Seconds | null | undefined;
  readonly at?: Instant | undefined;
}

export interface ExplainPolicyResult extends PolicyExplanation {
  readonly name: string;
  readonly version: number;
}

/** @param realm whose join URLs no node may be named as. @throws ERR_POLICY_MALFORMED and what reading throws */
export async function explainJoin(world: PolicyWorld, input: ExplainPolicyInput, realm?: RealmConfig): Promise<ExplainPolicyResult> {
  const policy = await readPolicy(input.policy.bytes, input.policy.what, world.readDocument);
  const explained = explainPolicy(compilePolicy(policy, realm && joinHostsOf(realm)), requestOf(input, input.at ?? world.clock.now()));
  return { ...policy.metadata, ...explained };
}

function requestOf({ node, attestation, ...input }: ExplainPolicyInput, now: Instant): PolicyRequest {
  const { trustDomain, environment, cluster, role, labels, tokenLifetime } = input;
  const verified = attestation && {
    provider: attestation.provider,
    claims: attestation.claims,
    issuedAt: plus(now, 0 - attestation.age),
    digest: digestOf(canonicalBytes(attestation.claims)),
  };
  return { now, trustDomain, environment, cluster, role, nodeId: node, labels, attestation: verified, tokenLifetime };
}
