import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certificateReadBack } from '../../../src/adapters/certificate-read-back.ts';
import { systemRandom } from '../../../src/adapters/random.ts';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { toHex, toPem } from '../../../src/core/encoding.ts';
import type { KeyType, SigningKey } from '../../../src/core/key-ports.ts';
import { type Instant, instant } from '../../../src/core/time.ts';
import { parseSpki } from '../../../src/core/x509/algorithms.ts';
import { isSignedBy, parseCertificate } from '../../../src/core/x509/certificate.ts';
import { TAG } from '../../../src/core/x509/der.ts';
import { oidOf } from '../../../src/core/x509/der-values.ts';
import { basicConstraints, subjectAltName } from '../../../src/core/x509/extension-writer.ts';
import { type FastLeaf, leafWriter, pooledRandom, signLeaf } from '../../../src/core/x509/fast-leaf.ts';
import { lintCertificate } from '../../../src/core/x509/lint.ts';
import { writeName } from '../../../src/core/x509/name-text.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { PROFILE_NAMES, PROFILES } from '../../../src/core/x509/profiles.ts';
import { leafKeyUsage, leafTemplate, newSerialNumber, writeTbs } from '../../../src/core/x509/template.ts';
import { fakeRandom } from '../../fakes/random.ts';
import { dns as dnsName, keyNamed, make, nameConstraints } from './make.ts';

const root = make({ name: 'fast root', ca: true });
const START = root.certificate.notBefore;
const END = root.certificate.notAfter;

const dns = fc.stringMatching(/^[a-z][a-z0-9]{0,20}(?:\.[a-z]{1,10}){0,3}$/).map((value) => ({ kind: 'dns', value }) as const);
const uri = fc.stringMatching(/^spiffe:\/\/lab\.example\/[a-z0-9]{1,300}$/).map((value) => ({ kind: 'uri', value }) as const);
const address = fc.constantFrom(4, 16).chain((length) => fc.uint8Array({ minLength: length, maxLength: length }));
const ip = address.map((bytes) => ({ kind: 'ip', bytes }) as const);
const leaves = fc.record({
  serialNumber: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => newSerialNumber({ bytes: () => bytes })),
  notBefore: fc.integer({ min: START, max: START + 1000 }).map(instant),
  notAfter: fc.integer({ min: START + 1001, max: END }).map(instant),
  subject: fc.oneof(
    fc.constant(writeName([])),
    fc.stringMatching(/^[ -~]{1,64}$/).map((text) => writeName([['CN', text]])),
  ),
  names: fc.array(fc.oneof(dns, uri, ip), { maxLength: 12 }),
  publicKey: fc.constantFrom(...(['p256', 'p384', 'ed25519', 'rsa3072'] as const).map((type) => parseSpki(keyNamed('fast', type).spki))),
});
const profiles = fc.constantFrom(...PROFILE_NAMES.map((name) => PROFILES[name].usage));
const signers = fc.constantFrom<KeyType>('p256', 'p384', 'ed25519');

const template = (leaf: FastLeaf, signer: KeyType, profile: Parameters<typeof leafTemplate>[0]['profile']) => {
  const { serialNumber, notBefore, notAfter, subject, publicKey, names } = leaf;
  const validity = { notBefore, notAfter };
  return leafTemplate({ serialNumber, signer, validity, subject, spki: publicKey.der, issuer: root.certificate, profile, names });
};

