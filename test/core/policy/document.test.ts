import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { policyCrd } from '../../../src/core/policy/crd.ts';
import { parsePolicy, policySchema } from '../../../src/core/policy/document.ts';
import { compilePolicy, evaluatePolicy } from '../../../src/core/policy/evaluate.ts';
import { issuePaths, type JsonObject, type JsonValue, policyValue, request } from './samples.ts';

const full = {
  description: 'workers with a TPM',
  validFrom: '2026-01-01T00:00:00Z',
  validUntil: '2027-01-01T00:00:00Z',
  roles: ['worker'],
  clusters: ['prod'],
  environments: ['lab'],
  attestationProviders: ['tpm'],
  maxEvidenceAge: '5m',
  labels: { zone: ['a', 'b'], rack: '7' },
  claims: { model: 'x1', '/tpm/locked': true, slots: [1, 2] },
  dnsNames: ['{nodeId}.nodes.lab.example'],
  ipAddresses: ['10.0.0.7', '::1'],
  allow: true,
  identityTemplate: 'spiffe://{trustDomain}/{cluster}/{role}/{nodeId}',
  lifetime: '12h',
  metadata: { pool: 'gold' },
};

const value = policyValue([full, { allow: false, roles: ['worker'] }], {
  defaultAllow: false,
  requireAttestation: true,
  maxTokenLifetime: '1h30m',
});

const validate = new Ajv2020({ strict: true, strictTypes: false }).compile(policySchema());

test('every member is read: durations in seconds, times as instants, one wanted value as a list', () => {
  const { metadata, spec } = parsePolicy(value, 'policy.yaml');
  expect(metadata).toEqual({ name: 'prod', version: 1 });
  expect(spec).toMatchObject({ defaultAllow: false, requireAttestation: true, maxTokenLifetime: 5400 });
  expect(spec.rules[0]).toMatchObject({
    lifetime: 43200,
    maxEvidenceAge: 300,
    validFrom: 1767225600,
    labels: { zone: ['a', 'b'], rack: ['7'] },
    claims: { model: ['x1'], '/tpm/locked': [true], slots: [1, 2] },
  });
  expect(validate(value)).toBe(true);
});

test('an object of Kubernetes is the same document, with its version in an annotation', () => {
  const object = {
    ...value,
    metadata: {
      name: 'prod',
      namespace: 'joinery',
      uid: 'b0f3',
      resourceVersion: '12',
      generation: 3,
      creationTimestamp: '2026-01-01T00:00:00Z',
      managedFields: [{ manager: 'kubectl', fieldsV1: { 'f:spec': {} } }],
      ownerReferences: [],
      finalizers: [],
      labels: { team: 'platform' },
      annotations: { 'joinery.dev/policy-version': '4', other: 'x' },
    },
    status: { observed: 4 },
  };
  expect(parsePolicy(object, 'policy.yaml')).toEqual({ ...parsePolicy(value, 'policy.yaml'), metadata: { name: 'prod', version: 4 } });
  expect(validate(object)).toBe(true);
});

