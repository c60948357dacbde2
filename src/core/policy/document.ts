/** Join policies (FORMATS 5): which nodes may join, and as whom. One document, written in YAML, in JSON, or as a Kubernetes object. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { name } from '../names.ts';
import {
  array,
  boolean,
  integer,
  type Issue,
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
import { type Instant, parseDuration, parseInstant, type Seconds } from '../time.ts';
import { addressOf } from '../x509/alternative-names.ts';
import { dnsTemplateIssue, identityTemplateIssue } from './template.ts';

export const POLICY_API_VERSION = 'joinery.dev/v1';
export const POLICY_KIND = 'JoinPolicy';
/** Where a Kubernetes object carries its version: the API server drops members of `metadata` that it does not know. */
export const VERSION_ANNOTATION = 'joinery.dev/policy-version';

const duration: Parser<Seconds> = refine(
  string({ maxLength: 40, pattern: /^(\d{1,9}[smhdwy])+$/, describe: 'a duration like 15m, 24h or 1h30m' }),
  (text) => {
    const value = parseDuration(text);
    return value === undefined ? { issue: 'expected a duration above 0s, found another' } : { value };
  },
);

const time: Parser<Instant> = refine(
  string({ maxLength: 20, pattern: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, describe: 'a time like 2026-11-22T10:00:00Z' }),
  (text) => {
    const value = parseInstant(text);
    return value === undefined ? { issue: 'expected a time that exists, found another' } : { value };
  },
);

/** A text that a rule gives or asks for. */
const text = string({ maxLength: 1024 });

/** A wanted value, or a list of which one must be there. */
function oneOrMore<T>(item: Parser<T>): Parser<readonly T[]> {
  const list = array(item, { minItems: 1, maxItems: 100 });
  return {
    schema: { anyOf: [item.schema, list.schema] },
    read: (value, path, issues) => (Array.isArray(value) ? list.read(value, path, issues) : alone(item.read(value, path, issues))),
  };
}

function alone<T>(value: T | undefined): readonly T[] {
  return [value as T];
}

export type ClaimValue = string | number | boolean;

const claimValue: Parser<ClaimValue> = {
  schema: { type: ['string', 'integer', 'boolean'] },
  read(value: JsonValue | undefined, path: string, issues: Issue[]) {
    if (typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    issues.push({ path, message: 'expected a text, an integer, true or false, found another value' });
    return undefined;
  },
};

const checked = (maxLength: number, describe: string, issueOf: (value: string) => string | undefined): Parser<string> =>
  refine(string({ minLength: 1, maxLength, describe }), (value) => {
    const issue = issueOf(value);
    return issue === undefined ? { value } : { issue };
  });

const address = checked(45, 'an IP address', (value) =>
  addressOf(value) === undefined ? 'expected an IPv4 or IPv6 address without zone or prefix length, found another text' : undefined,
);

const names = (): Parser<readonly string[]> => array(name(), { maxItems: 1000 });

/** What only a rule that allows can say. */
const GRANTS = ['identityTemplate', 'lifetime', 'dnsNames', 'ipAddresses', 'metadata', 'maxEvidenceAge'] as const;

const rule = refine(
  object({
    description: optional(string({ maxLength: 500 })),
    validFrom: optional(time),
    validUntil: optional(time),
    roles: optional(names()),
    clusters: optional(names()),
    environments: optional(names()),
    attestationProviders: optional(names()),
    maxEvidenceAge: optional(duration),
    labels: optional(record(oneOrMore(text), { maxMembers: 100 })),
    claims: optional(record(oneOrMore(claimValue), { maxMembers: 100 })),
    dnsNames: optional(array(checked(253, 'a DNS name, perhaps with placeholders', dnsTemplateIssue), { maxItems: 20 })),
    ipAddresses: optional(array(address, { maxItems: 20 })),
    allow: boolean(),
    identityTemplate: optional(checked(512, 'a SPIFFE ID with placeholders', identityTemplateIssue)),
    lifetime: optional(duration),
    metadata: optional(record(text, { maxMembers: 100 })),
  }),
  (value) => {
    const { allow, validFrom, validUntil } = value;
    const grant = allow ? undefined : GRANTS.find((member) => value[member] !== undefined);
    if (grant !== undefined) return { issue: `expected ${grant} on a rule with allow: true only, found it on one that refuses` };
    if (validFrom !== undefined && validUntil !== undefined && validFrom >= validUntil)
      return { issue: 'expected validFrom before validUntil, found a rule that is never valid' };
    return { value };
  },
);

export type PolicyRule = Parsed<typeof rule>;

const spec = object({
  defaultAllow: optional(boolean()),
  maxTokenLifetime: optional(duration),
  requireAttestation: optional(boolean()),
  rules: array(rule, { maxItems: 10000 }),
});

/** What a Kubernetes API server adds to an object; joinery reads none of it. */
const ignored: Parser<JsonValue | undefined> & { readonly optional: true } = { schema: {}, optional: true, read: (value) => value };

const metadata = refine(
  object({
    name: name(),
    version: optional(integer(1)),
    annotations: optional(record(string({ maxLength: 262144 }))),
    labels: optional(record(text)),
    namespace: ignored,
    uid: ignored,
    resourceVersion: ignored,
    generation: ignored,
    creationTimestamp: ignored,
    managedFields: ignored,
    ownerReferences: ignored,
    finalizers: ignored,
  }),
  ({ name: policyName, version, annotations }) => {
    const annotated = annotations?.[VERSION_ANNOTATION];
    if (version !== undefined && annotated !== undefined && String(version) !== annotated)
      return { issue: `expected one version, found ${version} and another in the annotation ${VERSION_ANNOTATION}` };
    const found = version ?? versionOf(annotated);
    if (found === undefined) return { issue: `expected version (or the annotation ${VERSION_ANNOTATION}), an integer from 1, found none` };
    return { value: { name: policyName, version: found } };
  },
);

function versionOf(annotated: string | undefined): number | undefined {
  return annotated !== undefined && /^[1-9]\d{0,14}$/.test(annotated) ? Number(annotated) : undefined;
}

const document = object({
  apiVersion: oneOf([POLICY_API_VERSION]),
  kind: oneOf([POLICY_KIND]),
  metadata,
  spec,
  status: ignored,
});

export type JoinPolicy = Omit<Parsed<typeof document>, 'status'>;

/** @param what names the file. @throws ERR_POLICY_MALFORMED with every wrong path. */
export function parsePolicy(value: JsonValue, what: string): JoinPolicy {
  const { apiVersion, kind, metadata, spec } = parseDocument(document, value, what, 'ERR_POLICY_MALFORMED');
  return { apiVersion, kind, metadata, spec };
}

/** The published JSON Schema of a policy document. */
export function policySchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://joinery.dev/schema/join-policy-1.json',
    title: 'joinery join policy (apiVersion joinery.dev/v1)',
    ...document.schema,
  };
}

/** The schema of `spec` alone. */
export function policySpecSchema(): JsonObject {
  return spec.schema;
}
