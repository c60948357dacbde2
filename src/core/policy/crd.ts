/** The policy document as a Kubernetes CustomResourceDefinition (apiextensions.k8s.io/v1). */
import { isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { POLICY_KIND, policySpecSchema, VERSION_ANNOTATION } from './document.ts';

/** A manifest for `kubectl apply`. The version of an object is in its annotation {@link VERSION_ANNOTATION}. */
export function policyCrd(): JsonObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'joinpolicies.joinery.dev' },
    spec: {
      group: 'joinery.dev',
      names: { kind: POLICY_KIND, listKind: 'JoinPolicyList', plural: 'joinpolicies', singular: 'joinpolicy' },
      scope: 'Namespaced',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: objectSchema() } }],
    },
  };
}

function objectSchema(): JsonObject {
  return {
    type: 'object',
    description: `which nodes may join, and as whom; its version, a growing integer, is in the annotation ${VERSION_ANNOTATION}`,
    required: ['spec'],
    properties: { spec: structural(policySpecSchema()) },
  };
}

/**
 * A schema in the structural form that the API server asks for: no choice between types (such a value is kept as it is, and judged
 * when the policy is loaded), no `additionalProperties: false` (unknown members are pruned).
 */
function structural(schema: JsonObject): JsonObject {
  if (schema['anyOf'] !== undefined || Array.isArray(schema['type'])) return { 'x-kubernetes-preserve-unknown-fields': true };
  const members = Object.entries(schema).filter(([name, value]) => !(name === 'additionalProperties' && value === false));
  return Object.fromEntries(members.map(([name, value]) => [name, structuralMember(name, value as JsonValue)]));
}

function structuralMember(name: string, value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  if (name !== 'properties') return structural(value);
  return Object.fromEntries(Object.entries(value).map(([member, inner]) => [member, structural(inner as JsonObject)]));
}
