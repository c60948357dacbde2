import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { importCa, type ImportCaInput } from '../../src/app/import-ca.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { Secret } from '../../src/core/secret.ts';
import { instant } from '../../src/core/time.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { caRealm } from './ca-realm.ts';

const refusal = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;
const directory = mkdtempSync(join(tmpdir(), 'joinery-import-'));
const file = (name: string) => join(directory, name);

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** Makes `<name>.key` and `<name>.crt` by OpenSSL. */
function outside(name: string, ...options: string[]): { certificates: Certificate[]; keyPem: string } {
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-subj',
    `/CN=${name}`,
    '-days',
    '30',
    ...options,
  );
  return { certificates: read(name), keyPem: readFileSync(file(`${name}.key`), 'utf8') };
}

function read(name: string): Certificate[] {
  return parsePem(readFileSync(file(`${name}.crt`), 'utf8')).map(({ der }) => parseCertificate(der));
}

const input = (change: Partial<ImportCaInput>): ImportCaInput => ({
  name: 'ext',
  certificates: [],
  keyName: 'ext.key',
  keyPassphrase: () => Promise.resolve(new Secret('outside')),
  ...change,
});
const realmNow = () => ({ ...caRealm(), clock: systemClock });

describe('importCa', () => {
  it('takes a root with its encrypted key, which then signs', async () => {
    const realm = realmNow();
    const root = outside('root', '-passout', 'pass:outside', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
    const { record, warnings } = await importCa(realm, input(root));
    expect(record).toMatchObject({ name: 'ext', key: { custody: 'offline', type: 'p256' } });
    expect(record).not.toHaveProperty('parent');
    expect(warnings).toEqual([]);
    expect(readFileSync(join(realm.directory, 'ca/ext.crt'), 'utf8')).toBe(record.certificate_pem);
    const { certificate } = await createCa(realm, { name: 'below', parent: 'ext' });
    expect(certificate.issuer.text).toBe('CN=root');
    const event = JSON.parse(Buffer.from(realm.store.audit[0]?.bytes as Uint8Array).toString()) as object;
    expect(event).toMatchObject({ event: 'ca.import', subject: 'ext', details: { parent: null, key_type: 'p256', custody: 'offline' } });
  });

  it('takes an authority under one of the realm, also one without its key, and warns of rules that it does not keep', async () => {
    const realm = realmNow();
    const above = outside('above', '-nodes', '-addext', 'keyUsage=critical,keyCertSign,cRLSign');
    const { record } = await importCa(realm, input({ ...above, keyPem: undefined, name: 'above' }));
    expect(record).not.toHaveProperty('key');
    writeFileSync(file('mid.cnf'), 'basicConstraints=CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n');
    openssl('req', '-newkey', 'ed25519', '-nodes', '-keyout', 'mid.key', '-out', 'mid.csr', '-subj', '/CN=mid');
    openssl(
      'x509',
      '-req',
      '-in',
      'mid.csr',
      '-CA',
      'above.crt',
      '-CAkey',
      'above.key',
      '-out',
      'mid.crt',
      '-set_serial',
      '5',
      '-days',
      '10',
      '-extfile',
      'mid.cnf',
    );
    const mid = await importCa(realm, input({ name: 'mid', certificates: read('mid'), keyPem: readFileSync(file('mid.key'), 'utf8') }));
    expect(mid.record).toMatchObject({ parent: 'above', key: { custody: 'online', type: 'ed25519' } });
    expect(mid.warnings.join('\n')).toMatch(/^serial: .*imported certificate differs/m);
    expect(mid.warnings.join('\n')).toContain('key-usage');
    await expect(importCa(realm, input({ name: 'mid', certificates: read('above') }))).rejects.toThrow(refusal('ERR_CA_EXISTS', 'above'));
    await expect(importCa(realmNow(), input({ certificates: read('mid') }))).rejects.toThrow(refusal('ERR_CA_ISSUER_UNKNOWN', 'CN=above'));
  });

  it('refuses the key of another certificate, and a wrong passphrase', async () => {
    const realm = realmNow();
    const [one, two] = [outside('one', '-passout', 'pass:outside'), outside('two', '-passout', 'pass:outside')];
    await expect(importCa(realm, input({ ...one, keyPem: two.keyPem }))).rejects.toThrow(refusal('ERR_CERTIFICATE_KEY', 'ext.key'));
    const wrong = () => Promise.resolve(new Secret('another'));
    await expect(importCa(realm, input({ ...one, keyPassphrase: wrong }))).rejects.toThrow(refusal('ERR_KEY_PASSPHRASE', 'ext.key'));
    expect(realm.vault.keys.size).toBe(0);
  });

  it('refuses a leaf, a bundle, an ended certificate, and a published test key', async () => {
    const realm = realmNow();
    const leaf = outside('leaf', '-nodes', '-addext', 'basicConstraints=critical,CA:FALSE');
    await expect(importCa(realm, input(leaf))).rejects.toThrow(refusal('ERR_CA_CONSTRAINT', '--cert'));
    const signless = outside('signless', '-nodes', '-addext', 'keyUsage=critical,cRLSign');
    await expect(importCa(realm, input(signless))).rejects.toThrow(refusal('ERR_CA_CONSTRAINT', '--cert'));
    const good = outside('good', '-nodes');
    await expect(importCa(realm, input({ certificates: [...good.certificates, ...good.certificates] }))).rejects.toThrow(
      refusal('ERR_CERTIFICATE_MALFORMED', 'found 2'),
    );
    realm.clock = { now: () => instant(good.certificates[0]?.notAfter as number) };
    await expect(importCa(realm, input(good))).rejects.toThrow(refusal('ERR_CA_EXPIRED', '--cert'));
    realm.clock = { now: () => instant((good.certificates[0]?.notBefore as number) - 1) };
    await expect(importCa(realm, input(good))).rejects.toThrow(refusal('ERR_CA_EXPIRED', '--cert'));
    // testECCP256 of RFC 9500 section 2.3, from its private scalar.
    const coordinates = {
      d: 'e6cb5bdd80aa45ae9c95e8c15476679ffec953c16851e711e743939589c64fc1',
      x: '422548f88fb782ffb5eca3744452c72a1e558fbd6f73be5e48e93232cc45c5b1',
      y: '6c4cd10c4cb8d5b8a17139e94882c8992572993425f41419ab7e90a42a494272',
    };
    const members = Object.fromEntries(
      Object.entries(coordinates).map(([name, hex]) => [name, Buffer.from(hex, 'hex').toString('base64url')]),
    );
    writeFileSync(
      file('test.key'),
      createPrivateKey({ key: { kty: 'EC', crv: 'P-256', ...members }, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }),
    );
    openssl('req', '-x509', '-key', 'test.key', '-out', 'test.crt', '-subj', '/CN=test');
    await expect(importCa(realmNow(), input({ certificates: read('test') }))).rejects.toThrow(refusal('ERR_KEY_KNOWN', '--cert'));
  });

  it('removes the key again when the commit is refused', async () => {
    const realm = realmNow();
    const root = outside('late', '-nodes');
    realm.store.beforeCommit = () => {
      realm.store.beforeCommit = undefined;
      return realm.store.commit({ checks: [], writes: [{ key: 'ca/ext', value: {} }], audit: [] }).then(() => undefined);
    };
    await expect(importCa(realm, input(root))).rejects.toThrow(refusal('ERR_STORE_CONFLICT'));
    expect(realm.vault.keys.size).toBe(0);
  });
});
