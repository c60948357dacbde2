import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pkcs12Writer } from '../../src/cli/certificate-world.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { certificateOf, readCertificateRecord } from '../../src/app/certificate-records.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { exportPkcs12 } from '../../src/app/export-certificate.ts';
import { type IssueCertificatesInput, issueCertificates } from '../../src/app/issue-certificates.ts';
import { leafChange, openLeafIssuer, shortenedWarning } from '../../src/app/leaf-issuer.ts';
import { renewCertificate, type RenewCertificateInput } from '../../src/app/renew-certificate.ts';
import { requestCertificate } from '../../src/app/request-certificate.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { planSigning, signCertificate, type SignCertificateInput } from '../../src/app/sign-certificate.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { instant, type Seconds } from '../../src/core/time.ts';
import { parseSpki } from '../../src/core/x509/algorithms.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { parseCsr } from '../../src/core/x509/csr.ts';
import { writeCsr } from '../../src/core/x509/csr-writer.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { PROFILES } from '../../src/core/x509/profiles.ts';
import { keyNamed } from '../core/x509/make.ts';
import { caRealm } from './ca-realm.ts';

const realm = caRealm();
const code = (name: string) => expect.objectContaining({ code: name }) as Error;
const dns = (value: string) => ({ kind: 'dns', value }) as const;
const path = (name: string) => join(realm.directory, name);
const day = 86400 as Seconds;

beforeAll(async () => {
  await createCa(realm, { name: 'root' });
  await createCa(realm, { name: 'issuing', parent: 'root', ttl: (30 * day) as Seconds });
});

const csr = parseCsr(
  await writeCsr(keyNamed('node'), { subject: writeName([['CN', 'evil']]), names: [dns('web.lab.example'), dns('b.lab.example')] }),
);
const signing: SignCertificateInput = {
  csr,
  what: 'web.csr',
  ca: 'issuing',
  profile: 'server',
  names: [dns('web.lab.example')],
  namesFromRequest: false,
  ttl: day,
  strict: false,
};

describe('signCertificate', () => {
  it('gives what the operator and the profile say, and records it in one commit', async () => {
    const before = await realm.store.auditSize();
    const { leaf, record, comparison, intermediates, warnings } = await signCertificate(realm, signing);
    const certificate = parseCertificate(leaf.der);
    expect(certificate.subject.text).toBe('CN=web.lab.example,O=lab');
    expect(certificate.extensions.subjectAltName).toEqual([dns('web.lab.example')]);
    expect(certificate.spki).toEqual(csr.spki);
    expect(certificate.notAfter - realm.clock.now()).toBe(day);
    expect(realm.clock.now() - certificate.notBefore).toBe(60);
    expect([comparison.length > 0, intermediates.length, warnings]).toEqual([true, 1, []]);
    expect(await readCertificateRecord(realm, certificate, 'x')).toEqual(record);
    expect(certificateOf(record).fingerprint).toBe(leaf.fingerprint);
    const [audit] = await realm.store.auditRecords(before, 10);
    expect(JSON.parse(Buffer.from(audit?.bytes as Uint8Array).toString())).toMatchObject({
      event: 'cert.issue',
      subject: record.serial,
      details: { ca: 'issuing', profile: 'server' },
    });
  });

  it('takes names of the request, and another subject, when told to', async () => {
    const { leaf } = await signCertificate(realm, { ...signing, names: [], namesFromRequest: true, subject: 'CN=Web,O=Lab' });
    const certificate = parseCertificate(leaf.der);
    expect([certificate.subject.text, certificate.extensions.subjectAltName?.length]).toEqual(['CN=Web,O=Lab', 2]);
  });

  it('shortens what would outlive the issuer, or refuses it', async () => {
    const { warnings, record } = await signCertificate(realm, { ...signing, ttl: (60 * day) as Seconds });
    expect(warnings).toEqual([expect.stringContaining('ends with its issuer issuing')]);
    expect(record.not_after).toBe(realm.clock.now() + 30 * day);
    await expect(signCertificate(realm, { ...signing, ttl: (60 * day) as Seconds, strict: true })).rejects.toThrow(
      code('ERR_CERTIFICATE_OUTLIVES'),
    );
    await expect(signCertificate(realm, { ...signing, notAfter: realm.clock.now() })).rejects.toThrow(code('ERR_USAGE'));
  });

  it('signs nothing for a dry run, nor outside a profile', async () => {
    const before = await realm.store.auditSize();
    expect(planSigning(realm, signing).names).toEqual([dns('web.lab.example')]);
    expect(() => planSigning(realm, { ...signing, profile: 'node' })).toThrow(code('ERR_CERTIFICATE_PROFILE'));
    await expect(signCertificate(realm, { ...signing, ca: 'nobody' })).rejects.toThrow(code('ERR_CA_NOT_FOUND'));
    expect(await realm.store.auditSize()).toBe(before);
  });
});

