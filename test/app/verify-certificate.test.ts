import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { realmAuthorities, verifyCertificate, type VerifyCertificateInput } from '../../src/app/verify-certificate.ts';
import { concat, toPem, utf8 } from '../../src/core/encoding.ts';
import { readCertificateFile, readRevocationListFile } from '../../src/core/x509/certificate-files.ts';
import { bitString, integer, sequence, tagged, time } from '../../src/core/x509/der-writer.ts';
import { writeExtension } from '../../src/core/x509/extension-writer.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { at, type Authority, ECDSA_SHA256, make, NOW } from '../core/x509/make.ts';
import { caRealm } from './ca-realm.ts';

const root = make({ name: 'root', ca: true });
const sub = make({ name: 'sub', ca: true, issuer: root });
const leaf = make({ name: 'leaf', issuer: sub });
const pem = (...authorities: Authority[]) => utf8(authorities.map(({ certificate }) => toPem('CERTIFICATE', certificate.der)).join(''));
const named = (what: string, bytes: Uint8Array) => ({ what, bytes });
const refusal = (code: string, message?: string) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringContaining(message) as string }) }) as Error;

function crl(signer: Authority): Uint8Array {
  const number = writeExtension({ oid: OID.cRLNumber, critical: false, value: integer(1) });
  const tbs = sequence(
    integer(1),
    ECDSA_SHA256,
    signer.certificate.subject.der,
    time(at('2026-11-01T00:00:00Z')),
    time(at('2026-12-01T00:00:00Z')),
    tagged(0, sequence(number)),
  );
  return sequence(tbs, ECDSA_SHA256, bitString(signer.key.sign(tbs, 'der') as Uint8Array));
}

const input = (changes: Partial<VerifyCertificateInput> = {}): VerifyCertificateInput => ({
  file: named('leaf.pem', pem(leaf)),
  intermediates: [named('sub.der', sub.certificate.der)],
  anchors: [named('root.pem', pem(root))],
  crls: [],
  at: NOW,
  identities: [],
  ...changes,
});

describe('verifyCertificate', () => {
  it('gives the path', () => {
    expect(verifyCertificate(verifySignature, input()).map((certificate) => certificate.subject.text)).toEqual([
      'CN=leaf',
      'CN=sub',
      'CN=root',
    ]);
    expect(verifyCertificate(verifySignature, input({ file: named('chain.pem', pem(leaf, sub)), intermediates: [] }))).toHaveLength(3);
  });

  it('consults revocation lists where there are some', () => {
    const lists = [root, sub].map((signer) => named('crl', crl(signer)));
    expect(verifyCertificate(verifySignature, input({ crls: lists }))).toHaveLength(3);
    expect(() => verifyCertificate(verifySignature, input({ crls: lists.slice(1) }))).toThrow(
      refusal('ERR_CERTIFICATE_UNTRUSTED', 'leaf.pem: CN=sub: expected a revocation list'),
    );
  });

  it('says what is wrong with which certificate', () => {
    expect(() => verifyCertificate(verifySignature, input({ intermediates: [] }))).toThrow(
      expect.objectContaining({
        code: 'ERR_CERTIFICATE_UNTRUSTED',
        hint: expect.stringContaining('--intermediate') as string,
        details: {
          valid: false,
          fault: 'no-anchor',
          reason: expect.stringContaining('expected a certificate of its issuer CN=sub') as string,
          certificate: expect.objectContaining({ subject: 'CN=leaf' }) as object,
          path: [expect.objectContaining({ fingerprint: leaf.certificate.fingerprint })],
        },
      }) as Error,
    );
    const nameless = make({ name: '', issuer: sub, notAfter: '2026-02-01T00:00:00Z' });
    expect(() => verifyCertificate(verifySignature, input({ file: named('x', pem(nameless)) }))).toThrow(
      refusal('ERR_CERTIFICATE_UNTRUSTED', 'x: (no subject): expected to be valid'),
    );
  });

  it('judges what is malformed, and leaves it out of a pool that nobody vouches for', () => {
    const broken = utf8(toPem('CERTIFICATE', Uint8Array.of(0x30, 0)));
    const refused = expect.objectContaining({
      code: 'ERR_CERTIFICATE_UNTRUSTED',
      details: expect.objectContaining({ valid: false, fault: 'malformed', path: [] }) as object,
    }) as Error;
    expect(() => verifyCertificate(verifySignature, input({ file: named('x', broken) }))).toThrow(refused);
    expect(() => verifyCertificate(verifySignature, input({ anchors: [named('x', broken)] }))).toThrow(refused);
    expect(() => verifyCertificate(verifySignature, input({ crls: [named('x', Uint8Array.of(0x30, 0x81, 0))] }))).toThrow(refused);
    expect(() => verifyCertificate(verifySignature, input({ anchors: [named('x', utf8('hello'))] }))).toThrow(
      refusal('ERR_PEM_MALFORMED', 'x'),
    );
    const pool = [named('pool', concat(broken, pem(sub)))];
    expect(verifyCertificate(verifySignature, input({ intermediates: pool }))).toHaveLength(3);
  });

  it('takes the authorities of a realm', async () => {
    const realm = caRealm();
    await createCa(realm, { name: 'root' });
    const { record } = await createCa(realm, { name: 'issuing', parent: 'root' });
    const authorities = await realmAuthorities(realm);
    expect([authorities.anchors.length, authorities.intermediates.length]).toEqual([1, 1]);
    const file = named('issuing', utf8(record.certificate_pem));
    expect(verifyCertificate(verifySignature, input({ file, anchors: [], intermediates: [] }), authorities)).toHaveLength(2);
  });
});

describe('files', () => {
  it('are PEM or DER', () => {
    expect(readCertificateFile(named('x', concat(utf8('some words\n'), pem(leaf, sub))))).toHaveLength(2);
    expect(readRevocationListFile(named('x', utf8(toPem('X509 CRL', crl(root)))))).toHaveLength(1);
    expect(readRevocationListFile(named('x', crl(root)))).toHaveLength(1);
  });

  it.each([
    ['nothing', new Uint8Array(0), 'ERR_PEM_MALFORMED'],
    ['no block', utf8('0 hello'), 'ERR_PEM_MALFORMED'],
    ['one octet', Uint8Array.of(0x30), 'ERR_PEM_MALFORMED'],
    ['a private key', concat(pem(leaf), utf8(toPem('PRIVATE KEY', new Uint8Array(3)))), 'ERR_PEM_MALFORMED'],
    ['binary that is none', Uint8Array.of(0xff, 0xfe), 'ERR_ENCODING_MALFORMED'],
    ['a certificate that is none', utf8(toPem('CERTIFICATE', Uint8Array.of(0x30, 0))), 'ERR_CERTIFICATE_MALFORMED'],
    ['a list', crl(root), 'ERR_CERTIFICATE_MALFORMED'],
  ])('refuses %s', (_, bytes, code) => {
    expect(() => readCertificateFile(named('file.pem', bytes))).toThrow(refusal(code, 'file.pem'));
  });
});
