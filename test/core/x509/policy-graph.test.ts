import { describe, expect, it } from 'vitest';
import { integer, oid, sequence, tlv } from '../../../src/core/x509/der-writer.ts';
import type { Extension } from '../../../src/core/x509/extensions.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { policiesHold, type PolicyInputs } from '../../../src/core/x509/policy-graph.ts';
import { type Authority, keyNamed, make } from './make.ts';

const [A, B, C, ANY] = ['1.2.3.1', '1.2.3.2', '1.2.3.3', OID.anyPolicy];

interface Shape {
  policies?: readonly string[];
  mappings?: readonly (readonly [string, string])[];
  explicit?: number;
  inhibitMapping?: number;
  inhibitAny?: number;
  selfIssued?: true;
}

function extensions(shape: Shape): Extension[] {
  const list: Extension[] = [];
  const add = (type: string, critical: boolean, value: Uint8Array) => list.push({ oid: type, critical, value });
  if (shape.policies) add(OID.certificatePolicies, true, sequence(...shape.policies.map((policy) => sequence(oid(policy)))));
  if (shape.mappings) add(OID.policyMappings, true, sequence(...shape.mappings.map(([from, to]) => sequence(oid(from), oid(to)))));
  const limits = [shape.explicit, shape.inhibitMapping].flatMap((skip, index) =>
    skip === undefined ? [] : [tlv(0x80 | index, Uint8Array.of(skip))],
  );
  if (limits.length > 0) add(OID.policyConstraints, true, sequence(...limits));
  if (shape.inhibitAny !== undefined) add(OID.inhibitAnyPolicy, true, integer(shape.inhibitAny));
  return list;
}

/** Judges a path of these shapes, from the one that the anchor issued to the leaf. */
function holds(shapes: readonly Shape[], inputs: PolicyInputs = {}): boolean {
  let above: Authority = make({ name: 'policy root', ca: true });
  const path = shapes.map((shape, index) => {
    const name = shape.selfIssued ? above.certificate.subject.text.replace('CN=', '') : `policy ${index}`;
    above = make({
      name,
      key: keyNamed(`policy ${index}`),
      ca: index < shapes.length - 1,
      names: [],
      issuer: above,
      more: extensions(shape),
    });
    return above.certificate;
  });
  return policiesHold(path, inputs);
}

const explicit = { requireExplicitPolicy: true };

describe('policiesHold', () => {
  it('asks for nothing unless a policy is required', () => {
    expect(holds([{}, {}])).toBe(true);
    expect(holds([{ policies: [A] }, { policies: [B] }])).toBe(true);
    expect(holds([{}, {}], explicit)).toBe(false);
  });

  it('needs one policy all the way', () => {
    expect(holds([{ policies: [A] }, { policies: [A, B] }], explicit)).toBe(true);
    expect(holds([{ policies: [A] }, { policies: [B] }], explicit)).toBe(false);
    expect(holds([{ policies: [A] }, {}], explicit)).toBe(false);
    expect(holds([{ policies: [A], explicit: 0 }, { policies: [B] }])).toBe(false);
    expect(holds([{ policies: [A], explicit: 0 }, { policies: [A] }])).toBe(true);
    expect(holds([{ policies: [A], explicit: 5 }, { policies: [B] }])).toBe(true);
    expect(holds([{ policies: [A] }, { policies: [B], explicit: 0 }])).toBe(false);
    expect(holds([{ policies: [A], explicit: 1 }, { selfIssued: true, policies: [A] }, { policies: [A] }, {}])).toBe(false);
  });

  it('lets anyPolicy stand for any, unless it is inhibited', () => {
    expect(holds([{ policies: [ANY] }, { policies: [A] }], explicit)).toBe(true);
    expect(holds([{ policies: [A] }, { policies: [ANY] }], explicit)).toBe(true);
    expect(holds([{ policies: [A, B] }, { policies: [A, ANY] }], explicit)).toBe(true);
    expect(holds([{ policies: [A] }, { policies: [ANY] }], { ...explicit, inhibitAnyPolicy: true })).toBe(false);
    expect(holds([{ policies: [A], inhibitAny: 0 }, { policies: [ANY] }], explicit)).toBe(false);
    expect(holds([{ policies: [A], inhibitAny: 1 }, { policies: [ANY] }], explicit)).toBe(true);
    expect(holds([{ policies: [A], inhibitAny: 0 }, { selfIssued: true, policies: [ANY] }, { policies: [A] }], explicit)).toBe(true);
  });

  it('accepts the policies of the user only', () => {
    const only = (...policies: string[]) => ({ ...explicit, initialPolicies: new Set(policies) });
    expect(holds([{ policies: [A] }, { policies: [A] }], only(A))).toBe(true);
    expect(holds([{ policies: [A] }, { policies: [A] }], only(B))).toBe(false);
    expect(holds([{ policies: [A] }, { policies: [A] }], only(ANY))).toBe(true);
    expect(holds([{ policies: [ANY] }, { policies: [A] }], only(A))).toBe(true);
    expect(holds([{ policies: [ANY] }, { policies: [ANY] }], only(A))).toBe(true);
    expect(holds([{ policies: [ANY] }, { policies: [A] }], only(B))).toBe(false);
  });

  it('follows mappings', () => {
    const mapped: Shape[] = [{ policies: [A], mappings: [[A, B]] }, { policies: [B] }];
    expect(holds(mapped, explicit)).toBe(true);
    expect(holds([{ policies: [A], mappings: [[A, B]] }, { policies: [A] }], explicit)).toBe(false);
    expect(holds(mapped, { ...explicit, inhibitPolicyMapping: true })).toBe(false);
    expect(holds(mapped, { ...explicit, initialPolicies: new Set([A]) })).toBe(true);
    expect(holds(mapped, { ...explicit, initialPolicies: new Set([B]) })).toBe(false);
    expect(
      holds(
        [
          {
            policies: [ANY],
            mappings: [
              [A, B],
              [A, C],
            ],
          },
          { policies: [C] },
        ],
        { ...explicit, initialPolicies: new Set([A]) },
      ),
    ).toBe(true);
    expect(holds([{ policies: [A], mappings: [[B, C]] }, { policies: [A] }], explicit)).toBe(true);
    expect(holds([{ policies: [A], inhibitMapping: 0 }, { policies: [A], mappings: [[A, B]] }, { policies: [B] }], explicit)).toBe(false);
    expect(holds([{ mappings: [[A, B]] }, { policies: [B] }], explicit)).toBe(false);
  });

  it('walks a graph of many parents once', () => {
    const many: Shape = {
      policies: [A, B],
      mappings: [
        [A, A],
        [A, B],
        [B, A],
        [B, B],
      ],
    };
    const path = [...Array.from({ length: 12 }, () => many), { policies: [A] }];
    expect(holds(path, { ...explicit, initialPolicies: new Set([C]) })).toBe(false);
    expect(holds(path, { ...explicit, initialPolicies: new Set([B]) })).toBe(true);
  });
});