describe('openLeafIssuer', () => {
  const publicKey = parseSpki(keyNamed('leaf').spki);
  const order = {
    profile: PROFILES.node,
    names: [{ kind: 'uri', value: 'spiffe://lab.example.internal/n1' } as const],
    publicKey,
    what: 'key',
  };

  it.each(['each', 'first'] as const)('issues by the fast way after the first, with lint of %s', async (lint) => {
    const issuer = await openLeafIssuer(realm, 'issuing', { lint });
    const leaves = [
      await issuer.issue(order),
      await issuer.issue(order),
      await issuer.issue({ ...order, profile: PROFILES.peer, names: [dns('a')] }),
    ];
    const change = leafChange(realm, issuer, leaves);
    expect([change.records.length, change.writes.length, change.audit.length, change.checks.length]).toEqual([3, 3, 3, 4]);
    const [first, second] = leaves.map(({ der }) => parseCertificate(der)) as [Certificate, Certificate];
    expect(second.extensions).toEqual(first.extensions);
    expect(second.serialNumber).not.toBe(first.serialNumber);
    expect(shortenedWarning(issuer, leaves[0] as (typeof leaves)[0])).toBeUndefined();
  });

  it('lints each before the real key signs', async () => {
    const issuer = await openLeafIssuer(realm, 'issuing');
    await issuer.issue(order);
    const empty = {
      ...order,
      subject: Uint8Array.of(0x30, 0),
      profile: { ...PROFILES.node, usage: { keyUsage: [], extKeyUsage: PROFILES.node.usage.extKeyUsage } },
    };
    const strange = await openLeafIssuer(realm, 'issuing');
    await expect(strange.issue(empty)).rejects.toThrow(code('ERR_CERTIFICATE_LINT'));
  });
});

