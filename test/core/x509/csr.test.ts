import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { concat, parsePem, toPem } from '../../../src/core/encoding.ts';
import { parseSpki } from '../../../src/core/x509/algorithms.ts';
import { assertCsrSignature, MAX_CSR_OCTETS, parseCsr } from '../../../src/core/x509/csr.ts';
import { writeCsr } from '../../../src/core/x509/csr-writer.ts';
import { contextTag } from '../../../src/core/x509/der.ts';
import { integer, octetString, oid, sequence, setOf, tlv, TRUE } from '../../../src/core/x509/der-writer.ts';
import { basicConstraints, extKeyUsage, keyUsage, subjectAltName, writeExtension } from '../../../src/core/x509/extension-writer.ts';
import { assertUsableKey, keyText } from '../../../src/core/x509/known-keys.ts';
import { parseNameText, writeName } from '../../../src/core/x509/name-text.ts';
import { OID, oidText } from '../../../src/core/x509/oids.ts';
import { PROFILES } from '../../../src/core/x509/profiles.ts';
import { compareRequest, requestedNames } from '../../../src/core/x509/sign-request.ts';
import { writeSigned } from '../../../src/core/x509/template.ts';
import { keyNamed } from './make.ts';

const key = keyNamed('csr');
const malformed = expect.objectContaining({ code: 'ERR_CSR_MALFORMED' }) as Error;
const NAMES = [
  { kind: 'dns', value: 'a.lab.example' },
  { kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 1) },
  { kind: 'uri', value: 'spiffe://lab.example/n1' },
  { kind: 'email', value: 'a@lab.example' },
] as const;

/** A request with these attributes, signed. */
async function withAttributes(...attributes: readonly Uint8Array[]): Promise<Uint8Array> {
  const info = sequence(integer(0), writeName([['CN', 'x']]), key.spki, tlv(contextTag(0), ...attributes));
  return writeSigned(info, 'p256', await key.sign(info, 'der'));
}

const extensionRequest = (...extensions: readonly Uint8Array[]) => sequence(oid(OID.extensionRequest), setOf(sequence(...extensions)));
const CHALLENGE = '1.2.840.113549.1.9.7';

