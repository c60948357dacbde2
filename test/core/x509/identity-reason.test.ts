import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import type { AlternativeName } from '../../../src/core/x509/extension-writer.ts';
import { validatePath } from '../../../src/core/x509/path.ts';
import { make, NOW } from './make.ts';

const root = make({ name: 'root', ca: true });
const wanted = { kind: 'dns', value: 'b.example' } as const;

function reason(names: readonly AlternativeName[]): string {
  const leaf = make({ name: 'leaf', issuer: root, names }).certificate;
  const request = { leaf, intermediates: [], anchors: [root.certificate], at: NOW, verifySignature, identities: [wanted] };
  return (validatePath(request) as { reason: string }).reason;
}

describe('a certificate for somebody else', () => {
  const many = Array.from({ length: 7 }, (_, index) => ({ kind: 'dns', value: `n${index}.example` }) as const);

  it.each([
    [many.slice(0, 2), 'DNS:n0.example, DNS:n1.example'],
    [many, 'DNS:n0.example, DNS:n1.example, DNS:n2.example, DNS:n3.example, DNS:n4.example and 2 more'],
    [[{ kind: 'uri', value: 'https://b.example' } as const], 'no name of that kind'],
    [[], 'no name of that kind'],
  ])('%j: says for whom it is', (names, found) => {
    expect(reason(names)).toBe(`expected DNS:b.example in subjectAltName, found ${found}`);
  });
});
