import { createHash } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { concat, fromHex, parsePem, toHex } from '../../../src/core/encoding.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import { checkAnchor } from '../../../src/core/x509/anchor.ts';
import { parseSpki, signatureAlgorithmOf } from '../../../src/core/x509/algorithms.ts';
import { isSignedBy, MAX_CERTIFICATE_OCTETS, parseCertificate, recode } from '../../../src/core/x509/certificate.ts';
import { contextTag, DerReader, TAG } from '../../../src/core/x509/der.ts';
import {
  bitString,
  integer,
  namedBits,
  NULL,
  octetString,
  oid,
  sequence,
  tagged,
  text,
  tlv,
  TRUE,
} from '../../../src/core/x509/der-writer.ts';
import { writeExtension } from '../../../src/core/x509/extension-writer.ts';
import { readAlgorithm } from '../../../src/core/x509/algorithms.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { keyText } from '../../../src/core/x509/known-keys.ts';
import { isRocaModulus } from '../../../src/core/x509/roca.ts';
import { isStrongKey } from '../../../src/core/x509/strength.ts';
import { writeName } from '../../../src/core/x509/name-text.ts';
import { at, directory, dns, ECDSA_SHA256, ip, keyNamed, make, makeDer, nameConstraints, type Parts } from './make.ts';

const malformed = expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' }) as Error;
const extension = (type: string, value: Uint8Array, critical = false) => writeExtension({ oid: type, critical, value });
const withExtension = (type: string, value: Uint8Array) => parseCertificate(makeDer({ extensions: [extension(type, value)] }));

