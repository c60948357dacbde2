import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { toPem } from '../../../src/core/encoding.ts';
import { isLimbo, readLimbo, tryLimbo } from '../../../src/core/selftest/limbo.ts';
import { reportSuite, type Trial, verdictOf } from '../../../src/core/selftest/trial.ts';
import { writeCrl } from './crl.ts';
import { pem } from './tools.ts';
import { type Authority, make, NOW } from '../x509/make.ts';

const root = make({ name: 'root', ca: true });
const sub = make({ name: 'sub', ca: true, issuer: root });
const leaf = make({ name: 'leaf', issuer: sub });
const lax = make({ name: 'lax', issuer: root, without: ['2.5.29.35'] });

const base = {
  id: 'rfc5280::sample',
  conflicts_with: [],
  features: [],
  importance: 'undetermined',
  description: 'a sample in the shape of the suite',
  validation_kind: 'SERVER',
  trusted_certs: [pem(root)],
  untrusted_intermediates: [pem(sub)],
  peer_certificate: pem(leaf),
  peer_certificate_key: null,
  validation_time: '2026-11-22T10:00:00Z',
  signature_algorithms: [],
  key_usage: [],
  extended_key_usage: [],
  expected_result: 'SUCCESS',
  expected_peer_name: { kind: 'DNS', value: 'node.example.com' },
  expected_peer_names: [],
  max_chain_depth: null,
  crls: [],
};

function trial(change: object = {}): Trial {
  const [entry] = readLimbo({ version: 1, testcases: [{ ...base, ...change }] }, 'limbo.json');
  return tryLimbo(entry as NonNullable<typeof entry>, { verifySignature, now: NOW });
}
const found = (change: object = {}): string => {
  const { found: result } = trial(change);
  return result.kind === 'accepted' ? 'accepted' : result.reason;
};
const verdict = (change: object = {}): string => verdictOf(trial(change));
const peer = (authority: Authority) => ({ peer_certificate: pem(authority) });