describe('requestCertificate', () => {
  it('writes key and request, never over a file', async () => {
    const input = {
      names: [dns('r.lab.example')],
      keyType: 'p256',
      keyFile: path('r.key'),
      csrFile: path('r.csr'),
      subject: 'CN=r',
    } as const;
    const world = { files: realm.files, keys: portableKeys };
    const made = await requestCertificate(world, { ...input, passphrase: new Secret('correct horse battery') });
    expect(readFileSync(path('r.csr'), 'utf8')).toBe(made.pem);
    expect(statSync(path('r.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(path('r.key'), 'utf8')).toContain('ENCRYPTED');
    const argv = ['pkey', '-in', path('r.key'), '-passin', 'pass:correct horse battery', '-pubout', '-outform', 'der'];
    expect(new Uint8Array(execFileSync('openssl', argv))).toEqual(made.csr.spki);
    await expect(requestCertificate(world, input)).rejects.toThrow(code('ERR_FILE_EXISTS'));
    const key = await portableKeys.open(readFileSync(path('r.key'), 'utf8'), 'r.key', () =>
      Promise.resolve(new Secret('correct horse battery')),
    );
    const again = await requestCertificate(world, { names: [], keyType: 'p256', keyFile: '', key });
    expect(again).toMatchObject({ csr: { spki: made.csr.spki, subject: { text: '' } } });
    expect(again).not.toHaveProperty('keyFile');
  });
});

describe('issueCertificates', () => {
  const hosts = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `h${index}`, names: [dns(`h${index}.lab.example`)] }));
  const batch = (directory: string, count: number, more: Partial<IssueCertificatesInput> = {}): IssueCertificatesInput => ({
    ca: 'issuing',
    profile: 'peer',
    hosts: hosts(count),
    keyType: 'p256',
    directory: path(directory),
    strict: false,
    ...more,
  });

  it('issues many, one commit a chunk', async () => {
    const steps: number[] = [];
    const before = await realm.store.auditSize();
    const result = await issueCertificates(realm, portableKeys, batch('many', 70, { ttl: day, subject: 'CN=x' }), (done) =>
      steps.push(done),
    );
    expect([result.issued.length, result.skipped, result.failure, steps]).toEqual([70, [], undefined, [64, 70]]);
    expect(await realm.store.auditSize()).toBe(before + 70);
    const { keyFile, certificateFile, record } = result.issued[69] as (typeof result.issued)[0];
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    expect(statSync(path('many')).mode & 0o777).toBe(0o700);
    const [block, above] = parsePem(readFileSync(certificateFile, 'utf8'));
    expect(parseCertificate(block?.der as Uint8Array).fingerprint).toBe(record.fingerprint);
    expect(parseCertificate(above?.der as Uint8Array).subject.text).toBe('CN=issuing,O=lab');
    const key = await portableKeys.open(readFileSync(keyFile, 'utf8'), 'key', () => Promise.reject(new Error('not asked')));
    expect(key.spki).toEqual(parseCertificate(block?.der as Uint8Array).spki);
  });

  it('refuses all when one cannot be', async () => {
    const wrong = [...hosts(2), { name: 'bad', names: [{ kind: 'email', value: 'a@b.c' } as const] }];
    await expect(issueCertificates(realm, portableKeys, batch('none', 0, { hosts: wrong }))).rejects.toThrow(
      code('ERR_CERTIFICATE_PROFILE'),
    );
    expect(existsSync(path('none'))).toBe(false);
    mkdirSync(path('there'));
    writeFileSync(path('there/h1.crt'), '');
    await expect(issueCertificates(realm, portableKeys, batch('there', 2))).rejects.toThrow(code('ERR_FILE_EXISTS'));
    expect(existsSync(path('there/h0.key'))).toBe(false);
  });

  it('goes on where it stopped, and says what is missing', async () => {
    const result = await issueCertificates(realm, portableKeys, batch('there', 2, { resume: true, ttl: (60 * day) as Seconds }));
    expect(result).toMatchObject({ skipped: ['h1'], issued: [{ name: 'h0' }], warnings: [expect.stringContaining('never outlives')] });
    let made = 0;
    const failing = {
      ...portableKeys,
      generate: (type: 'p256') => {
        if (made++ === 64) throw new JoineryError('ERR_FILE_DISK_FULL', 'disk: expected space, found none');
        return portableKeys.generate(type);
      },
    };
    const broken = await issueCertificates(realm, failing as typeof portableKeys, batch('broken', 66));
    expect(broken.issued).toHaveLength(64);
    expect(broken.failure).toMatchObject({ name: 'h64', missing: ['h64', 'h65'], error: { code: 'ERR_FILE_DISK_FULL' } });
    const bug = {
      ...portableKeys,
      generate: () => {
        throw new TypeError('bug');
      },
    };
    await expect(issueCertificates(realm, bug, batch('bug', 1))).rejects.toThrow(TypeError);
  });

  it('gives keys that a crash left alone their certificates', async () => {
    const passphrase = new Secret('correct horse battery');
    const input = batch('crash', 3, { passphrase });
    const before = await issueCertificates(realm, portableKeys, { ...input, hosts: input.hosts.slice(0, 2) });
    const [first, second] = before.issued as [(typeof before.issued)[0], (typeof before.issued)[0]];
    rmSync(first.certificateFile);
    rmSync(second.certificateFile);
    // h2: the crash came between its key and the commit.
    const lost = portableKeys.generate('p256');
    writeFileSync(path('crash/h2.key'), await lost.toPem(passphrase));
    await expect(issueCertificates(realm, portableKeys, input)).rejects.toThrow(code('ERR_FILE_EXISTS'));
    await expect(issueCertificates(realm, portableKeys, { ...input, resume: true, passphrase: undefined })).rejects.toThrow(
      code('ERR_KEY_PASSPHRASE'),
    );
    const size = await realm.store.auditSize();
    const result = await issueCertificates(realm, portableKeys, { ...input, resume: true });
    expect(result).toMatchObject({ skipped: [], issued: [{ name: 'h0' }, { name: 'h1' }, { name: 'h2' }] });
    expect(result.issued.slice(0, 2).map(({ record }) => record)).toEqual([first.record, second.record]);
    expect(await realm.store.auditSize()).toBe(size + 1);
    const [leaf, above] = parsePem(readFileSync(path('crash/h2.crt'), 'utf8'));
    expect(parseCertificate(leaf?.der as Uint8Array).spki).toEqual(lost.spki);
    expect(above).toBeDefined();
  });

  it('takes no key whose certificate is another one or was revoked', async () => {
    const { issued } = await issueCertificates(realm, portableKeys, batch('other', 1));
    const { certificateFile, record } = issued[0] as (typeof issued)[0];
    rmSync(certificateFile);
    const again = { resume: true, hosts: [{ name: 'h0', names: [dns('changed.lab.example')] }] };
    await expect(issueCertificates(realm, portableKeys, batch('other', 1, again))).rejects.toThrow(code('ERR_FILE_EXISTS'));
    await revokeCertificate(realm, { serial: record.serial, reason: 'keyCompromise' });
    await expect(issueCertificates(realm, portableKeys, batch('other', 1, { resume: true }))).rejects.toThrow(code('ERR_FILE_EXISTS'));
  });
});

