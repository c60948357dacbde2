import { describe, expect, test } from 'vitest';
import { concat, toPem } from '../../../src/core/encoding.ts';
import { parseWorkloadAddress, readWorkload, workloadIdentity, type WorkloadSvid } from '../../../src/core/join/workload-identity.ts';
import { Secret } from '../../../src/core/secret.ts';
import { make } from '../x509/make.ts';

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

describe('what a Workload API gives', () => {
  const ID = 'spiffe://example.org/prod/worker/n1';
  const root = make({ name: 'root', ca: true });
  const issuer = make({ name: 'issuer', ca: true, issuer: root });
  const leaf = make({
    name: 'n1',
    issuer,
    names: [
      { kind: 'uri', value: ID },
      { kind: 'dns', value: 'n1.example.org' },
    ],
  });
  const der = (...all: readonly (typeof root)[]): Uint8Array => concat(...all.map(({ certificate }) => certificate.der));
  const svid: WorkloadSvid = { spiffeId: ID, x509Svid: der(leaf, issuer), x509SvidKey: new Uint8Array([9]), bundle: der(root) };

  test('is read as PEM', () => {
    const read = readWorkload(svid);
    expect(read).toMatchObject({ identity: ID, anchors: toPem('CERTIFICATE', root.certificate.der) });
    expect(read.certificates).toBe(toPem('CERTIFICATE', leaf.certificate.der) + toPem('CERTIFICATE', issuer.certificate.der));
    expect(read.key.reveal()).toBe(toPem('PRIVATE KEY', new Uint8Array([9])));
    expect(read.certificate.fingerprint).toBe(leaf.certificate.fingerprint);
  });

  test.each<[string, Partial<WorkloadSvid>, RegExp]>([
    ['no certificate', { x509Svid: new Uint8Array() }, /found less/],
    ['no bundle', { bundle: new Uint8Array() }, /found less/],
    ['no DER', { x509Svid: new Uint8Array([0x30, 0x05, 1]) }, /x509_svid/],
    ['no certificate in the bundle', { bundle: new Uint8Array([0x30, 0x00]) }, /bundle/],
    [
      'another identity',
      { spiffeId: 'spiffe://example.org/other' },
      /expected a certificate of spiffe:\/\/example.org\/other, found spiffe/,
    ],
    ['a certificate without one', { x509Svid: der(issuer) }, /found no SPIFFE ID/],
  ])('is refused with %s', (_, change, message) => {
    expect(() => readWorkload({ ...svid, ...change })).toThrow(message);
  });

  test('is at a socket of this machine', () => {
    expect(parseWorkloadAddress('unix:/run/api.sock', 'x')).toBe('/run/api.sock');
    expect(parseWorkloadAddress('unix:///run/api.sock', 'x')).toBe('/run/api.sock');
    for (const other of ['/run/api.sock', 'unix:api.sock', 'tcp://127.0.0.1:1'])
      expect(() => parseWorkloadAddress(other, '--workload-api')).toThrow(/^--workload-api: expected unix:/);
  });
});