describe('certification requests', () => {
  it.each(['p256', 'p384', 'ed25519'] as const)('of %s keys read back, and OpenSSL verifies them', async (type) => {
    const own = keyNamed('csr', type);
    const der = await writeCsr(own, { subject: parseNameText('CN=a,O=Lab', 'test'), names: NAMES });
    const csr = parseCsr(der);
    expect(csr).toMatchObject({ otherAttributes: [], extensions: { subjectAltName: NAMES } });
    expect([csr.subject.text, csr.spki]).toEqual(['CN=a,O=Lab', own.spki]);
    expect(() => assertCsrSignature(csr, verifySignature)).not.toThrow();
    const options = { input: toPem('CERTIFICATE REQUEST', der), encoding: 'utf8', stdio: 'pipe' } as const;
    expect(execFileSync('openssl', ['req', '-verify', '-noout', '-text'], options)).toContain('DNS:a.lab.example');
  });

  it('of OpenSSL are read, with a challenge that is not', async () => {
    const pem = execFileSync(
      'openssl',
      [
        'req',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        '/dev/null',
        '-subj',
        '/CN=o/C=AT',
        '-addext',
        'subjectAltName=DNS:o.example',
      ],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const csr = parseCsr(parsePem(pem)[0]?.der as Uint8Array);
    assertCsrSignature(csr, verifySignature);
    expect(csr.extensions.subjectAltName).toEqual([{ kind: 'dns', value: 'o.example' }]);
    const challenged = parseCsr(await withAttributes(sequence(oid(CHALLENGE), setOf(octetString(Uint8Array.of(1))))));
    expect(challenged.otherAttributes).toEqual([CHALLENGE]);
  });

  it('without attributes ask for nothing', async () => {
    const csr = parseCsr(await writeCsr(key, { subject: writeName([]), names: [] }));
    expect(csr.extensions.list).toEqual([]);
  });

  it('are refused when they are not well-formed', async () => {
    const info = sequence(integer(1), writeName([]), key.spki, tlv(contextTag(0)));
    expect(() => parseCsr(writeSigned(info, 'p256', new Uint8Array(70)))).toThrow(malformed);
    const twice = await withAttributes(
      extensionRequest(writeExtension(keyUsage(['digitalSignature']))),
      extensionRequest(writeExtension(basicConstraints(false))),
    );
    expect(() => parseCsr(twice)).toThrow(malformed);
    expect(() => parseCsr(new Uint8Array(MAX_CSR_OCTETS + 1))).toThrow(malformed);
    expect(() => parseCsr(concat(await0, Uint8Array.of(0)))).toThrow(malformed);
  });

  it('are refused with the signature of another key', async () => {
    const info = sequence(integer(0), writeName([]), key.spki, tlv(contextTag(0)));
    const der = writeSigned(info, 'p256', await keyNamed('other').sign(info, 'der'));
    expect(() => assertCsrSignature(parseCsr(der), verifySignature, 'x.csr')).toThrow(
      expect.objectContaining({ code: 'ERR_CSR_SIGNATURE' }) as Error,
    );
  });

  it('that were changed in one byte are refused, or do not verify', async () => {
    const der = await writeCsr(key, { subject: writeName([['CN', 'x']]), names: NAMES });
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (index, flip) => {
        const changed = der.slice();
        changed[index] = (changed[index] as number) ^ flip;
        const refused = expect.objectContaining({ code: expect.stringMatching(/^ERR_CSR_(?:MALFORMED|SIGNATURE)$/) as string }) as Error;
        expect(() => assertCsrSignature(parseCsr(changed), verifySignature)).toThrow(refused);
      }),
      { numRuns: 300 },
    );
  });

  it('of random bytes give coded errors only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => parseCsr(bytes)).toThrow(malformed);
      }),
      { numRuns: 300 },
    );
  });
});

const await0 = await withAttributes();

