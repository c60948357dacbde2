import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { crossSignCa } from '../../src/app/cross-sign-ca.ts';
import { issueCertificates } from '../../src/app/issue-certificates.ts';
import { issueCrl } from '../../src/app/issue-crl.ts';
import { revocationPrefix, revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { toPem } from '../../src/core/encoding.ts';
import { instant, type Seconds } from '../../src/core/time.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import { REVOCATION_REASON_NAMES } from '../../src/core/x509/crl-writer.ts';
import { type CaRealm, caRealm } from './ca-realm.ts';

const refusal = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;

async function hierarchy() {
  const realm = caRealm();
  const root = await createCa(realm, { name: 'root' });
  const issuing = await createCa(realm, { name: 'issuing', parent: 'root' });
  return { realm, root, issuing };
}

function order(realm: CaRealm, name: string): Parameters<typeof issueCertificates>[2] {
  const hosts = [{ name, names: [{ kind: 'dns', value: `${name}.example` }] }] as const;
  return { ca: 'issuing', profile: 'server', hosts, keyType: 'p256', directory: realm.directory, strict: false };
}

async function leaf(realm: CaRealm, name = 'web'): Promise<string> {
  const { issued } = await issueCertificates(realm, portableKeys, order(realm, name));
  return issued[0]?.record.serial as string;
}

describe('revokeCertificate', () => {
  it('changes the record, the next list and the audit log in one commit', async () => {
    const { realm } = await hierarchy();
    const serial = await leaf(realm);
    const colons = serial.toUpperCase().match(/../g)?.join(':') as string;
    const result = await revokeCertificate(realm, { serial: colons, reason: 'keyCompromise' });
    expect(result).toEqual({ serial, issuer: 'issuing', at: realm.clock.now(), reason: 'keyCompromise', already: false });
    expect(realm.store.dump()[`cert/${serial}`]).toMatchObject({ revoked: { at: realm.clock.now(), reason: 'keyCompromise' } });
    expect(realm.store.dump()[`${revocationPrefix('issuing')}${serial}`]).toMatchObject({ serial, reason: 'keyCompromise' });
    const last = JSON.parse(Buffer.from(realm.store.audit.at(-1)?.bytes as Uint8Array).toString()) as object;
    expect(last).toMatchObject({ event: 'cert.revoke', subject: serial, details: { issuer: 'issuing', reason: 'keyCompromise' } });

    realm.clock.advance(60);
    const audit = realm.store.audit.length;
    expect(await revokeCertificate(realm, { serial, reason: 'superseded' })).toEqual({ ...result, already: true });
    expect(realm.store.audit).toHaveLength(audit);
  });

  it('reaches authorities under a parent, which then issue nothing, and cross-certificates', async () => {
    const { realm, issuing } = await hierarchy();
    await createCa(realm, { name: 'other' });
    const cross = await crossSignCa(realm, { name: 'root', by: 'other' });
    expect(await revokeCertificate(realm, { serial: issuing.certificate.serialNumber, reason: 'cACompromise' })).toMatchObject({
      issuer: 'root',
    });
    expect(await revokeCertificate(realm, { serial: cross.certificate.serialNumber })).toMatchObject({
      issuer: 'other',
      reason: 'unspecified',
    });
    expect((await revokeCertificate(realm, { serial: cross.certificate.serialNumber })).already).toBe(true);
    await expect(leaf(realm)).rejects.toThrow(refusal('ERR_CA_REVOKED', 'issuing'));
    await expect(crossSignCa(realm, { name: 'issuing', by: 'other' })).rejects.toThrow(refusal('ERR_CA_REVOKED', 'NAME'));
    // What it issued before can still be revoked.
    await expect(issueCrl(realm, { name: 'issuing' })).resolves.toMatchObject({ entries: 0 });
  });

  it('stops authorities below a revoked one too, and ends where a damaged store names a circle', async () => {
    const { realm } = await hierarchy();
    const middle = await createCa(realm, { name: 'middle', parent: 'root', pathLen: 1 });
    await createCa(realm, { name: 'low', parent: 'middle' });
    await revokeCertificate(realm, { serial: middle.certificate.serialNumber });
    await expect(issueCertificates(realm, portableKeys, { ...order(realm, 'x'), ca: 'low' })).rejects.toThrow(
      refusal('ERR_CA_REVOKED', 'middle'),
    );
    const record = { ...(realm.store.dump()['ca/root'] as object), parent: 'issuing' };
    await realm.store.commit({ checks: [], writes: [{ key: 'ca/root', value: record as never }], audit: [] });
    await expect(leaf(realm)).resolves.toMatch(/^[0-9a-f]+$/);
  });

  it.each(['', 'xyz', '123', 'a'.repeat(42)])('refuses %j as a serial number', async (serial) => {
    await expect(revokeCertificate(caRealm(), { serial })).rejects.toThrow(refusal('ERR_INPUT_MALFORMED', 'SERIAL'));
  });

  it('never matches a part, and never a root', async () => {
    const { realm, root } = await hierarchy();
    const serial = await leaf(realm);
    await expect(revokeCertificate(realm, { serial: serial.slice(0, 30) })).rejects.toThrow(refusal('ERR_CERTIFICATE_NOT_FOUND'));
    await expect(revokeCertificate(realm, { serial: root.certificate.serialNumber })).rejects.toThrow(refusal('ERR_CA_CONSTRAINT', 'root'));
  });

  it('writes nothing when the record changes meanwhile', async () => {
    const { realm } = await hierarchy();
    const serial = await leaf(realm);
    realm.store.beforeCommit = () => {
      realm.store.beforeCommit = undefined;
      return revokeCertificate(realm, { serial }).then(() => undefined);
    };
    await expect(revokeCertificate(realm, { serial, reason: 'superseded' })).rejects.toThrow(refusal('ERR_STORE_CONFLICT'));
  });
});

it('refuses a damaged revocation record by its name', async () => {
  const { realm } = await hierarchy();
  await realm.store.commit({ checks: [], writes: [{ key: `${revocationPrefix('root')}00`, value: { serial: 'x' } }], audit: [] });
  await expect(issueCrl(realm, { name: 'root' })).rejects.toThrow(refusal('ERR_REALM_MALFORMED', 'revocation/root/00'));
});

describe('issueCrl', () => {
  it('lists leaves and authorities, numbers the lists, and OpenSSL verifies them', async () => {
    const { realm, root } = await hierarchy();
    const serials = [await leaf(realm, 'a'), await leaf(realm, 'b'), await leaf(realm, 'c')];
    for (const [index, serial] of serials.entries()) await revokeCertificate(realm, { serial, reason: REVOCATION_REASON_NAMES[index] });
    const first = await issueCrl(realm, { name: 'issuing' });
    expect(first).toMatchObject({
      name: 'issuing',
      number: 1,
      entries: 3,
      file: 'ca/issuing.crl',
      nextUpdate: realm.clock.now() + 7 * 86400,
    });
    expect(new Uint8Array(readFileSync(`${realm.directory}/ca/issuing.crl`))).toEqual(first.der);
    expect([...parseRevocationList(first.der).revoked.keys()]).toEqual(serials.toSorted());

    realm.clock.advance(3600);
    const second = await issueCrl(realm, { name: 'issuing', ttl: 3600 as Seconds });
    expect(second).toMatchObject({ number: 2, nextUpdate: realm.clock.now() + 3600 });
    expect(realm.store.dump()['crl/issuing']).toMatchObject({ number: 2, entries: 3 });

    const [crl, leafFile, ca] = ['all.pem', 'a.crt', 'ca/root.crt'].map((name) => `${realm.directory}/${name}`) as [string, string, string];
    const parent = await issueCrl(realm, { name: 'root' });
    writeFileSync(crl, [second.der, parent.der].map((der) => toPem('X509 CRL', der)).join(''));
    const at = ['-attime', String(realm.clock.now())];
    const openssl = (...args: string[]) => spawnSync('openssl', args, { encoding: 'utf8' });
    const verified = openssl(
      'verify',
      ...at,
      '-crl_check_all',
      '-CRLfile',
      crl,
      '-CAfile',
      ca,
      '-untrusted',
      `${realm.directory}/ca/issuing.crt`,
      leafFile,
    );
    expect(verified.stdout + verified.stderr).toContain('certificate revoked');
    const text = openssl(
      'crl',
      '-in',
      `${realm.directory}/ca/issuing.crl`,
      '-inform',
      'DER',
      '-noout',
      '-text',
      '-verify',
      '-CAfile',
      `${realm.directory}/ca/issuing.crt`,
    );
    expect(text.stderr).toContain('verify OK');
    expect(text.stdout).toMatch(/X509v3 CRL Number: *\n *2/);
    expect(text.stdout.match(/CRL Reason Code/g)).toHaveLength(2);
    expect(parent.entries).toBe(0);
    expect(root.certificate.selfIssued).toBe(true);
  });

  it('keeps an entry until one list was issued beyond the end of its certificate (RFC 5280 section 3.3)', async () => {
    const { realm } = await hierarchy();
    const serial = await leaf(realm);
    await revokeCertificate(realm, { serial });
    realm.clock.advance(91 * 86400);
    expect((await issueCrl(realm, { name: 'issuing' })).entries).toBe(1);
    realm.clock.advance(60);
    expect((await issueCrl(realm, { name: 'issuing' })).entries).toBe(0);
  });

  it('refuses a clock behind the last list, an authority that has ended, one without cRLSign, and one without key', async () => {
    const { realm, root } = await hierarchy();
    await issueCrl(realm, { name: 'root' });
    const before = realm.clock.now();
    realm.clock.set(instant(before - 10));
    await expect(issueCrl(realm, { name: 'root' })).rejects.toThrow(refusal('ERR_CLOCK_BEHIND', 'root'));
    realm.clock.set(instant(root.certificate.notAfter + 1));
    await expect(issueCrl(realm, { name: 'root' })).rejects.toThrow(refusal('ERR_CA_EXPIRED', 'root'));
    realm.clock.set(before);
    const spawn = spawnSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-keyout',
        '/dev/null',
        '-subj',
        '/CN=x',
        '-days',
        '3000',
        '-addext',
        'keyUsage=critical,keyCertSign',
      ],
      { encoding: 'utf8' },
    );
    const record = { name: 'bare', certificate_pem: spawn.stdout, created_at: 0 };
    await realm.store.commit({ checks: [], writes: [{ key: 'ca/bare', value: record }], audit: [] });
    realm.clock.set(instant(parseCertificate(Buffer.from(spawn.stdout.split('-----')[2] as string, 'base64')).notBefore + 1));
    await expect(issueCrl(realm, { name: 'bare' })).rejects.toThrow(refusal('ERR_CA_CONSTRAINT', 'cRLSign'));
    const { key: _, ...keyless } = realm.store.dump()['ca/root'] as Record<string, never>;
    await realm.store.commit({ checks: [], writes: [{ key: 'ca/root', value: keyless }], audit: [] });
    realm.clock.set(instant(before));
    await expect(issueCrl(realm, { name: 'root' })).rejects.toThrow(refusal('ERR_KEY_NOT_FOUND', 'root'));
  });

  it('leaves no number used and no file behind when another list came first', async () => {
    const { realm } = await hierarchy();
    realm.store.beforeCommit = () => {
      realm.store.beforeCommit = undefined;
      return realm.store
        .commit({ checks: [], writes: [{ key: 'crl/root', value: { number: 7, this_update: 0, next_update: 0, entries: 0 } }], audit: [] })
        .then(() => undefined);
    };
    await expect(issueCrl(realm, { name: 'root' })).rejects.toThrow(refusal('ERR_STORE_CONFLICT'));
    expect(existsSync(`${realm.directory}/ca/root.crl`)).toBe(false);
    expect((await issueCrl(realm, { name: 'root' })).number).toBe(8);
  });
});