describe('renewCertificate', () => {
  const renewal = (certificate: Certificate, name: string, more: Partial<RenewCertificateInput> = {}): RenewCertificateInput => ({
    certificate,
    what: 'old.crt',
    keyType: 'p256',
    keyFile: path(`${name}.key`),
    certificateFile: path(`${name}.crt`),
    strict: false,
    ...more,
  });

  it('keeps everything but key and time', async () => {
    const old = parseCertificate((await signCertificate(realm, signing)).leaf.der);
    const { record, previous, keyFile, warnings, leaf } = await renewCertificate(realm, portableKeys, renewal(old, 'renewed'));
    const fresh = parseCertificate(leaf.der);
    expect(fresh.subject.der).toEqual(old.subject.der);
    expect(fresh.extensions.subjectAltName).toEqual(old.extensions.subjectAltName);
    expect([fresh.notAfter - fresh.notBefore, warnings]).toEqual([old.notAfter - old.notBefore, []]);
    expect(fresh.pin).not.toBe(old.pin);
    expect([record.renews, previous.serial, keyFile]).toEqual([old.serialNumber, old.serialNumber, path('renewed.key')]);
    const other = parseCsr(await writeCsr(keyNamed('renewal'), { subject: writeName([['CN', 'evil']]), names: [dns('evil.example')] }));
    const byCsr = await renewCertificate(
      realm,
      portableKeys,
      renewal(old, 'by-csr', { csr: other, keyFile: undefined, ttl: (60 * day) as Seconds }),
    );
    expect(byCsr.record).toMatchObject({ subject: record.subject, sans: record.sans, spki_pin: other.pin });
    expect(byCsr.warnings).toHaveLength(1);
    await expect(renewCertificate(realm, portableKeys, renewal(old, 'renewed'))).rejects.toThrow(code('ERR_FILE_EXISTS'));
  });

  it('works for certificates without names, and refuses others', async () => {
    const issuer = await openLeafIssuer(realm, 'issuing');
    const publicKey = parseSpki(keyNamed('leaf').spki);
    const leaf = await issuer.issue({ profile: { ...PROFILES.client, always: [dns('c')] }, names: [], publicKey, what: 'key', ttl: day });
    const change = leafChange(realm, issuer, [leaf]);
    await realm.store.commit(change);
    const old = parseCertificate(leaf.der);
    await revokeCertificate(realm, { serial: leaf.serial });
    await expect(renewCertificate(realm, portableKeys, renewal(old, 'x'))).rejects.toThrow(code('ERR_CERTIFICATE_REVOKED'));
    const root = parseCertificate(parsePem(readFileSync(path('ca/root.crt'), 'utf8'))[0]?.der as Uint8Array);
    await expect(renewCertificate(realm, portableKeys, renewal(root, 'x'))).rejects.toThrow(code('ERR_CERTIFICATE_NOT_FOUND'));
    const short = parseCertificate((await signCertificate(realm, { ...signing, ttl: 60 as Seconds })).leaf.der);
    const later = { ...realm, clock: { now: () => instant(realm.clock.now() + 61) } };
    await expect(renewCertificate(later, portableKeys, renewal(short, 'x'))).rejects.toThrow(code('ERR_CERTIFICATE_EXPIRED'));
  });
});

