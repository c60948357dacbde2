import { describe, expect, it, test } from 'vitest';
import fc from 'fast-check';
import { checkPolicy } from '../../../src/core/policy/check.ts';
import { coveringRule } from '../../../src/core/policy/cover.ts';
import type { PolicyRealm } from '../../../src/core/policy/finding.ts';
import { evaluatePolicy } from '../../../src/core/policy/evaluate.ts';
import { compiled, type JsonObject, NOW, policy, request } from './samples.ts';

const realm: PolicyRealm = {
  trustDomain: 'lab.example',
  environment: 'lab',
  clusters: [
    { name: 'prod', roles: ['worker', 'control-plane'] },
    { name: 'edge', roles: ['worker', 'gateway'] },
  ],
  joinHosts: ['boot.lab.example', '10.0.0.1'],
};

const found = (rules: readonly JsonObject[], of: PolicyRealm | null = realm, spec: JsonObject = {}) =>
  checkPolicy(policy(rules, spec), NOW, of ?? undefined).map(({ severity, path, message }) => `${severity} ${path} ${message}`);
const allow = (rule: JsonObject = {}): JsonObject => ({ allow: true, ...rule });

test('nothing is said of a policy in order', () => {
  expect(found([{ allow: false, labels: { debug: ['yes'] } }])).toEqual([expect.stringContaining('nobody may join')]);
  expect(found([allow({ clusters: ['prod'], roles: ['worker'] }), allow({ clusters: ['edge'], environments: ['lab'] })])).toEqual([]);
  expect(found([allow({ attestationProviders: ['tpm'], claims: { a: 'b' } })], null)).toEqual([]);
});

test('defaults, expired rules and claims of any attestor are named', () => {
  expect(found([allow()], realm, { defaultAllow: true })).toEqual([expect.stringMatching(/^warning spec\.defaultAllow /)]);
  expect(found([allow({ validUntil: '2026-11-22T10:00:00Z' }), allow({ validUntil: '2026-11-22T10:00:01Z' })])).toEqual([
    'warning spec.rules[0].validUntil expected a time after now, found 2026-11-22T10:00:00Z: the rule has expired',
  ]);
  expect(found([allow({ claims: { a: 'b' } })])).toEqual([expect.stringMatching(/^warning spec\.rules\[0\]\.claims .*any attestor/)]);
});

test('attestors that the realm does not have are warned of, where it has any', () => {
  const rule = allow({ attestationProviders: ['ci', 'tpm'] });
  expect(found([rule])).toEqual([]);
  expect(found([rule], { ...realm, attestors: ['ci', 'aws'] })).toEqual([
    'warning spec.rules[0].attestationProviders expected an attestor of joinery.yaml (ci, aws), found tpm',
  ]);
});

test('names that the realm does not have are errors', () => {
  expect(found([allow({ clusters: ['prod', 'prd'], roles: ['worker', 'gateway'], environments: ['live', 'lab'] })])).toEqual([
    'error spec.rules[0].clusters[1] expected a cluster of joinery.yaml (prod, edge), found prd',
    "error spec.rules[0].roles[1] expected a role of the rule's clusters (worker, control-plane), found gateway",
    'error spec.rules[0].environments[0] expected the environment of the realm, lab, found live',
  ]);
  expect(found([allow({ clusters: ['a'], roles: ['b'] })], { ...realm, clusters: [] })).toEqual([
    expect.stringContaining('(it has none), found a'),
    expect.stringContaining('(none), found b'),
  ]);
  expect(found([allow({ roles: ['gateway'] })])).toEqual([]);
});

