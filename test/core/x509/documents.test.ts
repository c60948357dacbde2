import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, toPem, utf8 } from '../../../src/core/encoding.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import { readDocuments } from '../../../src/core/x509/documents.ts';
import { fingerprintsOf, k3sHash } from '../../../src/core/x509/fingerprints.ts';
import { parseHosts } from '../../../src/core/x509/hosts.ts';
import { integer, octetString, oid, sequence, tagged } from '../../../src/core/x509/der-writer.ts';
import { PKCS12_OID, readPkcs12Outline } from '../../../src/core/x509/pkcs12-outline.ts';
import { writeCsr } from '../../../src/core/x509/csr-writer.ts';
import { writeName } from '../../../src/core/x509/name-text.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { keyNamed, make } from './make.ts';

const root = make({ name: 'doc root', ca: true });
const middle = make({ name: 'doc middle', ca: true, issuer: root });
const leaf = make({ name: 'doc leaf', issuer: middle });
const directory = mkdtempSync(join(tmpdir(), 'joinery-documents-'));
const openssl = (...argv: string[]) => execFileSync('openssl', argv, { cwd: directory, stdio: 'pipe' });
const csr = await writeCsr(keyNamed('doc'), { subject: writeName([['CN', 'd']]), names: [] });
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const der = (bytes: Buffer) => new Uint8Array(bytes);
const pkcs8 = der(privateKey.export({ type: 'pkcs8', format: 'der' }));
const encrypted = der(privateKey.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' }));
const spki = der(publicKey.export({ type: 'spki', format: 'der' }));

openssl(
  'req',
  '-x509',
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  'k.pem',
  '-out',
  'c.pem',
  '-subj',
  '/CN=ca',
  '-days',
  '30',
);
openssl('pkcs12', '-export', '-inkey', 'k.pem', '-in', 'c.pem', '-out', 'e.p12', '-passout', 'pass:x');
openssl(
  'pkcs12',
  '-export',
  '-inkey',
  'k.pem',
  '-in',
  'c.pem',
  '-out',
  'n.p12',
  '-passout',
  'pass:x',
  '-nomac',
  '-keypbe',
  'NONE',
  '-certpbe',
  'NONE',
);
const file = (name: string) => new Uint8Array(readFileSync(join(directory, name)));

const malformed = expect.objectContaining({ code: 'ERR_INPUT_MALFORMED' }) as Error;
const kinds = (bytes: Uint8Array) => readDocuments(bytes, 'test').map(({ kind }) => kind);

/** Family of the coded error that `work` throws; anything else is thrown on. */
function familyOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isJoineryError(error)) return error.family;
    throw error;
  }
  return 'malformed';
}

describe('readDocuments', () => {
  it.each([
    ['certificate', leaf.certificate.der, 'CERTIFICATE'],
    ['certificate', leaf.certificate.der, 'X509 CERTIFICATE'],
    ['request', csr, 'CERTIFICATE REQUEST'],
    ['request', csr, 'NEW CERTIFICATE REQUEST'],
    ['public-key', spki, 'PUBLIC KEY'],
    ['private-key', pkcs8, 'PRIVATE KEY'],
    ['private-key', pkcs8, 'EC PRIVATE KEY'],
    ['private-key', pkcs8, 'RSA PRIVATE KEY'],
    ['private-key', encrypted, 'ENCRYPTED PRIVATE KEY'],
  ] as const)('tells a %s in DER and in PEM (%#)', (kind, bytes, label) => {
    expect(kinds(bytes)).toEqual([kind]);
    expect(kinds(utf8(`text before\n${toPem(label, bytes)}`))).toEqual([kind]);
  });

  it('tells revocation lists, and PKCS #12', () => {
    const list = crlOf();
    expect(kinds(list)).toEqual(['revocation-list']);
    expect(kinds(utf8(toPem('X509 CRL', list)))).toEqual(['revocation-list']);
    expect(kinds(file('e.p12'))).toEqual(['pkcs12']);
  });

  it('gives all blocks of a file', () => {
    const text = toPem('CERTIFICATE', leaf.certificate.der) + toPem('CERTIFICATE', middle.certificate.der) + toPem('PRIVATE KEY', pkcs8);
    expect(kinds(utf8(text))).toEqual(['certificate', 'certificate', 'private-key']);
    expect(readDocuments(encrypted, 'test')).toEqual([{ kind: 'private-key', encrypted: true }]);
  });

  it.each([
    ['text', utf8('hello')],
    ['nothing', new Uint8Array(0)],
    ['bytes that are no text', Uint8Array.of(0xff, 0xfe)],
    ['another PEM block', utf8(toPem('PKCS7', Uint8Array.of(0x30, 0)))],
  ])('refuses %s', (_what, bytes) => expect(() => readDocuments(bytes, 'test')).toThrow(malformed));

  it('gives coded errors for whatever begins like DER', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const bytes0 = concat(Uint8Array.of(0x30, bytes.length), bytes);
        expect(familyOf(() => readDocuments(bytes0, 'test'))).toBe('malformed');
      }),
      { numRuns: 300 },
    );
  });
});

function crlOf(): Uint8Array {
  openssl('ca', '-gencrl', '-batch', '-config', writeCaConfig(), '-out', 'l.pem');
  return Buffer.from(readFileSync(join(directory, 'l.pem'), 'utf8').replace(/-----[^\n]*\n/g, ''), 'base64');
}