describe('parseCertificate', () => {
  it('reads every field', () => {
    const root = make({ name: 'root', ca: true, pathLen: 1 });
    const { certificate } = make({ name: 'leaf', issuer: root });
    expect(certificate).toMatchObject({
      version: 3,
      serialNumber: '41000102030405060708090a0b0c0d0e',
      notBefore: at('2026-01-01T00:00:00Z'),
      notAfter: at('2036-01-01T00:00:00Z'),
      signatureAlgorithm: 'ecdsa-sha256',
      selfIssued: false,
      fingerprint: createHash('sha256').update(certificate.der).digest('hex'),
      pin: `sha256:${createHash('sha256').update(certificate.spki).digest('hex')}`,
    });
    expect(certificate.subject.text).toBe('CN=leaf');
    expect(certificate.issuer.text).toBe('CN=root');
    expect(certificate.extensions.extKeyUsage).toEqual([OID.serverAuth]);
    expect([...(certificate.extensions.keyUsage ?? [])]).toEqual(['digitalSignature']);
    expect(certificate.extensions.subjectAltName).toEqual([{ kind: 'dns', value: 'node.example.com' }]);
    expect(root.certificate.extensions.basicConstraints).toEqual({ cA: true, pathLenConstraint: 1 });
    expect(root.certificate.selfIssued).toBe(true);
    expect(isSignedBy(certificate, root.certificate.spki, verifySignature)).toBe(true);
    expect(isSignedBy(certificate, certificate.spki, verifySignature)).toBe(false);
  });

  it('reads the roots that Node carries', () => {
    for (const pem of rootCertificates) expect(parseCertificate(parsePem(pem)[0]?.der as Uint8Array).selfIssued).toBe(true);
  });

  it('reads versions 1 and 2, unique identifiers and times before 1970', () => {
    const one = parseCertificate(makeDer({ version: new Uint8Array(0) }));
    expect([one.version, one.extensions.list]).toEqual([1, []]);
    const ids = concat(tlv(0x81, Uint8Array.of(0, 1)), tlv(0x82, Uint8Array.of(0, 1)));
    expect(parseCertificate(makeDer({ version: tagged(0, integer(1)), uniqueIds: ids })).version).toBe(2);
    const old = sequence(text(TAG.utcTime, '600101000000Z'), text(TAG.generalizedTime, '99991231235959Z'));
    expect(parseCertificate(makeDer({ validity: old })).notBefore).toBe(0);
  });

  const wrong: readonly [string, Parts][] = [
    ['version 1 that is written', { version: tagged(0, integer(0)) }],
    ['version 4', { version: tagged(0, integer(3)) }],
    ['more in the version', { version: tagged(0, integer(2), integer(2)) }],
    [
      'extensions in version 2',
      { version: tagged(0, integer(1)), extensions: [extension(OID.subjectKeyIdentifier, octetString(new Uint8Array(1)))] },
    ],
    ['unique identifiers in version 1', { version: new Uint8Array(0), uniqueIds: tlv(0x81, Uint8Array.of(0, 1)) }],
    ['no extension in extensions', { extensions: [] }],
    ['two extensions of one type', { extensions: [1, 2].map((n) => extension(OID.subjectKeyIdentifier, octetString(Uint8Array.of(n)))) }],
    ['critical FALSE that is written', { extensions: [sequence(oid('1.2.3'), Uint8Array.of(1, 1, 0), octetString(NULL))] }],
    ['more after the extensions', { extensionsField: tagged(3, sequence(extension('1.2.3', NULL)), NULL) }],
    ['more after all', { tail: NULL }],
    ['another outer algorithm', { outerAlgorithm: sequence(oid(OID.ecdsaWithSha384)) }],
    ['more in an algorithm', { algorithm: sequence(oid(OID.ecdsaWithSha256), NULL, NULL) }],
    ['three times', { validity: sequence(...Array.from({ length: 3 }, () => text(TAG.utcTime, '260101000000Z'))) }],
    ['an RSA key with other parameters', { spki: sequence(sequence(oid(OID.rsaEncryption)), bitString(sequence(integer(3), integer(3)))) }],
    [
      'an RSA key with a negative modulus',
      { spki: sequence(sequence(oid(OID.rsaEncryption), NULL), bitString(sequence(Uint8Array.of(2, 1, 0x80), integer(3)))) },
    ],
    ['an Ed25519 key with parameters', { spki: sequence(sequence(oid(OID.ed25519), NULL), bitString(new Uint8Array(32))) }],
  ];
  it.each(wrong)('refuses %s', (_, parts) => {
    expect(() => parseCertificate(makeDer(parts))).toThrow(malformed);
  });

  it('refuses trailing bytes, other structures and too many bytes', () => {
    const { der } = make().certificate;
    for (const bad of [new Uint8Array(0), concat(der, Uint8Array.of(0)), der.subarray(0, -1), new Uint8Array(MAX_CERTIFICATE_OCTETS + 1)]) {
      expect(() => parseCertificate(bad)).toThrow(malformed);
    }
  });

  it('passes errors of other kinds on', () => {
    const bug = new RangeError('bug');
    const fail = () => {
      throw bug;
    };
    expect(() => recode('ERR_CERTIFICATE_MALFORMED', fail)).toThrow(bug);
  });

  it('refuses a changed byte or reads something else; nothing but coded errors for any bytes', () => {
    const { der } = make({ name: 'leaf', issuer: make({ name: 'root', ca: true }) }).certificate;
    const before = parseCertificate(der);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const bytes = Uint8Array.from(der);
        bytes[index] = (bytes[index] as number) ^ change;
        try {
          const after = parseCertificate(bytes);
          const sameSigned = Buffer.compare(after.tbs, before.tbs) === 0;
          const sameSignature = Buffer.compare(after.signature, before.signature) === 0;
          expect(sameSigned && sameSignature && after.algorithm.oid === before.algorithm.oid).toBe(false);
        } catch (error) {
          if (!isJoineryError(error, 'ERR_CERTIFICATE_MALFORMED')) throw error;
        }
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(() => parseCertificate(bytes)).toThrow(malformed);
      }),
      { numRuns: 300 },
    );
  });
});