describe('order', () => {
  it.each<[string, JsonObject, JsonObject]>([
    ['anything', {}, { roles: ['worker'] }],
    ['more of a list', { roles: ['worker', 'control-plane'] }, { roles: ['worker'] }],
    ['more of a label', { labels: { a: ['x', 'y'] } }, { labels: { a: 'x', b: 'z' } }],
    ['more of a claim', { claims: { a: ['x', 1] } }, { claims: { a: 1 } }],
    ['a longer time', { validFrom: '2026-01-01T00:00:00Z' }, { validFrom: '2026-02-01T00:00:00Z' }],
    ['older evidence', { maxEvidenceAge: '10m' }, { maxEvidenceAge: '5m' }],
  ])('a rule that an earlier one covers never decides: %s', (_, wide, narrow) => {
    const covered = (rules: JsonObject[]) => found(rules, null).filter((text) => text.startsWith('error'));
    expect(covered([{ allow: false }, allow()])).toEqual([expect.stringContaining('spec.rules[1] ')]);
    expect(covered([allow(wide), allow(narrow)])).toEqual([
      'error spec.rules[1] expected a rule that can decide, found one that spec.rules[0] covers whole',
    ]);
    expect(covered([allow(narrow), allow(wide)])).toEqual([]);
  });

  it('of rules that overlap and answer differently is named, and of others not', () => {
    const note = 'note spec.rules[1] both this rule and spec.rules[0] match some requests: of those the earlier one decides';
    expect(found([{ allow: false, labels: { a: 'x' } }, allow({ roles: ['worker'] })])).toEqual([note]);
    expect(found([{ allow: false, roles: ['worker'] }, allow({ labels: { a: 'x' } })])).toEqual([note]);
    expect(found([allow({ labels: { a: 'x' }, lifetime: '1h' }), allow({ labels: { b: 'x' } })])).toEqual([note]);
    expect(found([allow({ labels: { a: 'x' } }), allow({ labels: { b: 'x' } })])).toEqual([]);
    expect(found([{ allow: false, labels: { a: 'x' } }, allow({ labels: { a: ['y', 'z'] } })])).toEqual([]);
    expect(found([{ allow: false, labels: { a: 'x' } }, allow({ labels: { a: ['y', 'x'] } })])).toEqual([note]);
    expect(found([{ allow: false, clusters: ['prod'] }, allow({ clusters: ['edge'] })])).toEqual([]);
    const [from, until] = [{ validFrom: '2027-01-01T00:00:00Z' }, { validUntil: '2027-01-01T00:00:00Z' }];
    expect(found([{ allow: false, ...from }, allow(until)])).toEqual([]);
  });
});