describe('what is wrong is named by its path', () => {
  const rule = (change: JsonObject) => policyValue([{ allow: true, ...change }]);
  const metadata = (change: JsonObject) => ({ ...policyValue([]), metadata: { name: 'prod', ...change } });
  it.each([
    ['apiVersion', { ...value, apiVersion: 'joinery.dev/v2' }],
    ['kind', { ...value, kind: 'Policy' }],
    ['metadata', metadata({})],
    ['metadata', metadata({ annotations: { 'joinery.dev/policy-version': '0' } })],
    ['metadata', metadata({ version: 1, annotations: { 'joinery.dev/policy-version': '2' } })],
    ['metadata.version', metadata({ version: 0 })],
    ['metadata.name', metadata({ name: 'a/b', version: 1 })],
    ['spec.default_allow', { ...value, spec: { rules: [], default_allow: true } }],
    ['spec.maxTokenLifetime', { ...value, spec: { rules: [], maxTokenLifetime: '0s' } }],
    ['spec.maxTokenLifetime', { ...value, spec: { rules: [], maxTokenLifetime: 60 } }],
    ['spec.rules[0].allow', policyValue([{}])],
    ['spec.rules[0].allow', rule({ allow: 'yes' })],
    ['spec.rules[0].validFrom', rule({ validFrom: '2026-02-30T00:00:00Z' })],
    ['spec.rules[0].validFrom', rule({ validFrom: '2026-02-01' })],
    ['spec.rules[0]', rule({ validFrom: '2026-02-02T00:00:00Z', validUntil: '2026-02-02T00:00:00Z' })],
    ['spec.rules[0].roles[0]', rule({ roles: ['a b'] })],
    ['spec.rules[0].labels.zone', rule({ labels: { zone: [] } })],
    ['spec.rules[0].labels.zone[1]', rule({ labels: { zone: ['a', 1] } })],
    ['spec.rules[0].labels.zone', rule({ labels: { zone: 1 } })],
    ['spec.rules[0].claims.slots', rule({ claims: { slots: 1.5 } })],
    ['spec.rules[0].claims.slots', rule({ claims: { slots: { a: 1 } } })],
    ['spec.rules[0].ipAddresses[0]', rule({ ipAddresses: ['10.0.0.0/8'] })],
    ['spec.rules[0].dnsNames[0]', rule({ dnsNames: ['*.lab.example'] })],
    ['spec.rules[0].identityTemplate', rule({ identityTemplate: 'spiffe://{trustDomain}/joinery/{nodeId}' })],
    ['spec.rules[0]', rule({ allow: false, lifetime: '1h' })],
    ['spec.rules[0]', rule({ allow: false, maxEvidenceAge: '1h' })],
  ])('%s', (path, document) => {
    expect(issuePaths(() => parsePolicy(document as JsonValue, 'policy.yaml'))).toEqual([path]);
    expect(() => parsePolicy(document as JsonValue, 'policy.yaml')).toThrow(expect.objectContaining({ code: 'ERR_POLICY_MALFORMED' }));
  });

  it('all of it at once', () => {
    expect(issuePaths(() => parsePolicy({ ...policyValue([{}, { allow: 1 }]), kind: 'x' }, 'policy.yaml'))).toEqual([
      'kind',
      'spec.rules[0].allow',
      'spec.rules[1].allow',
    ]);
  });
});

test('any JSON is read or refused with a code, and what is read can be evaluated', () => {
  const names = fc.constantFrom('allow', 'roles', 'labels', 'claims', 'dnsNames', 'identityTemplate', 'validUntil', 'lifetime', 'other');
  const inner = fc.oneof(
    fc.constantFrom('worker', 'prod', '{nodeId}.a.example', '1h', true, false, 1),
    fc.array(fc.string()),
    fc.jsonValue(),
  );
  const rules = fc.array(fc.dictionary(names, inner), { maxLength: 3 });
  fc.assert(
    fc.property(
      fc.oneof(
        fc.jsonValue(),
        rules.map((list) => policyValue(list as JsonObject[])),
      ),
      (document) => {
        try {
          const policy = parsePolicy(document as JsonValue, 'x');
          expect(validate(document)).toBe(true);
          expect(typeof evaluatePolicy(compilePolicy(policy), request()).allow).toBe('boolean');
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_POLICY_MALFORMED' });
        }
      },
    ),
    { numRuns: 300 },
  );
});

describe('the manifest for Kubernetes', () => {
  const crd = policyCrd() as { spec: { versions: { schema: { openAPIV3Schema: JsonObject } }[] } };
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema as JsonObject;

  it('has the structural schema that its API server asks for', () => {
    const walk = (node: JsonObject): void => {
      const open = node['x-kubernetes-preserve-unknown-fields'] === true;
      expect(open || typeof node['type'] === 'string' || node['enum'] !== undefined).toBe(true);
      expect(node).not.toHaveProperty('anyOf');
      expect(node['additionalProperties']).not.toBe(false);
      if (node['properties'] !== undefined) expect(node['additionalProperties']).toBeUndefined();
      if (typeof node['pattern'] === 'string') expect(node['pattern']).not.toMatch(/\(\?[=!<]/);
      const below = [node['items'], node['additionalProperties'], ...Object.values((node['properties'] ?? {}) as JsonObject)];
      for (const entry of below) if (typeof entry === 'object') walk(entry as JsonObject);
    };
    walk(schema);
  });

  it('accepts a policy that joinery accepts, and asks for a spec', () => {
    const accepts = new Ajv2020({ strict: false }).compile(schema);
    expect([accepts(value), accepts({}), accepts({ spec: { rules: [{ allow: 'yes' }] } })]).toEqual([true, false, false]);
  });
});

test('the published schema is the one that is enforced', () => {
  const published = readFileSync(new URL('../../../docs/schema/join-policy-1.json', import.meta.url), 'utf8');
  expect(JSON.parse(published)).toEqual(JSON.parse(JSON.stringify(policySchema())));
});