describe('extensions', () => {
  it('reads all that RFC 5280 asks for', () => {
    const point = sequence(
      sequence(tagged(0, tagged(0, tlv(0x86, Buffer.from('http://crl.example/1'))))),
      sequence(tagged(0, tagged(1, sequence(oid('2.5.4.3'), text(TAG.utf8String, 'x')))), tlv(0x81, Uint8Array.of(1, 6))),
      sequence(tagged(2, directory(['CN', 'crl issuer']))),
    );
    expect(withExtension(OID.cRLDistributionPoints, point).extensions.cRLDistributionPoints).toMatchObject([
      { fullName: [{ kind: 'uri', value: 'http://crl.example/1' }], partial: false, cRLIssuer: [] },
      { fullName: [], partial: true, cRLIssuer: [] },
      { fullName: [], partial: false, cRLIssuer: [{ kind: 'directory' }] },
    ]);
    const aki = sequence(tlv(0x80, Uint8Array.of(7)), tagged(1, directory(['CN', 'x'])), tlv(0x82, Uint8Array.of(5)));
    expect(withExtension(OID.authorityKeyIdentifier, aki).extensions.authorityKeyIdentifier).toMatchObject({
      keyIdentifier: Uint8Array.of(7),
      authorityCertIssuer: [{ kind: 'directory' }],
      authorityCertSerialNumber: Uint8Array.of(5),
    });
    expect(withExtension(OID.authorityKeyIdentifier, sequence()).extensions.authorityKeyIdentifier).toEqual({
      keyIdentifier: undefined,
      authorityCertIssuer: undefined,
      authorityCertSerialNumber: undefined,
    });
    const policies = sequence(sequence(oid('1.2.3'), sequence(sequence(oid('1.3.6.1.5.5.7.2.1')))), sequence(oid('1.2.4')));
    expect(withExtension(OID.certificatePolicies, policies).extensions.certificatePolicies).toEqual(['1.2.3', '1.2.4']);
    expect(withExtension(OID.policyMappings, sequence(sequence(oid('1.2.3'), oid('1.2.4')))).extensions.policyMappings).toEqual([
      { issuerDomainPolicy: '1.2.3', subjectDomainPolicy: '1.2.4' },
    ]);
    expect(
      withExtension(OID.policyConstraints, sequence(tlv(0x80, Uint8Array.of(0)), tlv(0x81, Uint8Array.of(2)))).extensions.policyConstraints,
    ).toEqual({
      requireExplicitPolicy: 0,
      inhibitPolicyMapping: 2,
    });
    const access = sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), tlv(0x86, Buffer.from('http://ocsp.example'))));
    expect(withExtension(OID.authorityInfoAccess, access).extensions.authorityInfoAccess).toEqual([
      { accessMethod: '1.3.6.1.5.5.7.48.1', accessLocation: { kind: 'uri', value: 'http://ocsp.example' } },
    ]);
    expect(withExtension(OID.inhibitAnyPolicy, integer(1)).extensions.inhibitAnyPolicy).toBe(1);
    expect(withExtension(OID.keyUsage, namedBits([0, 8, 11])).extensions.keyUsage).toEqual(new Set(['digitalSignature', 'decipherOnly']));
    expect(
      withExtension(OID.nameConstraints, nameConstraints([dns('a.example')], [ip(10, 0, 0, 0, 255, 0, 0, 0)]).value).extensions
        .nameConstraints,
    ).toMatchObject({
      permitted: [{ kind: 'dns' }],
      excluded: [{ kind: 'ip' }],
    });
  });

  const mask6 = (last: number) => [...Array.from({ length: 16 }, () => 0), ...Array.from({ length: 15 }, () => 255), last];
  it.each([
    ['cA FALSE that is written', OID.basicConstraints, sequence(Uint8Array.of(1, 1, 0))],
    ['a negative pathLenConstraint', OID.basicConstraints, sequence(TRUE, Uint8Array.of(2, 1, 0xff))],
    ['more in basicConstraints', OID.basicConstraints, sequence(TRUE, integer(1), integer(1))],
    ['an empty extKeyUsage', OID.extKeyUsage, sequence()],
    ['an empty subjectAltName', OID.subjectAltName, sequence()],
    ['an address of five octets', OID.subjectAltName, sequence(ip(1, 2, 3, 4, 5))],
    ['trailing bytes in an extension', OID.subjectKeyIdentifier, concat(octetString(new Uint8Array(1)), NULL)],
    ['empty name constraints', OID.nameConstraints, sequence()],
    ['empty permitted subtrees', OID.nameConstraints, sequence(tagged(0))],
    ['a minimum of a subtree', OID.nameConstraints, sequence(tagged(0, sequence(dns('a'), tlv(0x80, Uint8Array.of(0)))))],
    ['an address without a mask', OID.nameConstraints, nameConstraints([ip(10, 0, 0, 1)]).value],
    ['a mask with a hole', OID.nameConstraints, nameConstraints([ip(10, 0, 0, 0, 255, 0, 255, 0)]).value],
    ['an IPv6 mask with a hole', OID.nameConstraints, nameConstraints([ip(...mask6(1))]).value],
    ['a policy twice', OID.certificatePolicies, sequence(sequence(oid('1.2.3')), sequence(oid('1.2.3')))],
    ['a mapping of anyPolicy', OID.policyMappings, sequence(sequence(oid(OID.anyPolicy), oid('1.2.3')))],
    ['empty policy constraints', OID.policyConstraints, sequence()],
    ['an empty distribution point name', OID.cRLDistributionPoints, sequence(sequence(tagged(0)))],
    ['an empty authorityInfoAccess', OID.authorityInfoAccess, sequence()],
    ['an empty authorityCertIssuer', OID.authorityKeyIdentifier, sequence(tagged(1))],
  ])('refuses %s', (_, type, value) => {
    expect(() => withExtension(type, value)).toThrow(malformed);
  });

  it('takes an IPv6 subnet, permitted or excluded', () => {
    expect(
      withExtension(OID.nameConstraints, nameConstraints([], [ip(...mask6(254))]).value).extensions.nameConstraints?.excluded,
    ).toHaveLength(1);
    expect(
      withExtension(OID.nameConstraints, nameConstraints([ip(...mask6(254))]).value).extensions.nameConstraints?.permitted,
    ).toHaveLength(1);
  });
});

