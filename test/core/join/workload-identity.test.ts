import { expect, test } from 'vitest';
import { toPem } from '../../../src/core/encoding.ts';
import { workloadIdentity } from '../../../src/core/join/workload-identity.ts';
import { Secret } from '../../../src/core/secret.ts';

test('certificates and anchors are DER one after the other, and the trust domain is that of the identity', () => {
  const pem = (label: string, ...bytes: number[]): string => toPem(label, new Uint8Array(bytes));
  const identity = workloadIdentity({
    identity: 'spiffe://example.org/prod/worker/n1',
    key: new Secret(pem('PRIVATE KEY', 9)),
    certificates: `${pem('CERTIFICATE', 1)}${pem('CERTIFICATE', 2)}`,
    anchors: `${pem('CERTIFICATE', 3)}${pem('CERTIFICATE', 4)}`,
  });
  expect(identity).toEqual({
    spiffeId: 'spiffe://example.org/prod/worker/n1',
    trustDomain: 'spiffe://example.org',
    svid: new Uint8Array([1, 2]),
    key: new Uint8Array([9]),
    bundle: new Uint8Array([3, 4]),
  });
});