describe('templates', () => {
  const template = (identityTemplate: string, rule: JsonObject = {}) => allow({ identityTemplate, ...rule });
  it('that give several nodes one identity are errors', () => {
    expect(found([template('spiffe://{trustDomain}/{cluster}/{role}')])).toEqual([
      'error spec.rules[0].identityTemplate expected {nodeId}, found none: every node of the rule would be the same identity',
    ]);
    const collides = ['error spec.rules[0].identityTemplate expected {cluster}, found none: node ids are unique within one cluster only'];
    expect(found([template('spiffe://{trustDomain}/{nodeId}')])).toEqual(collides);
    expect(found([template('spiffe://{trustDomain}/{nodeId}')], null)).toEqual(collides);
    expect(found([template('spiffe://{trustDomain}/{nodeId}', { clusters: ['prod'] })])).toEqual([]);
    expect(found([template('spiffe://{trustDomain}/{nodeId}')], { ...realm, clusters: realm.clusters.slice(1) })).toEqual([]);
    expect(found([template('spiffe://{trustDomain}/{cluster}-{nodeId}')])).toEqual([expect.stringContaining('found {cluster}-{nodeId}')]);
  });

  it('of two rules that can give one identity are named', () => {
    const pair = (first: JsonObject, second: JsonObject) => found([first, second]).filter((text) => text.includes('identities apart'));
    const [prod, edge] = [{ clusters: ['prod'] }, { clusters: ['edge'] }];
    const meet = [expect.stringMatching(/^warning spec\.rules\[1\]\.identityTemplate .*spec\.rules\[0\]/)];
    const same = 'spiffe://{trustDomain}/n/{nodeId}';
    expect(pair(template(same, prod), template(same, edge))).toEqual(meet);
    expect(pair(template(same, { ...prod, roles: ['worker'] }), template(same, prod))).toEqual([]);
    expect(pair(template(same, prod), template('spiffe://{trustDomain}/m/{nodeId}', edge))).toEqual([]);
    expect(pair(template(same, prod), template('spiffe://{trustDomain}/n/x/{nodeId}', edge))).toEqual([]);
    expect(pair(template(same, prod), template('spiffe://{trustDomain}/{cluster}/{nodeId}', edge))).toEqual(meet);
    expect(pair(template('spiffe://{trustDomain}/{cluster}/{nodeId}', prod), template(same, edge))).toEqual(meet);
    expect(pair(template('spiffe://{trustDomain}/a-{cluster}/{nodeId}', prod), template(same, edge))).toEqual([]);
    expect(pair(template('spiffe://{trustDomain}/a-{cluster}/{nodeId}'), template('spiffe://{trustDomain}/{cluster}-b/{nodeId}'))).toEqual(
      meet,
    );
    expect(pair(template('spiffe://{trustDomain}/a-{cluster}/{nodeId}'), template('spiffe://{trustDomain}/b-{cluster}/{nodeId}'))).toEqual(
      [],
    );
    expect(pair(template('spiffe://{trustDomain}/{cluster}.a/{nodeId}'), template('spiffe://{trustDomain}/{cluster}.b/{nodeId}'))).toEqual(
      [],
    );
  });

  it('that the realm cannot fill are errors', () => {
    expect(found([template('spiffe://other.example/{cluster}/{nodeId}')])).toEqual([
      expect.stringContaining('expected the trust domain lab.example, found other.example (cluster prod, role worker)'),
      expect.stringContaining('(cluster prod, role control-plane)'),
      expect.stringContaining('(cluster edge, role worker)'),
      expect.stringContaining('(cluster edge, role gateway)'),
    ]);
    const odd = { ...realm, clusters: [{ name: 'Joinery', roles: ['worker', 'x'] }] };
    expect(found([allow({ roles: ['worker'], dnsNames: ['{nodeId}.{cluster}.lab.example'] })], odd)).toEqual([
      expect.stringContaining('reserved'),
      expect.stringContaining('"Joinery"'),
    ]);
  });

  it('that give hosts to several nodes, or the host of the server, are named', () => {
    const hosts = (rule: JsonObject, of: PolicyRealm | null = realm) => found([allow(rule)], of);
    expect(hosts({ dnsNames: ['{nodeId}.nodes.lab.example'] })).toEqual([]);
    expect(hosts({ dnsNames: ['{nodeId}.lab.example'] })).toEqual([
      expect.stringMatching(/^warning .*dnsNames\[0\] .*can be boot\.lab\.example/),
    ]);
    expect(hosts({ dnsNames: ['x-{nodeId}.lab.example'] })).toEqual([]);
    expect(hosts({ dnsNames: ['boot.lab.example'] })).toEqual([
      expect.stringContaining('every node that the rule admits'),
      expect.stringMatching(/^error .*dnsNames\[0\] /),
    ]);
    expect(hosts({ ipAddresses: ['10.0.0.1', '10.0.0.2'] })).toEqual([
      expect.stringContaining('ipAddresses[0] every node'),
      expect.stringMatching(/^error .*ipAddresses\[0\] /),
      expect.stringContaining('ipAddresses[1] every node'),
    ]);
    expect(hosts({ ipAddresses: ['10.0.0.1'] }, null)).toHaveLength(1);
  });
});

test('a rule that is said to be covered decides nothing, whatever is asked', () => {
  const name = fc.constantFrom('a', 'b');
  const names = fc.array(name, { maxLength: 2 });
  const rule = fc.record({
    allow: fc.boolean(),
    roles: names,
    clusters: names,
    labels: fc.dictionary(name, fc.oneof(name, fc.constant(['a', 'b']))),
  });
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 4 }), rule, name, name, fc.dictionary(name, name), (earlier, last, role, cluster, labels) => {
      const rules = [...earlier, last] as JsonObject[];
      const { spec } = policy(rules);
      if (coveringRule(spec.rules.slice(0, -1), spec.rules.at(-1) as (typeof spec.rules)[0]) === undefined) return;
      expect(evaluatePolicy(compiled(rules), request({ role, cluster, labels })).rule).not.toBe(earlier.length);
    }),
    { numRuns: 500 },
  );
});
