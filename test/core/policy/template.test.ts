import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  DEFAULT_IDENTITY_TEMPLATE,
  dnsFiller,
  dnsTemplateIssue,
  identityFiller,
  identityTemplateIssue,
} from '../../../src/core/policy/template.ts';
import { isDnsName } from '../../../src/core/names.ts';
import { nodeIdViolation, parseSpiffeId } from '../../../src/core/x509/spiffe-id.ts';

const values = { trustDomain: 'lab.example', cluster: 'prod', role: 'worker', nodeId: 'n1' };

describe('templates of identities', () => {
  it.each([
    [DEFAULT_IDENTITY_TEMPLATE, 'spiffe://lab.example/prod/worker/n1'],
    ['spiffe://lab.example/node/{nodeId}', 'spiffe://lab.example/node/n1'],
    ['spiffe://{trustDomain}/{cluster}-x.{nodeId}', 'spiffe://lab.example/prod-x.n1'],
  ])('%s', (template, identity) => {
    expect(identityTemplateIssue(template)).toBeUndefined();
    expect(identityFiller(template)(values)).toEqual({ value: identity });
  });

  it.each([
    'https://{trustDomain}/a',
    'spiffe://{trustDomain}',
    'spiffe://{trustDomain}/',
    'spiffe://{trustDomain}/a/',
    'spiffe://{trustDomain}//a',
    'spiffe://{trustDomain}.evil/{nodeId}',
    'spiffe://{cluster}/{nodeId}',
    'spiffe://Lab/{nodeId}',
    'spiffe://lab.example/{node}',
    'spiffe://lab.example/{nodeId',
    'spiffe://lab.example/{{nodeId}}',
    'spiffe://lab.example/a/{trustDomain}',
    'spiffe://lab.example/../{nodeId}',
    'spiffe://lab.example/./{nodeId}',
    'spiffe://lab.example/a b/{nodeId}',
    'spiffe://lab.example/a%2fb/{nodeId}',
    'spiffe://lab.example/Joinery/admin/{nodeId}',
    `spiffe://lab.example/${'{nodeId}'.repeat(9)}`,
  ])('%s is refused', (template) => {
    expect(identityTemplateIssue(template)).toMatch(/^expected/);
  });

  it('a name cannot lead into the reserved path or out of its segment, and another trust domain is not given', () => {
    const fill = identityFiller('spiffe://lab.example/{cluster}/{nodeId}');
    for (const wrong of [
      { cluster: 'JOINERY' },
      { nodeId: '..' },
      { nodeId: 'a/b' },
      { nodeId: '' },
      { role: 'a b' },
      { trustDomain: 'x' },
    ])
      expect(fill({ ...values, ...wrong })).toMatchObject({ issue: expect.any(String) as string });
  });
});

describe('templates of DNS names', () => {
  it.each([
    ['{nodeId}.nodes.lab.example', 'n1.nodes.lab.example'],
    ['{role}-{nodeId}.{cluster}.lab.example', 'worker-n1.prod.lab.example'],
    ['api.lab.example', 'api.lab.example'],
    ['localhost', 'localhost'],
  ])('%s', (template, name) => {
    expect(dnsTemplateIssue(template)).toBeUndefined();
    expect(dnsFiller(template)(values)).toEqual({ value: name });
  });

  it.each([
    '{nodeId}',
    '{nodeId}.example',
    'a.{nodeId}',
    '*.lab.example',
    'A.lab.example',
    '{node}.lab.example',
    '{trustDomain}.lab.example',
    '10.0.0.1',
    'a..b',
    '-a.lab.example',
  ])('%s is refused', (template) => {
    expect(dnsTemplateIssue(template)).toMatch(/^expected/);
  });

  it('a name that is no label is an issue, and never another name', () => {
    const fill = dnsFiller('{nodeId}.nodes.lab.example');
    for (const nodeId of ['N1', 'a.b', 'a_b', '-a', 'a-', 'x'.repeat(64)]) expect(fill({ ...values, nodeId })).toHaveProperty('issue');
    const long = dnsFiller(`{nodeId}.${`${'a'.repeat(63)}.`.repeat(3)}lab.example`);
    expect(long({ ...values, nodeId: 'x'.repeat(63) })).toHaveProperty('issue');
    expect(long(values)).toHaveProperty('value');
  });
});

test('whatever the names are, what is filled is a node identity of the trust domain, and a DNS name below the literal domain', () => {
  const text = fc.oneof(fc.string({ maxLength: 70 }), fc.constantFrom('joinery', '.', '..', 'a/b', 'n1', 'JOINERY'));
  const templates = fc.constantFrom(
    DEFAULT_IDENTITY_TEMPLATE,
    'spiffe://{trustDomain}/{nodeId}',
    'spiffe://lab.example/{role}{cluster}/{nodeId}',
  );
  fc.assert(
    fc.property(templates, text, text, text, (template, cluster, role, nodeId) => {
      const names = { ...values, cluster, role, nodeId };
      const filled = identityFiller(template)(names);
      const violation = 'value' in filled ? nodeIdViolation(parseSpiffeId(filled.value, 'x'), 'lab.example') : undefined;
      expect(violation).toBeUndefined();
      const host = dnsFiller('{nodeId}.{cluster}.nodes.lab.example')(names);
      const below = 'value' in host ? host.value : 'a.b.nodes.lab.example';
      expect(isDnsName(below) && below.split('.').length === 5 && below.endsWith('.nodes.lab.example')).toBe(true);
    }),
    { numRuns: 500 },
  );
});
