import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { builtinPolicy, compilePolicy, evaluatePolicy, type PolicyRequest } from '../../../src/core/policy/evaluate.ts';
import { explainPolicy, ruleName } from '../../../src/core/policy/explain.ts';
import { type Seconds, seconds } from '../../../src/core/time.ts';
import { attested, compiled, type JsonObject, NOW, policy, request } from './samples.ts';

const decide = (rule: JsonObject, changes: Partial<PolicyRequest> = {}) =>
  evaluatePolicy(compiled([{ allow: true, ...rule }]), request(changes)).allow;

describe('a rule matches', () => {
  it.each<[string, JsonObject, Partial<PolicyRequest>, Partial<PolicyRequest>]>([
    ['a role', { roles: ['worker', 'edge'] }, {}, { role: 'Worker' }],
    ['a cluster', { clusters: ['prod'] }, {}, { cluster: 'prod2' }],
    ['an environment', { environments: ['lab'] }, {}, { environment: 'live' }],
    ['from its first second', { validFrom: '2026-11-22T10:00:00Z' }, {}, { now: (NOW - 1) as typeof NOW }],
    ['before its last', { validUntil: '2026-11-22T10:00:01Z' }, {}, { now: (NOW + 1) as typeof NOW }],
    ['a label', { labels: { zone: 'a' } }, { labels: { zone: 'a', b: 'c' } }, { labels: { zone: 'A' } }],
    ['one of several values of a label', { labels: { zone: ['a', 'b'] } }, { labels: { zone: 'b' } }, { labels: {} }],
    ['no inherited label', { labels: { constructor: ['a'] } }, { labels: { constructor: 'a' } as never }, { labels: {} }],
    ['an attestor', { attestationProviders: ['tpm'] }, attested({}), attested({}, { provider: 'aws' })],
    ['an attestor, where one is wanted', { attestationProviders: ['tpm'] }, attested({}), {}],
    ['a claim', { claims: { model: 'x1' } }, attested({ model: 'x1' }), attested({ model: 'x2' })],
    ['a claim of its type', { claims: { slots: 1 } }, attested({ slots: 1 }), attested({ slots: '1' })],
    ['a claim that is false', { claims: { debug: false } }, attested({ debug: false }), attested({ debug: 0 })],
    ['an entry of a claim', { claims: { groups: ['a', 'b'] } }, attested({ groups: ['x', 'b'] }), attested({ groups: ['ab'] })],
    ['no claim without evidence', { claims: { a: 'b' } }, attested({ a: 'b' }), {}],
    ['no claim that a label has', { claims: { a: 'b' } }, attested({ a: 'b' }), { labels: { a: 'b' } }],
    ['a claim by pointer', { claims: { '/k8s/pod~1name': 'p' } }, attested({ k8s: { 'pod/name': 'p' } }), attested({ k8s: 'p' })],
    ['a claim by its place in a list', { claims: { '/a/1/b': 'p' } }, attested({ a: [0, { b: 'p' }] }), attested({ a: [{ b: 'p' }, 0] })],
    ['no claim by another spelling of its place', { claims: { '/a/0': 'p' } }, attested({ a: ['p'] }), attested({ a: { '00': 'p' } })],
    ['no claim by a name in a list', { claims: { '/a/length': 1 } }, attested({ a: { length: 1 } }), attested({ a: [1] })],
    ['no claim by an empty path', { claims: { '/a/b': 'p' } }, attested({ a: { b: 'p' } }), attested({ a: [{ b: 'p' }] })],
    ['fresh evidence', { maxEvidenceAge: '5m' }, attested({}, { age: 300 }), attested({}, { age: 301 })],
    ['no evidence of tomorrow', { maxEvidenceAge: '5m' }, attested({}, { age: -60 }), attested({}, { age: -61 })],
    ['evidence, where its age counts', { maxEvidenceAge: '5m' }, attested({}), {}],
  ])('%s', (_, rule, matching, other) => {
    expect([decide(rule, matching), decide(rule, other)]).toEqual([true, false]);
  });

  it('whatever it names nothing of', () => {
    expect([decide({}), decide({ roles: [], clusters: [], labels: {} })]).toEqual([true, true]);
  });

  it('evidence as old as it was when the node joined, at a renewal', () => {
    const renewal = { ...attested({}, { age: 86400 }), attestedAt: (NOW - 86300) as typeof NOW };
    expect(decide({ maxEvidenceAge: '5m' }, renewal)).toBe(true);
  });
});