describe('algorithms', () => {
  const algorithmOf = (der: Uint8Array) => signatureAlgorithmOf(readAlgorithm(new DerReader(der, 'a'), 'a'));
  const pss = (hash: string, mask: string, salt: number, hashParameters = NULL) =>
    sequence(
      oid(OID.rsassaPss),
      sequence(
        tagged(0, sequence(oid(hash), hashParameters)),
        tagged(1, sequence(oid(OID.mgf1), sequence(oid(mask), hashParameters))),
        tagged(2, integer(salt)),
      ),
    );

  it.each([
    [sequence(oid(OID.ecdsaWithSha256)), 'ecdsa-sha256'],
    [sequence(oid(OID.ecdsaWithSha256), NULL), undefined],
    [sequence(oid(OID.ed25519)), 'ed25519'],
    [sequence(oid(OID.sha256WithRSAEncryption), NULL), 'rsa-sha256'],
    [sequence(oid(OID.sha512WithRSAEncryption)), 'rsa-sha512'],
    [sequence(oid(OID.sha256WithRSAEncryption), integer(1)), undefined],
    [sequence(oid('1.2.840.113549.1.1.5'), NULL), undefined],
    [sequence(oid(OID.rsassaPss)), undefined],
    [sequence(oid(OID.rsassaPss), sequence()), undefined],
    [pss(OID.sha256, OID.sha256, 32), 'rsa-pss-sha256'],
    [pss(OID.sha512, OID.sha512, 64, new Uint8Array(0)), 'rsa-pss-sha512'],
    [pss(OID.sha256, OID.sha384, 32), undefined],
    [pss(OID.sha256, OID.sha256, 20), undefined],
    [pss('1.3.14.3.2.26', '1.3.14.3.2.26', 20), undefined],
  ])('%#: takes SHA-2 and Edwards curves in their usual form', (der, expected) => {
    expect(algorithmOf(der)).toBe(expected);
  });

  it('gives no signature for an algorithm that it does not take', () => {
    const { certificate } = make({ parts: { algorithm: sequence(oid('1.2.840.113549.1.1.5'), NULL) } });
    expect(isSignedBy(certificate, certificate.spki, () => true)).toBe(false);
  });

  const spki = (algorithm: Uint8Array, bits: Uint8Array) => parseSpki(sequence(algorithm, bitString(bits))).key;
  const rsa = (modulus: Uint8Array, exponent: Uint8Array) =>
    spki(sequence(oid(OID.rsaEncryption), NULL), sequence(integer(modulus), integer(exponent)));

  it('measures keys', () => {
    expect(rsa(fromHex('01'.padEnd(64, '0')), Uint8Array.of(1, 0, 1))).toEqual({
      kind: 'rsa',
      bits: 249,
      modulus: fromHex('01'.padEnd(64, '0')),
      exponent: Uint8Array.of(1, 0, 1),
    });
    expect(rsa(new Uint8Array(256).fill(255), Uint8Array.of(3))).toMatchObject({ bits: 2048 });
    expect(rsa(new Uint8Array(1), Uint8Array.of(3))).toMatchObject({ kind: 'rsa' });
    expect(parseSpki(keyNamed('a').spki).key).toEqual({ kind: 'ec', curve: OID.p256 });
    expect(spki(sequence(oid(OID.ecPublicKey), sequence(integer(1))), new Uint8Array(1))).toEqual({ kind: 'ec', curve: '' });
    expect(spki(sequence(oid(OID.ecPublicKey)), new Uint8Array(1))).toEqual({ kind: 'ec', curve: '' });
    expect(spki(sequence(oid(OID.ed25519)), new Uint8Array(32))).toEqual({ kind: 'ed25519' });
    expect(spki(sequence(oid(OID.ed448)), new Uint8Array(57))).toEqual({ kind: 'ed448' });
    expect(spki(sequence(oid('1.2.840.10040.4.1')), new Uint8Array(1))).toEqual({ kind: 'other', oid: '1.2.840.10040.4.1' });
    expect(() => parseSpki(concat(keyNamed('a').spki, NULL))).toThrow('expected the end');
  });

  it('knows the moduli of a generator that is broken', () => {
    const weak = fromHex((65537n ** 128n).toString(16).padStart(514, '0'));
    expect(isStrongKey(rsa(weak, Uint8Array.of(1, 0, 1)))).toBe(false);
    expect(keyText(rsa(weak, Uint8Array.of(1, 0, 1)))).toBe('RSA 2049 of a broken generator (CVE-2017-15361)');
    expect([isRocaModulus(weak), isRocaModulus(Uint8Array.of(1)), isRocaModulus(new Uint8Array(0))]).toEqual([true, true, false]);
  });

  it('refuses weak keys', () => {
    const modulus = (bits: number) => concat(Uint8Array.of(0x80), new Uint8Array(bits / 8 - 1).fill(1));
    const strong = (bits: number, exponent: readonly number[] = [1, 0, 1]) => isStrongKey(rsa(modulus(bits), Uint8Array.from(exponent)));
    expect([strong(2048), strong(1024), strong(32768), strong(2048, [1]), strong(2048, [4]), strong(2048, [3])]).toEqual([
      true,
      false,
      false,
      false,
      false,
      true,
    ]);
    expect(isStrongKey(rsa(modulus(2048), Uint8Array.of(3)), 3072)).toBe(false);
    expect(isStrongKey({ kind: 'ec', curve: OID.p384 })).toBe(true);
    expect(isStrongKey({ kind: 'ec', curve: '1.3.132.0.33' })).toBe(false);
    expect(isStrongKey({ kind: 'ed25519' })).toBe(true);
    expect(isStrongKey({ kind: 'other', oid: '1.2.3' })).toBe(false);
  });
});

