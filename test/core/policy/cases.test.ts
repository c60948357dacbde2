import { expect, test } from 'vitest';
import { parsePolicyCases, runPolicyCases } from '../../../src/core/policy/cases.ts';
import { compiled, issuePaths, type JsonObject, NOW } from './samples.ts';

const base = { schema: 'joinery/policy-cases/1', trust_domain: 'lab.example' };
const rules = [
  { allow: false, labels: { debug: 'yes' }, description: 'no debug' },
  {
    allow: true,
    attestationProviders: ['tpm'],
    maxEvidenceAge: '5m',
    claims: { model: 'x1' },
    lifetime: '1h',
    dnsNames: ['{nodeId}.lab.example'],
    ipAddresses: ['10.0.0.7'],
    metadata: { a: 'b' },
  },
  { allow: true, roles: ['worker'], validFrom: '2027-01-01T00:00:00Z' },
];
const policy = compiled(rules, { maxTokenLifetime: '1h' });

const run = (cases: JsonObject[], defaults: JsonObject = {}) =>
  runPolicyCases(
    policy,
    parsePolicyCases({ ...base, defaults: { cluster: 'prod', role: 'worker', ...defaults }, cases }, 'cases.yaml'),
    NOW,
  );

test('cases that the policy answers as expected have no differences', () => {
  const tpm = { provider: 'tpm', claims: { model: 'x1' } };
  const results = run([
    { name: 'debug', request: { labels: { debug: 'yes' } }, expect: { allow: false, rule: 0, reason: 'refuses' } },
    {
      name: 'tpm',
      request: { attestation: { ...tpm, age: '5m' }, node_id: 'n7', token_lifetime: '1h' },
      expect: {
        allow: true,
        rule: 1,
        identity: 'spiffe://lab.example/prod/worker/n7',
        lifetime: '60m',
        dns_names: ['n7.lab.example'],
        ip_addresses: ['10.0.0.7'],
        metadata: { a: 'b' },
      },
    },
    {
      name: 'stale',
      request: { attestation: { ...tpm, age: '6m' } },
      expect: { allow: false, rule: 'default', reason: 'evidence not older' },
    },
    { name: 'no claims', request: { attestation: { provider: 'tpm' } }, expect: { allow: false } },
    { name: 'forever', request: { token_lifetime: 'never' }, expect: { allow: false, rule: 'policy' } },
    { name: 'later', request: { now: '2027-01-01T00:00:00Z' }, expect: { allow: true, rule: 2 } },
    { name: 'as by default', expect: { allow: false } },
  ]);
  expect(results.flatMap(({ differences }) => differences)).toEqual([]);
  expect(results.map(({ decision }) => decision.rule)).toEqual([0, 1, 'default', 'default', 'policy', 2, 'default']);
});

test('every difference is shown', () => {
  const [one, two, three] = run([
    { name: 'a', expect: { allow: true, rule: 1, reason: 'other' } },
    {
      name: 'b',
      request: { now: '2027-01-01T00:00:00Z' },
      expect: { allow: true, identity: 'x', lifetime: '1h', dns_names: ['x'], ip_addresses: ['x'], metadata: { x: 'y' } },
    },
    { name: 'c', request: { labels: { debug: 'yes' } }, expect: { allow: false, identity: 'not looked at' } },
  ]);
  expect(one?.differences).toEqual([
    'allow: expected true, found false',
    'rule: expected 1, found "default"',
    expect.stringMatching(/^reason: expected one with "other", found "no rule matches; /),
  ]);
  expect(two?.differences).toEqual([
    'identity: expected "x", found "spiffe://lab.example/prod/worker/node-1"',
    'lifetime: expected 3600, found none',
    'dns_names: expected ["x"], found []',
    'ip_addresses: expected ["x"], found []',
    'metadata: expected {"x":"y"}, found {}',
  ]);
  expect(three?.differences).toEqual([]);
});

test('a case without names asks for nobody, who is refused', () => {
  const cases = parsePolicyCases({ ...base, cases: [{ name: 'a', expect: { allow: false } }] }, 'cases.yaml');
  expect(runPolicyCases(compiled([{ allow: true }]), cases, NOW)[0]).toMatchObject({
    differences: [],
    decision: { allow: false, rule: 0 },
  });
});

test('what is wrong in a file of cases is named by its path', () => {
  const wrong = {
    ...base,
    trust_domain: 'A',
    defaults: { now: 'yesterday', token_lifetime: 'ever', attestation: { provider: 'a', claims: [] } },
    cases: [
      { name: '', expect: { allow: 1, rule: 'first' } },
      { name: 'x', expect: { allow: true, rule: -1, lifetime: 'x' } },
    ],
  };
  expect(issuePaths(() => parsePolicyCases(wrong, 'cases.yaml'))).toEqual([
    'trust_domain',
    'defaults.attestation.claims',
    'defaults.token_lifetime',
    'defaults.now',
    'cases[0].name',
    'cases[0].expect.allow',
    'cases[0].expect.rule',
    'cases[1].expect.rule',
    'cases[1].expect.lifetime',
  ]);
  expect(issuePaths(() => parsePolicyCases({ ...base, cases: [] }, 'cases.yaml'))).toEqual(['cases']);
});
