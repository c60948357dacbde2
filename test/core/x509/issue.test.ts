import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { certificateReadBack } from '../../../src/adapters/certificate-read-back.ts';
import type { CertificateReading, KeyType } from '../../../src/core/key-ports.ts';
import { type Instant } from '../../../src/core/time.ts';
import { coversHost, isCertificateDnsName, isWildcardName } from '../../../src/core/x509/host-names.ts';
import { issueCertificate } from '../../../src/core/x509/issue.ts';
import { lintCertificate } from '../../../src/core/x509/lint.ts';
import { parseSpki } from '../../../src/core/x509/algorithms.ts';
import {
  basicConstraints,
  extKeyUsage,
  keyIdentifierOf,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../../src/core/x509/extension-writer.ts';
import {
  caTemplate,
  type CertificateTemplate,
  LEAF_PROFILES,
  leafTemplate,
  newSerialNumber,
  validityOf,
} from '../../../src/core/x509/template.ts';
import { writeName } from '../../../src/core/x509/name-text.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { integer, sequence, text, time } from '../../../src/core/x509/der-writer.ts';
import { TAG } from '../../../src/core/x509/der.ts';
import { at, type Authority, dns, keyNamed, make, type MakeOptions, nameConstraints, NOW } from './make.ts';
import { fakeRandom } from '../../fakes/random.ts';

const random = fakeRandom('issue');
const VALIDITY = { notBefore: at('2026-01-01T00:00:00Z'), notAfter: at('2030-01-01T00:00:00Z') };

function issue(template: CertificateTemplate, signer: Authority['key'], issuer?: Authority) {
  return issueCertificate({ template, issuer: issuer?.certificate, key: signer, certificates: certificateReadBack, verifySignature });
}

describe('templates', () => {
  it.each<KeyType>(['p256', 'p384', 'ed25519', 'rsa3072'])('make a root and what is below it with %s keys', async (type) => {
    const key = keyNamed('issuing root', type);
    const request = { serialNumber: newSerialNumber(random), signer: type, validity: VALIDITY };
    const root = await issue(caTemplate({ ...request, subject: writeName([['CN', 'r']]), spki: key.spki }), key);
    expect(root.extensions).toMatchObject({ basicConstraints: { cA: true, pathLenConstraint: undefined } });
    expect(root.extensions.subjectKeyIdentifier).toEqual(root.extensions.authorityKeyIdentifier?.keyIdentifier);
    const sub = await issue(
      caTemplate({ ...request, subject: writeName([['CN', 's']]), spki: keyNamed('sub').spki, issuer: root, pathLen: 0 }),
      key,
      { certificate: root, key },
    );
    expect(sub.extensions).toMatchObject({ basicConstraints: { cA: true, pathLenConstraint: 0 } });
    expect(sub.extensions.authorityKeyIdentifier?.keyIdentifier).toEqual(root.extensions.subjectKeyIdentifier);
  });

  it('make leaves', async () => {
    const issuer = make({ name: 'root', ca: true });
    const request = {
      serialNumber: newSerialNumber(random),
      signer: 'p256' as const,
      validity: VALIDITY,
      spki: keyNamed('leaf').spki,
      issuer: issuer.certificate,
    };
    const names = [
      { kind: 'dns', value: 'a.example' },
      { kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 1) },
    ] as const;
    const named = await issue(
      leafTemplate({ ...request, subject: writeName([['CN', 'a']]), profile: LEAF_PROFILES.peer, names }),
      issuer.key,
      issuer,
    );
    expect(named.extensions.extKeyUsage).toEqual([OID.serverAuth, OID.clientAuth]);
    expect(named.extensions.subjectAltName).toEqual(names);
    const nameless = await issue(
      leafTemplate({ ...request, subject: sequence(), profile: LEAF_PROFILES.server, names }),
      issuer.key,
      issuer,
    );
    expect(nameless.extensions.list.find((extension) => extension.oid === OID.subjectAltName)?.critical).toBe(true);
    const plain = await issue(
      leafTemplate({ ...request, subject: writeName([['CN', 'a']]), profile: LEAF_PROFILES.client, names: [] }),
      issuer.key,
      issuer,
    );
    expect(plain.extensions.subjectAltName).toBeUndefined();
  });

  it('name an issuer without a key identifier by its key', () => {
    const issuer = make({ name: 'root', ca: true, without: [OID.subjectKeyIdentifier] }).certificate;
    const template = caTemplate({
      serialNumber: newSerialNumber(random),
      signer: 'p256',
      validity: VALIDITY,
      subject: writeName([['CN', 's']]),
      spki: keyNamed('sub').spki,
      issuer,
    });
    expect(Buffer.from(template.extensions[3]?.value ?? []).toString('hex')).toContain(
      Buffer.from(keyIdentifierOf(parseSpki(issuer.spki))).toString('hex'),
    );
  });

  it('make serial numbers of 16 octets that are positive', () => {
    for (let run = 0; run < 50; run++) {
      const serial = newSerialNumber(random);
      expect(serial.length).toBe(16);
      expect((serial[0] as number) >> 6).toBe(1);
    }
  });

  it('keep a certificate inside its issuer', () => {
    const issuer = make({ name: 'root', ca: true, notBefore: '2026-11-22T09:59:30Z', notAfter: '2027-01-01T00:00:00Z' }).certificate;
    expect(validityOf({ now: NOW, notAfter: at('2028-01-01T00:00:00Z'), issuer })).toEqual({
      notBefore: issuer.notBefore,
      notAfter: issuer.notAfter,
      shortened: true,
    });
    expect(validityOf({ now: NOW, notAfter: at('2026-12-01T00:00:00Z') })).toEqual({
      notBefore: NOW - 60,
      notAfter: at('2026-12-01T00:00:00Z'),
      shortened: false,
    });
    for (const now of [at('2027-01-01T00:00:00Z'), at('2026-01-01T00:00:00Z')]) {
      expect(() => validityOf({ now, notAfter: at('2028-01-01T00:00:00Z'), issuer })).toThrow(
        expect.objectContaining({ code: 'ERR_CA_EXPIRED' }) as Error,
      );
    }
  });
});