function writeCaConfig(): string {
  execFileSync(
    'sh',
    [
      '-c',
      'touch index.txt && printf 01 > crlnumber && printf "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=crlnumber\ncertificate=c.pem\nprivate_key=k.pem\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=x\n[x]\nauthorityKeyIdentifier=keyid\n" > ca.cnf',
    ],
    { cwd: directory },
  );
  return 'ca.cnf';
}

describe('the outline of PKCS #12', () => {
  it('of OpenSSL', () => {
    expect(readPkcs12Outline(file('e.p12'), 'test')).toMatchObject({
      version: 3,
      macAlgorithm: '2.16.840.1.101.3.4.2.1',
      macIterations: 2048,
      bags: [PKCS12_OID.shroudedKeyBag],
      encryptedParts: 1,
    });
    expect(readPkcs12Outline(file('n.p12'), 'test')).toMatchObject({
      macAlgorithm: undefined,
      bags: [PKCS12_OID.certBag, PKCS12_OID.keyBag],
      encryptedParts: 0,
    });
  });

  it('takes one iteration where none is written, and an encrypted whole', () => {
    const mac = sequence(sequence(sequence(oid('1.2.3')), octetString(new Uint8Array(1))), octetString(new Uint8Array(1)));
    const outer = sequence(oid(PKCS12_OID.encryptedData), tagged(0, octetString(new Uint8Array(1))));
    expect(readPkcs12Outline(sequence(integer(3), outer, mac), 'test')).toEqual({
      version: 3,
      macAlgorithm: '1.2.3',
      macIterations: 1,
      bags: [],
      encryptedParts: 1,
    });
  });
});

describe('fingerprints', () => {
  it('are those of OpenSSL and OpenSSH', () => {
    const { sha256, spki_pin, ssh_like } = fingerprintsOf(leaf.certificate);
    const options = { input: leaf.certificate.der, encoding: 'utf8' } as const;
    const text = execFileSync('openssl', ['x509', '-inform', 'der', '-noout', '-fingerprint', '-sha256'], options);
    expect(text.split('=')[1]?.trim().replaceAll(':', '').toLowerCase()).toBe(sha256);
    expect(spki_pin).toBe(leaf.certificate.pin);
    expect(ssh_like).toBe(`SHA256:${Buffer.from(spki_pin.slice(7), 'hex').toString('base64').replace(/=+$/, '')}`);
  });

  it('for K3s are of the file, or of the root that the first chains to', () => {
    const bytes = utf8(toPem('CERTIFICATE', root.certificate.der));
    expect(k3sHash(bytes, [root.certificate], 'test')).toBe(digestOf(bytes));
    const chain = [leaf.certificate, root.certificate, middle.certificate];
    expect(k3sHash(bytes, chain, 'test')).toBe(root.certificate.fingerprint);
    expect(() => k3sHash(bytes, [leaf.certificate, middle.certificate], 'test')).toThrow(malformed);
    expect(() => k3sHash(bytes, [], 'test')).toThrow(malformed);
  });
});

describe('lists of hosts', () => {
  const refusal = (text: string, format: 'csv' | 'jsonl' = 'csv'): { issues: { path: string; message: string }[]; message: string } => {
    try {
      parseHosts(text, format, 'hosts');
    } catch (error) {
      if (isJoineryError(error, 'ERR_CERTIFICATE_HOSTS'))
        return { ...(error.details as { issues: { path: string; message: string }[] }), message: error.message };
      throw error;
    }
    throw new Error('expected a refusal');
  };

  it('are read from CSV', () => {
    const text = '# comment\nname,dns,ip\r\n\r\na,a.lab.example b.lab.example,10.0.0.1\nb , b.lab.example,\n';
    expect(parseHosts(text, 'csv', 'hosts')).toEqual([
      {
        name: 'a',
        names: [
          { kind: 'dns', value: 'a.lab.example' },
          { kind: 'dns', value: 'b.lab.example' },
          { kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 1) },
        ],
      },
      { name: 'b', names: [{ kind: 'dns', value: 'b.lab.example' }] },
    ]);
  });

  it('are read from JSON lines', () => {
    const text = '{"name":"a","uri":["spiffe://lab.example/a"],"email":["a@lab.example"]}\n{"name":"b","dns":["b"],"ip":["::1"]}\n';
    expect(parseHosts(text, 'jsonl', 'hosts').map(({ name, names }) => [name, names.length])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('tell every wrong line at once', () => {
    const { issues, message } = refusal('name,dns\na,a..b\n../b,b\nc\n"d",d\na,a\n');
    expect(issues.map(({ path }) => path)).toEqual(['line 4', 'line 5', 'line 2', 'line 3', 'line 6']);
    expect(message).toContain('(and 4 more)');
    expect(refusal('{"name":1}\nx\n{"name":"a","other":1}', 'jsonl').issues).toHaveLength(3);
  });

  it.each([
    ['', 'line 1: expected a header'],
    ['name', 'expected at least one host'],
    ['dns\na', 'expected a header'],
    ['name,name\na,b', 'expected a header'],
    ['name,color\na,b', 'expected a header'],
  ])('refuse %j', (text, message) => expect(refusal(text).message).toContain(message));

  it('are bounded', () => {
    const text = `name\n${Array.from({ length: 100_001 }, (_, index) => `h${index}`).join('\n')}`;
    expect(refusal(text).message).toContain('expected at most 100000 hosts');
  });
});