describe('a decision', () => {
  const rules = [
    { description: 'no debug', labels: { debug: 'yes' }, allow: false },
    { description: 'masters', roles: ['control-plane'], allow: true, lifetime: '1h', metadata: { a: 'b' } },
    { roles: ['worker'], clusters: ['edge'], allow: true },
    { roles: ['worker'], labels: { zone: 'a' }, allow: true, dnsNames: ['{nodeId}.lab.example'], ipAddresses: ['10.0.0.7'] },
  ];

  it('is that of the first rule that matches', () => {
    expect(evaluatePolicy(compiled(rules), request({ role: 'control-plane' }))).toEqual({
      allow: true,
      rule: 1,
      description: 'masters',
      identity: 'spiffe://lab.example/prod/control-plane/n1',
      lifetime: 3600,
      dnsNames: [],
      ipAddresses: [],
      metadata: { a: 'b' },
    });
    expect(evaluatePolicy(compiled(rules), request({ role: 'control-plane', labels: { debug: 'yes' } }))).toEqual({
      allow: false,
      rule: 0,
      description: 'no debug',
      reason: 'a rule refuses it',
      missing: [],
    });
    expect(evaluatePolicy(compiled(rules), request({ labels: { zone: 'a' } }))).toMatchObject({
      rule: 3,
      dnsNames: ['n1.lab.example'],
      ipAddresses: ['10.0.0.7'],
    });
  });

  it('says of a refusal what the nearest rule asks for', () => {
    expect(evaluatePolicy(compiled(rules), request())).toEqual({
      allow: false,
      rule: 'default',
      description: '',
      reason: 'no rule matches',
      missing: ['roles: expected control-plane, found worker'],
    });
    expect(evaluatePolicy(compiled(rules), request({ role: 'edge', cluster: 'edge' }))).toMatchObject({
      missing: ['roles: expected control-plane, found edge'],
    });
    expect(evaluatePolicy(compiled([{ allow: true, roles: ['a'], clusters: ['b'] }, ...rules.slice(2)]), request())).toMatchObject({
      missing: ['clusters: expected edge, found prod'],
    });
    expect(evaluatePolicy(compiled([{ allow: false, roles: ['x'] }]), request())).toMatchObject({
      missing: ['rules: expected one that allows, found none'],
    });
  });

  it('is the default where nothing matches and the policy says so', () => {
    expect(evaluatePolicy(compiled([], { defaultAllow: true }), request())).toMatchObject({
      allow: true,
      rule: 'default',
      identity: 'spiffe://lab.example/prod/worker/n1',
    });
  });

  it('comes before any rule where evidence is missing or the token lives too long', () => {
    const evidence = compiled([{ allow: true }], { requireAttestation: true });
    expect(evaluatePolicy(evidence, request())).toMatchObject({
      allow: false,
      rule: 'policy',
      missing: [expect.stringContaining('evidence')],
    });
    expect(evaluatePolicy(evidence, request(attested({})))).toMatchObject({ allow: true });
    const short = compiled([{ allow: true }], { maxTokenLifetime: '1h' });
    const lifetimes: (Seconds | null | undefined)[] = [undefined, seconds(3600), seconds(3601), null];
    expect(lifetimes.map((tokenLifetime) => evaluatePolicy(short, request({ tokenLifetime })).allow)).toEqual([true, true, false, false]);
  });

  it('refuses what cannot be filled: a name of the server, a name that is no label, a name that is none', () => {
    const hosts = ['Boot.lab.example', '10.0.0.7', '2001:db8::1'];
    const refused = (rule: JsonObject, changes: Partial<PolicyRequest>) => {
      const decision = evaluatePolicy(compiled([{ allow: true, ...rule }], {}, hosts), request(changes));
      return decision.allow ? ['allowed'] : decision.missing;
    };
    expect(refused({ dnsNames: ['{nodeId}.lab.example'] }, { nodeId: 'boot' })).toEqual([
      'dnsNames: expected no host of a join URL, found boot.lab.example',
    ]);
    expect(refused({ ipAddresses: ['2001:DB8:0::1', '10.0.0.8'] }, {})).toEqual([
      'ipAddresses: expected no host of a join URL, found 2001:DB8:0::1',
    ]);
    expect(refused({ dnsNames: ['{nodeId}.lab.example'] }, { nodeId: 'N1' })).toEqual([expect.stringContaining('"N1"')]);
    expect(refused({}, { nodeId: '..' })).toEqual([expect.stringContaining('nodeId: expected')]);
  });
});

test('the built-in policy gives what the token grants', () => {
  const builtin = compilePolicy(builtinPolicy('prod', ['worker']));
  expect(evaluatePolicy(builtin, request())).toMatchObject({ allow: true, rule: 0, identity: 'spiffe://lab.example/prod/worker/n1' });
  expect([{ role: 'other' }, { cluster: 'edge' }].map((changes) => evaluatePolicy(builtin, request(changes)).allow)).toEqual([
    false,
    false,
  ]);
});

