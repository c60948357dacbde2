import { sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { awsIidAttestor } from '../../../src/core/attest/aws-iid.ts';
import { derOfBer } from '../../../src/core/attest/ber.ts';
import { readSignedData } from '../../../src/core/attest/signed-data.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { JoineryError } from '../../../src/core/errors.ts';
import { sha256 } from '../../../src/core/digest.ts';
import { integer, octetString, oid, sequence, setOf, tagged } from '../../../src/core/x509/der-writer.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { readCertificateFile } from '../../../src/core/x509/certificate-files.ts';
import { derOfLatin } from './ber-samples.ts';
import { attest, file, type NOW, openssl, outcomeOf, pemOf, rsa } from './attest-world.ts';

/** As AWS makes them: a self-signed certificate for each region. */
function region(name: string, days = '3650') {
  const keys = rsa();
  const key = file(`${name}.key`, pemOf(keys.privateKey));
  const pem = openssl(['req', '-x509', '-key', key, '-subj', `/CN=${name}`, '-days', days]);
  return { keys, key, certificate: file(`${name}.crt`, pem), parsed: readCertificateFile({ what: name, bytes: pem }) };
}

const ireland = region('eu-west-1');
const oregon = region('us-west-2');
const document = {
  accountId: '123456789012',
  architecture: 'x86_64',
  availabilityZone: 'eu-west-1a',
  billingProducts: null,
  imageId: 'ami-1',
  instanceId: 'i-0abc',
  instanceType: 't3.micro',
  pendingTime: '2026-11-22T09:58:00Z',
  privateIp: '10.0.0.5',
  region: 'eu-west-1',
  version: '2017-09-30',
};
const text = (change: JsonObject = {}): string => JSON.stringify({ ...document, ...change }, undefined, 2);
// OpenSSL dates the certificates by the clock of the machine.
const at = Math.floor(Date.now() / 1000) as typeof NOW;
const now = { now: at };
const pending = (ago: number): string => new Date((at - ago) * 1000).toISOString().replace(/\.\d+Z/, 'Z');
const fresh = (change: JsonObject = {}): string => text({ pendingTime: pending(120), ...change });

const options = {
  name: 'aws',
  certificates: new Map([
    ['eu-west-1', ireland.parsed],
    ['us-west-2', oregon.parsed],
  ]),
  accounts: ['123456789012'],
  verifySignature,
};
const attestor = awsIidAttestor(options);

const signature = (of: string, by = ireland): string => sign('sha256', Buffer.from(of), by.keys.privateKey).toString('base64');
const detached = (of: string, by = ireland): JsonObject => ({ document: of, signature: signature(of, by) });

/** @param more e.g. `-stream`, for the indefinite lengths that AWS writes. */
function pkcs7(of: string, by = ireland, ...more: string[]): Buffer {
  return openssl(
    [
      'cms',
      '-sign',
      '-binary',
      '-nodetach',
      '-nocerts',
      '-signer',
      by.certificate,
      '-inkey',
      by.key,
      '-outform',
      'DER',
      '-md',
      'sha256',
      ...more,
    ],
    of,
  );
}
const inside = (of: string, by = ireland, ...more: string[]): JsonObject => ({ pkcs7: pkcs7(of, by, ...more).toString('base64') });

describe('aws-iid', () => {
  it('knows the instance by both kinds of signature, as AWS and as others encode it', async () => {
    const kinds = [
      detached(fresh()),
      inside(fresh()),
      inside(fresh(), ireland, '-stream'),
      inside(fresh(), ireland, '-noattr'),
      {
        pkcs7: pkcs7(fresh())
          .toString('base64')
          .replaceAll(/(.{64})/g, '$1\n'),
      },
      {
        pkcs7: openssl(
          [
            'smime',
            '-sign',
            '-binary',
            '-nodetach',
            '-signer',
            ireland.certificate,
            '-inkey',
            ireland.key,
            '-outform',
            'DER',
            '-md',
            'sha256',
          ],
          fresh(),
        ).toString('base64'),
      },
    ];
    for (const evidence of kinds) {
      const { claims, issuedAt, provider } = await attest(attestor, evidence, now);
      expect([provider, issuedAt]).toEqual(['aws', at - 120]);
      expect(claims).toEqual({
        account_id: '123456789012',
        region: 'eu-west-1',
        availability_zone: 'eu-west-1a',
        instance_id: 'i-0abc',
        instance_type: 't3.micro',
        image_id: 'ami-1',
        architecture: 'x86_64',
        private_ip: '10.0.0.5',
        pending_time: pending(120),
      });
    }
  });

  it('is remembered by the instance, not by its document', async () => {
    const of = async (evidence: JsonObject) => (await attest(attestor, evidence, now)).digest;
    expect(await attest(attestor, detached(fresh()), now)).not.toHaveProperty('replayableUntil');
    expect(await of(detached(fresh()))).toBe(await of(inside(fresh({ imageId: 'ami-2' }))));
    expect(await of(detached(fresh({ instanceId: 'i-0abd' })))).not.toBe(await of(detached(fresh())));
  });

  const stolen = fresh();
  test.each<[string, JsonObject, string]>([
    ['started too long ago', detached(fresh({ pendingTime: pending(1000) })), 'ERR_ATTESTATION_STALE evidence: pendingTime'],
    ['started in the future', detached(fresh({ pendingTime: pending(-61) })), 'ERR_ATTESTATION_STALE evidence: pendingTime'],
    ['started at no time', detached(fresh({ pendingTime: 'x' })), 'ERR_ATTESTATION_MALFORMED evidence: pendingTime'],
    ['of another account', detached(fresh({ accountId: '999999999999' })), 'ERR_ATTESTATION_FAILED evidence: accountId'],
    ['signed for another region', detached(fresh(), oregon), 'ERR_ATTESTATION_FAILED evidence: signature'],
    [
      'of a region that nobody configured',
      detached(fresh({ region: 'xx' })),
      'ERR_ATTESTATION_FAILED evidence: region: expected one with certificates: eu-west-1, us-west-2',
    ],
    [
      'that was changed',
      { document: fresh({ instanceId: 'i-1' }), signature: signature(stolen) },
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    ['inside PKCS #7 by another key', inside(fresh(), oregon), 'ERR_ATTESTATION_FAILED evidence: signature'],
    ['without a signature', { document: stolen }, 'ERR_ATTESTATION_MALFORMED evidence: expected document and signature'],
    ['with both kinds', { ...detached(stolen), ...inside(stolen) }, 'ERR_ATTESTATION_MALFORMED evidence: expected document and signature'],
    ['with a signature in no base64', { document: stolen, signature: '!' }, 'ERR_ATTESTATION_MALFORMED'],
    ['without instanceId', detached(fresh({ instanceId: undefined })), 'ERR_ATTESTATION_MALFORMED evidence: document: instanceId'],
    ['with an empty instanceId', detached(fresh({ instanceId: '' })), 'ERR_ATTESTATION_MALFORMED evidence: document: instanceId'],
    ['that is a list', detached('[]'), 'ERR_ATTESTATION_MALFORMED evidence: document: expected an object'],
    ['that is no JSON', detached('{]'), 'ERR_ATTESTATION_MALFORMED evidence: document'],
    [
      'with a member twice',
      detached(fresh().replace('{', '{"accountId":"999999999999",')),
      'ERR_ATTESTATION_MALFORMED evidence: document: expected each member once',
    ],
    ['that is too large', detached(fresh({ x: 'y'.repeat(17000) })), 'ERR_ATTESTATION_MALFORMED evidence'],
    ['that is no PKCS #7', { pkcs7: 'AAAA' }, 'ERR_ATTESTATION_MALFORMED evidence: pkcs7'],
  ])('refuses a document %s', async (_name, evidence, expected) => {
    expect(await outcomeOf(attestor, evidence, now)).toContain(expected);
  });

  it('takes a certificate of its time only', async () => {
    const later = { now: (ireland.parsed[0]?.notAfter ?? 0) + 1 } as typeof now;
    const evidence = detached(text({ pendingTime: new Date((later.now - 10) * 1000).toISOString().replace(/\.\d+Z/, 'Z') }));
    expect(await outcomeOf(attestor, evidence, later)).toContain('ERR_ATTESTATION_FAILED evidence: signature');
  });

  it('keeps claims that are there', async () => {
    const { claims } = await attest(attestor, detached(fresh({ privateIp: null, imageId: undefined })), now);
    expect(Object.keys(claims)).not.toContain('private_ip');
  });
});

describe('SignedData', () => {
  const content = Buffer.from(fresh());
  const der = pkcs7(fresh());

  it('is read from BER as from DER', () => {
    const ber = pkcs7(fresh(), ireland, '-stream');
    expect(ber.subarray(0, 2).toString('hex')).toBe('3080');
    expect(Buffer.from(readSignedData(ber, 'x').content)).toEqual(content);
    expect(Buffer.from(derOfBer(der, 'x'))).toEqual(der);
  });

  it('whose signed attributes are about something else is refused', () => {
    const changed = Buffer.from(der);
    changed.write('X', der.indexOf('i-0abc'));
    expect(() => readSignedData(changed, 'x')).toThrow('expected messageDigest of the content');
  });

  test.each<[string, string[], string]>([
    ['SHA-1', ['-md', 'sha1'], 'expected SHA-256 as digest algorithm'],
    ['SHA-512', ['-md', 'sha512'], 'expected SHA-256 as digest algorithm'],
  ])('with %s is refused', (_name, more, expected) => {
    expect(() => readSignedData(pkcs7(fresh(), ireland, ...more), 'x')).toThrow(expected);
  });

  it('by two is refused, as is one without its content, and one of something else', () => {
    const both = openssl(
      [
        'cms',
        '-sign',
        '-binary',
        '-nodetach',
        '-signer',
        ireland.certificate,
        '-inkey',
        ireland.key,
        '-signer',
        oregon.certificate,
        '-inkey',
        oregon.key,
        '-outform',
        'DER',
        '-md',
        'sha256',
      ],
      fresh(),
    );
    expect(() => readSignedData(both, 'x')).toThrow('expected one signature, found 2');
    const without = openssl(
      ['cms', '-sign', '-binary', '-signer', ireland.certificate, '-inkey', ireland.key, '-outform', 'DER', '-md', 'sha256'],
      fresh(),
    );
    expect(() => readSignedData(without, 'x')).toThrow(JoineryError);
    const digested = openssl(['cms', '-data_create', '-outform', 'DER'], fresh());
    expect(() => readSignedData(digested, 'x')).toThrow('x contentType: expected 1.2.840.113549.1.7.2');
  });

  test('in pieces is put together', () => {
    const pieces = Uint8Array.from(Buffer.from('248004016124030401620000', 'hex'));
    expect(Buffer.from(derOfBer(pieces, 'x')).toString('hex')).toBe('04026162');
  });

  const attribute = (type: string, value: Uint8Array) => sequence(oid(type), setOf(value));
  const TYPE = attribute('1.2.840.113549.1.9.3', oid(OID.pkcs7Data));
  const DIGEST = attribute('1.2.840.113549.1.9.4', octetString(sha256(Buffer.from('hello'))));
  const made = (attributes: readonly Uint8Array[], algorithm: string = OID.rsaEncryption): Uint8Array => {
    const signer = sequence(
      integer(1),
      sequence(),
      sequence(oid(OID.sha256)),
      tagged(0, ...attributes),
      sequence(oid(algorithm)),
      octetString(Uint8Array.of(1)),
    );
    const data = sequence(integer(1), setOf(), sequence(oid(OID.pkcs7Data), tagged(0, octetString(Buffer.from('hello')))), setOf(signer));
    return sequence(oid(OID.pkcs7SignedData), tagged(0, data));
  };

  test.each<[string, Uint8Array[], string]>([
    ['none', [], 'expected contentType and messageDigest'],
    ['a type alone', [TYPE], 'expected contentType and messageDigest'],
    ['a digest alone', [DIGEST], 'expected contentType and messageDigest'],
    ['two digests', [TYPE, DIGEST, DIGEST], 'expected each signed attribute once'],
    ['another type', [attribute('1.2.840.113549.1.9.3', oid(OID.pkcs7SignedData)), DIGEST], 'expected contentType data'],
    [
      'another digest',
      [TYPE, attribute('1.2.840.113549.1.9.4', octetString(sha256(Buffer.from('other'))))],
      'expected messageDigest of the content',
    ],
  ])('with signed attributes that are %s is refused', (_name, attributes, expected) => {
    expect(() => readSignedData(made(attributes), 'x')).toThrow(expected);
  });

  test('names its algorithm', () => {
    expect(readSignedData(made([TYPE, DIGEST]), 'x').algorithm).toBe('rsa-sha256');
    expect(readSignedData(made([TYPE, DIGEST], OID.ecdsaWithSha256), 'x').algorithm).toBe('ecdsa-sha256');
    for (const other of [OID.sha384WithRSAEncryption, OID.ed25519, OID.sha256])
      expect(() => readSignedData(made([TYPE, DIGEST], other), 'x')).toThrow('expected a signature with SHA-256');
  });

  test.each(derOfLatin)('%s', (_name, bytes, expected) => {
    expect(() => derOfBer(bytes, 'x')).toThrow(expected);
  });

  it('in any bytes is read or refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.tuple(fc.nat(der.length - 1), fc.nat(255)).map(([index, octet]) => Uint8Array.from(der).with(index, octet)),
        ),
        (bytes) => {
          try {
            readSignedData(bytes, 'x');
          } catch (error) {
            expect(error).toBeInstanceOf(JoineryError);
            expect((error as JoineryError).code).toBe('ERR_DER_MALFORMED');
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