describe('checkAnchor', () => {
  const rules = (certificate: Parameters<typeof checkAnchor>[0]) =>
    checkAnchor(certificate, verifySignature).map((violation) => violation.rule);

  it('takes a self-signed CA certificate, with and without keyUsage', () => {
    expect(rules(make({ name: 'root', ca: true }).certificate)).toEqual([]);
    expect(rules(make({ name: 'root', ca: true, usages: null }).certificate)).toEqual([]);
  });

  it('names what is wrong with others', () => {
    const root = make({ name: 'root', ca: true });
    expect(rules(make({ name: 'sub', ca: true, issuer: root }).certificate)).toEqual(['anchor-self-issued', 'anchor-signature']);
    expect(rules(make({ name: 'leaf' }).certificate)).toEqual(['anchor-ca', 'anchor-key-usage']);
    expect(rules(make({ name: 'root', ca: true, usages: ['cRLSign'] }).certificate)).toEqual(['anchor-key-usage']);
    expect(rules(parseCertificate(makeDer({ version: new Uint8Array(0) })))).toEqual(['anchor-version', 'anchor-ca']);
    expect(rules(make({ name: 'root', ca: true, issuer: { ...root, key: keyNamed('other') } }).certificate)).toEqual(['anchor-signature']);
    expect(checkAnchor(make({ name: 'leaf' }).certificate, verifySignature)[0]?.message).toBe(
      'expected basicConstraints with cA true, found none',
    );
  });
});

it('the helper writes what it says', () => {
  expect(toHex(ECDSA_SHA256)).toBe('300a06082a8648ce3d040302');
  expect(contextTag(0)).toBe(0xa0);
  expect(writeName([])).toEqual(sequence());
});