describe('what a request gets', () => {
  const granted = { profile: PROFILES.server, subject: 'CN=a', names: [NAMES[0]], source: 'operator' } as const;

  it('is decided by the profile and the operator, and shown', async () => {
    const csr = parseCsr(
      await withAttributes(
        extensionRequest(
          writeExtension(basicConstraints(true)),
          writeExtension(keyUsage(['keyCertSign', 'cRLSign'])),
          writeExtension(extKeyUsage([OID.codeSigning, '1.2.3'])),
          writeExtension(subjectAltName(NAMES, false)),
          writeExtension({ oid: '1.2.3.4', critical: true, value: TRUE }),
        ),
        sequence(oid(CHALLENGE), setOf(TRUE)),
      ),
    );
    const rows = compareRequest(csr, granted);
    expect(rows.map(({ item, asked, granted: got }) => [item, asked, got])).toEqual([
      ['subject', 'CN=x', 'CN=a'],
      ['subjectAltName', 'DNS:a.lab.example', 'DNS:a.lab.example'],
      ['subjectAltName', 'IP:10.0.0.1', undefined],
      ['subjectAltName', 'URI:spiffe://lab.example/n1', undefined],
      ['subjectAltName', 'email:a@lab.example', undefined],
      ['basicConstraints', 'CA:TRUE', 'CA:FALSE'],
      ['keyUsage', 'keyCertSign, cRLSign', 'digitalSignature'],
      ['extKeyUsage', 'codeSigning, 1.2.3', 'serverAuth'],
      ['extension', '1.2.3.4', undefined],
      ['attribute', CHALLENGE, undefined],
    ]);
    expect(rows.map(({ rule }) => rule)).toContain('profile server takes no uri name from a request');
    const fromRequest = compareRequest(csr, { ...granted, source: 'request' });
    expect(fromRequest[1]?.rule).toBe('names from the request');
    expect(fromRequest[2]?.rule).toBe('not in the certificate');
  });

  it('shows what is added, and what was not asked for', async () => {
    const csr = parseCsr(await writeCsr(key, { subject: writeName([]), names: [] }));
    const rows = compareRequest(csr, granted);
    expect(rows[0]).not.toHaveProperty('asked');
    expect(rows[1]).toEqual({ item: 'subjectAltName', granted: 'DNS:a.lab.example', rule: 'named by the operator' });
    const cluster = compareRequest(csr, { ...granted, profile: PROFILES.cluster });
    expect(cluster[1]?.rule).toBe('named by the operator or always in profile cluster');
    const constrained = parseCsr(await withAttributes(extensionRequest(writeExtension(basicConstraints(false)))));
    expect(compareRequest(constrained, granted)[2]).toMatchObject({ asked: 'CA:FALSE' });
  });

  it('takes those names that the profile lets through', async () => {
    const csr = parseCsr(await writeCsr(key, { subject: writeName([]), names: NAMES }));
    expect(requestedNames(csr, PROFILES.server)).toEqual([NAMES[0], NAMES[1]]);
    expect(requestedNames(csr, PROFILES.node)).toEqual([NAMES[2]]);
    const bad = parseCsr(await writeCsr(key, { subject: writeName([]), names: [{ kind: 'dns', value: 'a..b' }] }));
    expect(() => requestedNames(bad, PROFILES.server)).toThrow(expect.objectContaining({ code: 'ERR_CERTIFICATE_NAME' }) as Error);
    expect(requestedNames(parseCsr(await writeCsr(key, { subject: writeName([]), names: [] })), PROFILES.server)).toEqual([]);
    expect([oidText(OID.serverAuth), oidText('1.2.3')]).toEqual(['serverAuth', '1.2.3']);
  });
});

describe('keys that no certificate may hold', () => {
  const spkiOf = ({ publicKey }: KeyPairKeyObjectResult) => parseSpki(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })));

  it('are the published test keys', () => {
    // testECCP256 of RFC 9500.
    const spki = Buffer.from(
      'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQiVI+I+3gv+17KN0RFLHKh5Vj71vc75eSOkyMsxFxbFsTNEMTLjVuKFxOelIgsiZJXKZNCX0FBmrfpCkKklCcg==',
      'base64',
    );
    const known = expect.objectContaining({ code: 'ERR_KEY_KNOWN', message: expect.stringContaining('testECCP256') as string }) as Error;
    expect(() => assertUsableKey(parseSpki(new Uint8Array(spki)), 'x.csr')).toThrow(known);
  });

  it.each([
    ['RSA 1024', () => spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }))],
    ['EC 1.3.132.0.10', () => spkiOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))],
    ['algorithm 1.3.101.110', () => spkiOf(generateKeyPairSync('x25519'))],
  ])('are weak ones: %s', (text, spki) => {
    const weak = expect.objectContaining({ code: 'ERR_KEY_WEAK', message: expect.stringContaining(text) as string }) as Error;
    expect(() => assertUsableKey(spki(), 'x.csr')).toThrow(weak);
  });

  it('are not the others', () => {
    const pairs = [
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ed448'),
      generateKeyPairSync('ec', { namedCurve: 'P-521' }),
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
    ];
    for (const pair of pairs) expect(() => assertUsableKey(spkiOf(pair), 'x')).not.toThrow();
    expect([keyText({ kind: 'ed25519' }), keyText({ kind: 'ed448' }), keyText({ kind: 'ec', curve: '' })]).toEqual([
      'Ed25519',
      'Ed448',
      'EC with explicit parameters',
    ]);
    expect(keyText({ kind: 'ec', curve: OID.p384 })).toBe('EC P-384');
  });
});