describe('exportPkcs12', () => {
  it.each(['p256', 'ed25519', 'rsa3072'] as const)('writes what OpenSSL reads: %s', async (type) => {
    const password = new Secret('Passwort mit Umlaut: ü');
    const key = portableKeys.generate(type);
    const issuer = await openLeafIssuer(realm, 'issuing');
    const leaf = await issuer.issue({
      profile: PROFILES.server,
      names: [dns('p.lab.example')],
      publicKey: parseSpki(key.spki),
      what: 'key',
      ttl: day,
    });
    const certificates = [parseCertificate(leaf.der), parseCertificate(issuer.intermediates[0] as Uint8Array)] as const;
    const file = path(`${type}.p12`);
    writeFileSync(file, await exportPkcs12(pkcs12Writer, { certificates, key, friendlyName: 'web', password }));
    writeFileSync(path('password'), `${password.reveal()}\n`);
    const text = execFileSync('openssl', ['pkcs12', '-in', file, '-passin', `file:${path('password')}`, '-nodes'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(text).toContain('friendlyName: web');
    expect(parsePem(text).map(({ label }) => label)).toEqual(['CERTIFICATE', 'CERTIFICATE', 'PRIVATE KEY']);
    const other = portableKeys.generate('p256');
    await expect(exportPkcs12(pkcs12Writer, { certificates, key: other, friendlyName: 'web', password })).rejects.toThrow(
      code('ERR_CERTIFICATE_KEY'),
    );
  });

  it('writes a trust store', async () => {
    const root = parseCertificate(parsePem(readFileSync(path('ca/root.crt'), 'utf8'))[0]?.der as Uint8Array);
    const password = new Secret('changeit-please');
    for (const certificates of [[root], [root, root]] as [Certificate, ...Certificate[]][]) {
      const bytes = await exportPkcs12(pkcs12Writer, { certificates, friendlyName: 'lab', password });
      const text = execFileSync('openssl', ['pkcs12', '-passin', 'pass:changeit-please', '-nokeys'], {
        input: bytes,
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      expect(parsePem(text)).toHaveLength(certificates.length);
      expect(text).toContain('2.16.840.1.113894.746875.1.1');
    }
  });
});