describe('x509-limbo', () => {
  it('is told by its form', () => {
    expect([{ version: 1, testcases: [] }, { testcases: {} }, null, 1, 'x'].map(isLimbo)).toEqual([true, false, false, false, false]);
  });

  it('judges a chain as the suite asks', () => {
    expect(verdict()).toBe('agree');
    expect(verdict({ features: undefined, crls: undefined })).toBe('agree');
    expect(verdict({ validation_kind: 'CLIENT', expected_peer_names: undefined })).toBe('agree');
    expect(verdict({ validation_time: null, expected_peer_name: null })).toBe('agree');
    expect(verdict({ expected_result: 'FAILURE' })).toBe('disagree');
    expect(found({ validation_time: '2040-01-01T00:00:00.5+00:00' })).toBe('validity');
    expect(verdict({ validation_time: '2040-01-01T00:00:00' })).toBe('disagree');
    expect(verdict({ trusted_certs: [], expected_result: 'FAILURE' })).toBe('agree');
    expect(found({ expected_peer_name: { kind: 'DNS', value: 'other.example.com' } })).toBe('identity');
    expect(found({ max_chain_depth: 0 })).toBe('path-length');
    expect(found({ max_chain_depth: 1 })).toBe('accepted');
  });

  it('takes names of each kind', () => {
    const named = make({
      name: 'named',
      issuer: root,
      purposes: ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.4'],
      names: [
        { kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 1) },
        { kind: 'email', value: 'a@b.example' },
      ],
    });
    const client = { ...peer(named), validation_kind: 'CLIENT', extended_key_usage: ['clientAuth'] };
    expect(verdict({ ...client, expected_peer_names: [{ kind: 'RFC822', value: 'a@b.example' }] })).toBe('agree');
    expect(verdict({ ...client, expected_peer_names: [{ kind: 'IP', value: '10.0.0.1' }] })).toBe('agree');
    // As in the cases of BetterTLS.
    expect(verdict({ ...client, expected_peer_names: [{ kind: 'DNS', value: '10.0.0.1' }] })).toBe('agree');
    expect(found({ ...client, expected_peer_names: [{ kind: 'IP', value: '10.0.0.2' }] })).toBe('identity');
  });

  it('takes purposes and key usages', () => {
    expect(found({ extended_key_usage: ['serverAuth'] })).toBe('accepted');
    expect(found({ extended_key_usage: ['anyExtendedKeyUsage'] })).toBe('accepted');
    expect(found({ extended_key_usage: ['serverAuth', 'OCSPSigning'] })).toBe('purpose');
    expect(found({ extended_key_usage: ['1.2.3.4'] })).toBe('purpose');
    expect(found({ key_usage: ['digitalSignature'] })).toBe('accepted');
    expect(found({ key_usage: ['encipher_only'] })).toBe('key-usage');
    const free = make({ name: 'free', issuer: root, usages: null });
    expect(found({ ...peer(free), key_usage: ['keyAgreement'] })).toBe('accepted');
  });

  it('judges by the profile of the case', () => {
    const client = make({ name: 'client', issuer: root, purposes: ['1.3.6.1.5.5.7.3.2'] });
    expect(found({ ...peer(client), id: 'webpki::sample' })).toBe('purpose');
    expect(found({ ...peer(client), id: 'webpki::sample', validation_kind: 'CLIENT' })).toBe('accepted');
    expect(found({ ...peer(client), id: 'bettertls::sample' })).toBe('accepted');
    expect(found({ ...peer(lax), id: 'bettertls::sample' })).toBe('accepted');
  });

  it('tells what is stricter from what is wrong', () => {
    expect(verdict(peer(lax))).toBe('stricter');
    expect(found(peer(lax))).toBe('key-identifier');
    // Stricter by the profile alone: the algorithm of RFC 5280 takes it.
    const anchor = make({ name: 'root', ca: true, notAfter: '2026-06-01T00:00:00Z' });
    expect(found({ trusted_certs: [pem(anchor)] })).toBe('validity');
    expect(verdict({ trusted_certs: [pem(anchor)] })).toBe('stricter');
    expect(verdict(peer(make({ name: 'late', issuer: root, notAfter: '2026-06-01T00:00:00Z' })))).toBe('disagree');
  });

  it('refuses what cannot be read, and passes over authorities that cannot be', () => {
    const noDer = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    expect(found({ peer_certificate: noDer })).toBe('malformed');
    expect(found({ peer_certificate: pem(leaf) + pem(leaf) })).toBe('malformed');
    expect(found({ untrusted_intermediates: [pem(sub), noDer] })).toBe('accepted');
    expect(verdict({ crls: ['-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n'] })).toBe('stricter');
  });

  it('consults revocation lists', () => {
    const list = (issuer: Authority, ...serials: number[]) => toPem('X509 CRL', writeCrl(issuer, serials));
    const direct = make({ name: 'direct', issuer: root, serialNumber: Uint8Array.of(2, 1, 77) });
    expect(found({ ...peer(direct), crls: [list(root)] })).toBe('accepted');
    expect(found({ ...peer(direct), crls: [list(root, 77)] })).toBe('revoked');
    expect(verdict({ crls: [list(root)] })).toBe('stricter');
  });

  it('skips what is not joinery’s, and says why', () => {
    const trials = [
      trial({ id: 'smime::san::x' }),
      trial({ features: ['no-cert-policies'] }),
      trial({ features: ['pedantic-public-suffix-wildcard'] }),
      trial({ signature_algorithms: ['ED25519'] }),
    ];
    const report = reportSuite('x509-limbo', 'limbo.json', trials);
    expect(report.counts).toEqual({ agree: 0, stricter: 0, disagree: 0, skipped: 4 });
    expect(report.skipped.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('S/MIME'),
      expect.stringContaining('no certificate policies'),
      expect.stringContaining('public suffix list'),
      expect.stringContaining('names the algorithms'),
    ]);
  });

  it.each<readonly [string, unknown]>([
    ['another version', { version: 2, testcases: [] }],
    ['no cases', { version: 1, testcases: 1 }],
    ['a case that is none', { version: 1, testcases: [1] }],
    ['a document that is none', []],
    ...Object.entries({
      id: 1,
      features: 'x',
      trusted_certs: [1],
      validation_kind: 'BOTH',
      expected_result: 'MAYBE',
      validation_time: 'soon',
      expected_peer_name: 'x',
      peer_certificate: 'nothing',
      crls: ['-----BEGIN X509 CRL-----'],
      max_chain_depth: -1,
    }).map(([name, value]) => [name, { version: 1, testcases: [{ ...base, [name]: value }] }] as const),
    ['a name of another kind', { version: 1, testcases: [{ ...base, expected_peer_name: { kind: 'URI', value: 'x' } }] }],
    [
      'names of a client',
      { version: 1, testcases: [{ ...base, validation_kind: 'CLIENT', expected_peer_names: [{ kind: 1, value: 'x' }] }] },
    ],
  ])('refuses %s', (_, document) => {
    expect(() => readLimbo(document, 'limbo.json')).toThrow(expect.objectContaining({ code: 'ERR_CORPUS_MALFORMED' }) as Error);
  });
});