describe('issueCertificate', () => {
  const key = keyNamed('root');
  const good = () =>
    caTemplate({
      serialNumber: newSerialNumber(random),
      signer: 'p256',
      validity: VALIDITY,
      subject: writeName([['CN', 'root']]),
      spki: key.spki,
    });

  it('refuses what the lint refuses before the real key is used', async () => {
    const unused = { ...key, sign: () => Promise.reject(new Error('the real key signed')) };
    const one = { ...good(), notAfter: VALIDITY.notBefore };
    await expect(issue(one, unused)).rejects.toMatchObject({
      code: 'ERR_CERTIFICATE_LINT',
      message: 'certificate: expected notBefore earlier than notAfter, found another',
      details: { violations: [{ rule: 'validity' }] },
    });
    await expect(issue({ ...one, serialNumber: Uint8Array.of(1) }, unused)).rejects.toThrow('and 1 more');
  });

  it('finds a signature that does not hold', async () => {
    await expect(issue(good(), { ...keyNamed('another'), spki: key.spki })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  });

  it('finds a second reading that differs', async () => {
    const changes: ((reading: CertificateReading) => CertificateReading)[] = [
      (reading) => ({ ...reading, serialNumber: '01' }),
      (reading) => ({ ...reading, notBefore: 0 as Instant }),
      (reading) => ({ ...reading, notAfter: 0 as Instant }),
      (reading) => ({ ...reading, subject: new Uint8Array(1) }),
      (reading) => ({ ...reading, extensions: [] }),
      (reading) => ({ ...reading, extensions: reading.extensions.map((extension) => ({ ...extension, oid: '1.2.3' })) }),
      (reading) => ({ ...reading, extensions: reading.extensions.map((extension) => ({ ...extension, critical: !extension.critical })) }),
    ];
    for (const change of changes) {
      const certificates = { ...certificateReadBack, readBack: async (der: Uint8Array) => change(await certificateReadBack.readBack(der)) };
      await expect(issueCertificate({ template: good(), key, certificates, verifySignature })).rejects.toThrow('does not read back');
    }
  });
});

describe('lintCertificate', () => {
  const issuer = make({ name: 'root', ca: true, pathLen: 1 });
  const base: MakeOptions = { issuer, more: [basicConstraints(false)] };
  const rules = (options: MakeOptions, above: Authority | undefined = issuer) =>
    lintCertificate(make(options).certificate, above?.certificate).map((violation) => violation.rule);
  const uri = (value: string) => ({ kind: 'uri', value }) as const;

  it('finds nothing wrong with sound certificates', () => {
    expect(rules(base)).toEqual([]);
    expect(rules({ ...base, names: [uri('spiffe://a/b')] })).toEqual([]);
    expect(
      rules({
        issuer,
        name: 'sub',
        ca: true,
        pathLen: 0,
        names: [uri('spiffe://a')],
        without: [OID.basicConstraints],
        more: [basicConstraints(true, 0)],
      }),
    ).toEqual([]);
    expect(
      rules({
        ...base,
        issuer: { ...issuer, certificate: make({ name: 'root', ca: true, without: [OID.subjectKeyIdentifier] }).certificate },
      }),
    ).toEqual([]);
    expect(rules({ ...base, names: [{ kind: 'dns', value: '*.example.com' }] })).toEqual([]);
  });

  const ca: MakeOptions = { issuer, name: 'sub', ca: true, pathLen: 0 };
  it.each<[string, MakeOptions]>([
    ['serial', { ...base, serialNumber: integer(5) }],
    ['serial', { ...base, serialNumber: Uint8Array.from([2, 16, 0x80, ...Array.from({ length: 15 }, () => 1)]) }],
    ['key', { ...base, parts: { spki: sequence(sequence(Uint8Array.from([6, 3, 42, 3, 4])), Uint8Array.from([3, 2, 0, 1])) } }],
    [
      'time-form',
      { ...base, parts: { validity: sequence(text(TAG.generalizedTime, '20260101000000Z'), time(at('2030-01-01T00:00:00Z'))) } },
    ],
    ['basic-constraints', { issuer }],
    ['path-len', { ...base, more: [{ ...basicConstraints(false), value: sequence(integer(1)) }] }],
    [
      'key-usage',
      { ...base, without: [OID.keyUsage], more: [basicConstraints(false), { ...keyUsage(['digitalSignature']), critical: false }] },
    ],
    ['key-usage', { ...base, usages: [] }],
    ['key-cert-sign', { ...base, usages: ['keyCertSign'] }],
    ['name', { ...base, name: '', names: [] }],
    ['san-critical', { ...base, names: [], more: [basicConstraints(false), subjectAltName([{ kind: 'dns', value: 'a.example' }], true)] }],
    ['san-dns', { ...base, names: [{ kind: 'dns', value: 'a..b' }] }],
    ['name-constraints', { ...base, more: [basicConstraints(false), nameConstraints([dns('a')])] }],
    [
      'name-constraints',
      { ...ca, without: [OID.basicConstraints], more: [basicConstraints(true, 0), nameConstraints([dns('a')], [], false)] },
    ],
    ['ski', { ...base, without: [OID.subjectKeyIdentifier] }],
    [
      'ski',
      {
        ...base,
        without: [OID.subjectKeyIdentifier],
        more: [basicConstraints(false), { ...subjectKeyIdentifier(new Uint8Array(20)), critical: true }],
      },
    ],
    ['aki', { ...base, without: [OID.authorityKeyIdentifier] }],
    ['eku', { ...base, purposes: null }],
    ['eku', { ...base, purposes: null, more: [basicConstraints(false), extKeyUsage([OID.anyExtendedKeyUsage])] }],
    ['unknown-extension', { ...base, more: [basicConstraints(false), { oid: '1.2.3', critical: false, value: sequence() }] }],
    ['svid-uri', { ...base, names: [uri('spiffe://a/b'), uri('https://x')] }],
    ['svid-key-usage', { ...base, usages: ['keyAgreement'], names: [uri('spiffe://a/b')] }],
    ['issuer-name', { ...base, issuerName: writeName([['CN', 'other']]) }],
    ['issuer-path-len', { ...ca, pathLen: 1 }],
    ['issuer-validity', { ...base, notAfter: '2040-01-01T00:00:00Z' }],
    ['issuer-validity', { ...base, notBefore: '2020-01-01T00:00:00Z' }],
    ['issuer-key-id', { ...base, issuer: { certificate: issuer.certificate, key: keyNamed('other') } }],
  ])('finds %s', (rule, options) => {
    expect(rules(options)).toEqual(expect.arrayContaining([rule]));
  });

  it('finds what is wrong with a structure as a whole', () => {
    const old = make({
      parts: {
        version: new Uint8Array(0),
        extensionsField: new Uint8Array(0),
        algorithm: sequence(Uint8Array.from([6, 3, 42, 3, 4])),
        issuer: sequence(),
      },
    });
    expect(lintCertificate(old.certificate).map((violation) => violation.rule)).toEqual(
      expect.arrayContaining(['version', 'signature-algorithm', 'issuer', 'key-usage', 'aki', 'ski']),
    );
    expect(rules({ ...ca, name: '', names: [{ kind: 'dns', value: 'a.example' }] })).toContain('ca-subject');
    expect(rules(base, make({ name: 'root' }))).toContain('issuer-ca');
    expect(rules({ ...ca, without: [OID.basicConstraints], more: [basicConstraints(true)] })).toContain('issuer-path-len');
    expect(rules({ ...ca }, make({ name: 'root', ca: true }))).not.toContain('issuer-path-len');
  });
});

describe('host names', () => {
  it('knows DNS names', () => {
    for (const good of ['a', 'a.example', 'xn--bcher-kva.example', 'A.Example', '3com.com']) expect(isCertificateDnsName(good)).toBe(true);
    for (const bad of [
      '',
      '.',
      'a.',
      '.a',
      'a..b',
      '-a',
      'a-',
      '*',
      '*.a.b',
      'a b',
      'ä',
      `${'a'.repeat(64)}.b`,
      `${'a.'.repeat(130)}b`,
      '_srv.a',
    ]) {
      expect(isCertificateDnsName(bad)).toBe(false);
    }
    expect([isWildcardName('*.a.b'), isWildcardName('*.b'), isWildcardName('*.*.b'), isWildcardName('a*.b.c')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('covers hosts', () => {
    for (const [presented, host] of [
      ['a.example', 'A.EXAMPLE'],
      ['*.example.com', 'a.example.com'],
    ] as const)
      expect(coversHost(presented, host)).toBe(true);
    for (const [presented, host] of [
      ['a.example', 'b.example'],
      ['*.example.com', 'example.com'],
      ['*.example.com', 'a.b.example.com'],
      ['*.com', 'a.com'],
      ['a*.example.com', 'ab.example.com'],
      ['*.example.com', 'host'],
      ['*.example.com', '*.example.com'],
      ['a..b', 'a..b'],
      ['10.0.0.1', '10.0.0.1'],
      ['_a.example', '_a.example'],
    ] as const) {
      expect(coversHost(presented, host)).toBe(false);
    }
  });
});