test('an explanation shows every condition of every rule, and the nearest one', () => {
  const explained = explainPolicy(
    compiled([
      { allow: false, labels: { a: 'b' } },
      { allow: true, roles: ['x'], clusters: ['prod'] },
    ]),
    request(),
  );
  expect(explained).toEqual({
    decision: expect.objectContaining({ allow: false, rule: 'default' }) as unknown,
    nearest: 1,
    rules: [
      {
        rule: 0,
        description: '',
        allow: false,
        matches: false,
        conditions: [{ member: 'labels.a', expected: 'b', found: 'no such label', holds: false }],
        missing: ['labels.a: expected b, found no such label'],
      },
      {
        rule: 1,
        description: '',
        allow: true,
        matches: false,
        conditions: [
          { member: 'clusters', expected: 'prod', found: 'prod', holds: true },
          { member: 'roles', expected: 'x', found: 'worker', holds: false },
        ],
        missing: ['roles: expected x, found worker'],
      },
    ],
  });
  expect(explainPolicy(compiled([{ allow: true }]), request())).not.toHaveProperty('nearest');
  expect(explainPolicy(compiled([]), request())).not.toHaveProperty('nearest');
  expect([2, 'default', 'policy'].map((rule) => ruleName(rule as 2))).toEqual(['spec.rules[2]', 'spec.defaultAllow', 'spec']);
});

test('what conditions found is said in words', () => {
  const rules = [
    { allow: true, validFrom: '2027-01-01T00:00:00Z', validUntil: '2028-01-01T00:00:00Z' },
    { allow: true, attestationProviders: ['tpm'], maxEvidenceAge: '5m', claims: { a: ['b', 1] } },
  ];
  const found = (changes: Partial<PolicyRequest>) =>
    explainPolicy(compiled(rules), request(changes)).rules.flatMap((rule) => rule.conditions.map((condition) => condition.found));
  expect(found({})).toEqual(['2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z', 'none', 'no evidence', 'no such claim']);
  expect(found(attested({ a: { deep: [1] } }, { age: 600 })).slice(2)).toEqual(['tpm', '10m', '{"deep":[1]}']);
});

const name = fc.constantFrom('a', 'b', 'c');
const names = fc.array(name, { maxLength: 2 });
const map = fc.dictionary(name, fc.oneof(name, fc.array(name, { minLength: 1, maxLength: 2 })), { maxKeys: 2 });
const rules = fc.array(
  fc.record(
    {
      allow: fc.boolean(),
      roles: names,
      clusters: names,
      environments: names,
      attestationProviders: names,
      labels: map,
      claims: map,
      validFrom: fc.constantFrom('2026-11-22T09:00:00Z', '2026-11-22T11:00:00Z'),
    },
    { requiredKeys: ['allow'] },
  ),
  { maxLength: 5 },
) as unknown as fc.Arbitrary<JsonObject[]>;
const labels = fc.dictionary(name, name, { maxKeys: 3 });
const requests = fc
  .record({
    cluster: name,
    role: name,
    environment: name,
    labels,
    provider: fc.option(name),
    claims: fc.dictionary(name, fc.oneof(name, names)),
  })
  .map(({ provider, claims, ...rest }) => request({ ...rest, ...(provider !== null && attested(claims, { provider })) }));

describe('of any policy and request', () => {
  const spec = fc.record({ defaultAllow: fc.boolean(), requireAttestation: fc.boolean() });

  it('the decision is the same each time, and explained by the same rule', () => {
    fc.assert(
      fc.property(rules, spec, requests, (list, options, asked) => {
        const decision = evaluatePolicy(compiled(list, options), asked);
        expect(evaluatePolicy(compiled(list, options), structuredClone(asked))).toEqual(decision);
        const explained = explainPolicy(compiled(list, options), asked);
        expect(explained.decision).toEqual(decision);
        const first = explained.rules.find(({ matches }) => matches);
        expect(decision.rule).toBe(options.requireAttestation && asked.attestation === undefined ? 'policy' : (first?.rule ?? 'default'));
      }),
      { numRuns: 300 },
    );
  });

  it('a rule after the one that decides changes nothing', () => {
    fc.assert(
      fc.property(rules, rules, requests, (list, more, asked) => {
        const decision = evaluatePolicy(compiled(list), asked);
        fc.pre(typeof decision.rule === 'number');
        expect(evaluatePolicy(compiled([...list, ...more]), asked)).toEqual(decision);
      }),
      { numRuns: 300 },
    );
  });

  it('a request with fewer labels and without evidence is never let in where the whole one is not, unless a rule refuses', () => {
    fc.assert(
      fc.property(rules, requests, fc.boolean(), (list, asked, bare) => {
        const allowing = compiled(list.map((rule) => ({ ...rule, allow: true })));
        const kept = Object.entries(asked.labels).slice(1);
        const narrow = { ...asked, labels: Object.fromEntries(kept), ...(bare && { attestation: undefined }) };
        const [whole, part] = [evaluatePolicy(allowing, asked), evaluatePolicy(allowing, narrow)];
        expect(part.allow && !whole.allow).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
});

test('rules hold their order over thousands', () => {
  const many = Array.from({ length: 2000 }, (_, index) => ({ allow: true, labels: { n: `${index}` }, metadata: { index: `${index}` } }));
  const last = evaluatePolicy(compilePolicy(policy(many)), request({ labels: { n: '1999' } }));
  expect(last).toMatchObject({ rule: 1999, metadata: { index: '1999' } });
});