describe('the fast way to a leaf', () => {
  it('writes the bytes of the template', () => {
    fc.assert(
      fc.property(leaves, profiles, signers, (leaf, profile, signer) => {
        const write = leafWriter(root.certificate, signer, profile);
        expect(toHex(write(leaf))).toBe(toHex(writeTbs(template(leaf, signer, profile))));
        expect(toHex(write(leaf))).toBe(toHex(write(leaf)));
        const later = { ...leaf, notAfter: (leaf.notAfter + 1) as Instant };
        expect(toHex(write(later))).toBe(toHex(writeTbs(template(later, signer, profile))));
      }),
      { numRuns: 300 },
    );
  });

  it('makes certificates that other code reads as they were meant', async () => {
    const write = leafWriter(root.certificate, 'p256', PROFILES.peer.usage);
    await fc.assert(
      fc.asyncProperty(leaves, async (leaf) => {
        const der = await signLeaf(write(leaf), root.key);
        const reading = await certificateReadBack.readBack(der);
        expect(reading).toMatchObject({ serialNumber: toHex(leaf.serialNumber), notBefore: leaf.notBefore, notAfter: leaf.notAfter });
        expect(toHex(reading.subject)).toBe(toHex(leaf.subject));
        expect(toHex(reading.spki)).toBe(toHex(leaf.publicKey.der));
        const certificate = parseCertificate(der);
        expect(certificate.extensions.subjectAltName ?? []).toEqual(leaf.names);
        expect(isSignedBy(certificate, root.key.spki, verifySignature)).toBe(true);
        const nameless = leaf.names.length === 0 && certificate.subject.text === '';
        expect(lintCertificate(certificate, root.certificate).filter(({ rule }) => !['svid-uri', 'name'].includes(rule))).toEqual([]);
        expect(lintCertificate(certificate).some(({ rule }) => rule === 'name')).toBe(nameless);
      }),
      { numRuns: 60 },
    );
  });

  it('makes certificates that OpenSSL accepts strictly', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'joinery-fast-'));
    writeFileSync(join(directory, 'root.pem'), toPem('CERTIFICATE', root.certificate.der));
    const files: string[] = [];
    for (const [index, name] of [...PROFILE_NAMES, ...PROFILE_NAMES].entries()) {
      const publicKey = parseSpki(keyNamed('fast', index % 2 === 0 ? 'p256' : 'ed25519').spki);
      const names = [
        { kind: 'dns', value: `n${index}.lab.example` } as const,
        { kind: 'ip', bytes: Uint8Array.of(10, 0, 0, index) } as const,
      ];
      const subject = writeName(index < 5 ? [] : [['CN', `n${index}`]]);
      const leaf = { serialNumber: newSerialNumber(systemRandom), notBefore: START, notAfter: END, subject, publicKey, names };
      const file = join(directory, `${index}.pem`);
      writeFileSync(file, toPem('CERTIFICATE', await signLeaf(leafWriter(root.certificate, 'p256', PROFILES[name].usage)(leaf), root.key)));
      files.push(file);
    }
    const env = { ...process.env, SSL_CERT_DIR: join(directory, 'none'), SSL_CERT_FILE: '/dev/null' };
    const argv = ['verify', '-x509_strict', '-attime', String(START + 5000), '-CAfile', join(directory, 'root.pem'), ...files];
    expect(execFileSync('openssl', argv, { encoding: 'utf8', env }).match(/: OK/g)).toHaveLength(files.length);
  });

  it('waits for a key that signs later', async () => {
    const later: SigningKey = { ...root.key, sign: async (data, encoding) => root.key.sign(data, encoding) };
    const leaf = { serialNumber: newSerialNumber(systemRandom), notBefore: START, notAfter: END, subject: writeName([]), names: [] };
    const tbs = leafWriter(root.certificate, 'p256', PROFILES.peer.usage)({ ...leaf, publicKey: parseSpki(root.key.spki) });
    expect(isSignedBy(parseCertificate(await signLeaf(tbs, later)), root.key.spki, verifySignature)).toBe(true);
  });
});

describe('the keyUsage of a leaf', () => {
  it.each([
    ['rsa', 'server', ['digitalSignature', 'keyEncipherment']],
    ['rsa', 'node', ['digitalSignature', 'keyEncipherment']],
    ['rsa', 'client', ['digitalSignature']],
    ['ec', 'server', ['digitalSignature']],
    ['ed25519', 'peer', ['digitalSignature']],
  ] as const)('of a key of kind %s under profile %s', (kind, profile, usages) => {
    expect(leafKeyUsage(PROFILES[profile].usage, kind)).toEqual(usages);
  });
});

describe('lint of a leaf', () => {
  it.each([
    ['lab.example', []],
    ['other.example', ['issuer-name-constraints']],
  ])('under an issuer for %s', (permitted, rules) => {
    const issuer = make({ name: 'constrained', ca: true, more: [nameConstraints([dnsName(permitted)])] });
    const leaf = make({
      name: 'leaf',
      issuer,
      without: [OID.subjectAltName, OID.basicConstraints],
      more: [basicConstraints(false), subjectAltName([{ kind: 'dns', value: 'a.lab.example' }], false)],
    });
    expect(lintCertificate(leaf.certificate, issuer.certificate).map(({ rule }) => rule)).toEqual(rules);
  });
});

describe('oidOf', () => {
  it.each([
    ['2.1152921504606846977.1', [0x90, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x51, 1]],
    ['2.999.18446744073709551615', [0x88, 0x37, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['1.39', [79]],
    ['2.0', [80]],
    ['0.39', [39]],
  ])('reads %s', (text, octets) => {
    expect(oidOf({ tag: TAG.oid, content: Uint8Array.from(octets), bytes: new Uint8Array(0) }, 'x')).toBe(text);
  });
});

describe('pooledRandom', () => {
  it('gives every byte once', () => {
    const [pooled, plain] = [pooledRandom(fakeRandom('pool')), fakeRandom('pool').bytes(4096)];
    expect([pooled.bytes(16), pooled.bytes(4000)]).toEqual([plain.slice(0, 16), plain.slice(16, 4016)]);
    expect(pooled.bytes(100)).toHaveLength(100);
    expect(pooled.bytes(10_000)).toHaveLength(10_000);
  });

  it('gives arrays that the caller may change', () => {
    const random = pooledRandom(fakeRandom('own'));
    const first = random.bytes(16);
    const copy = first.slice();
    random.bytes(16).fill(0);
    expect(first).toEqual(copy);
  });
});
