import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { issueAdmin } from '../../src/app/issue-admin.ts';
import { renewCertificate } from '../../src/app/renew-certificate.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { Seconds } from '../../src/core/time.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { ADMIN_PROFILE, profileNames } from '../../src/core/x509/profiles.ts';
import { caRealm } from './ca-realm.ts';

const refusal = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;

async function adminRealm() {
  const realm = caRealm();
  const admins = [{ name: 'alice', may: ['token.mint', 'cert.revoke'] }] as const;
  const configured = { ...realm, config: { ...realm.config, admins } };
  await createCa(configured, { name: 'root', ttl: 86400 as Seconds });
  return configured;
}
const order = (directory: string) => ({ name: 'alice', ca: 'root', keyType: 'p256', directory }) as const;

describe('issueAdmin', () => {
  it('makes a client certificate that names the administrator and nothing else', async () => {
    const realm = await adminRealm();
    const result = await issueAdmin(realm, portableKeys, order(`${realm.directory}/admins`));
    const id = 'spiffe://lab.example.internal/joinery/admin/alice';
    expect(result).toMatchObject({ id, may: ['token.mint', 'cert.revoke'], record: { profile: 'admin', sans: [`URI:${id}`] } });
    expect(result.warnings).toEqual([expect.stringContaining('ends with its issuer root')]);
    const { extensions } = parseCertificate(parsePem(readFileSync(result.certificateFile, 'utf8'))[0]?.der as Uint8Array);
    expect(extensions.subjectAltName).toEqual([{ kind: 'uri', value: id }]);
    expect([extensions.basicConstraints?.cA, extensions.extKeyUsage, [...(extensions.keyUsage ?? [])]]).toEqual([
      false,
      [OID.clientAuth],
      ['digitalSignature'],
    ]);
    expect(statSync(result.keyFile).mode & 0o777).toBe(0o600);
    expect(realm.store.dump()[`cert/${result.record.serial}`]).toMatchObject({ profile: 'admin', ca: 'root' });
  });

  it('is not asked without need: a short one comes without a warning', async () => {
    const realm = await adminRealm();
    expect((await issueAdmin(realm, portableKeys, { ...order(realm.directory), ttl: 60 as Seconds })).warnings).toEqual([]);
  });

  it('refuses a name that is not in the configuration, and a file that is there', async () => {
    const realm = await adminRealm();
    await expect(issueAdmin(realm, portableKeys, { ...order(realm.directory), name: 'alic' })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_ADMIN_UNKNOWN', hint: 'did you mean alice?' }) as Error,
    );
    const { admins: _, ...config } = realm.config;
    await expect(issueAdmin({ ...realm, config }, portableKeys, order(realm.directory))).rejects.toThrow(
      refusal('ERR_ADMIN_UNKNOWN', 'none is configured'),
    );
    await issueAdmin(realm, portableKeys, order(realm.directory));
    await expect(issueAdmin(realm, portableKeys, order(realm.directory))).rejects.toThrow(refusal('ERR_FILE_EXISTS', 'alice.key'));
  });

  it('is the only way to such a certificate: neither renewal nor a revoked one gives another', async () => {
    const realm = await adminRealm();
    const { certificateFile, record } = await issueAdmin(realm, portableKeys, order(realm.directory));
    const certificate = parseCertificate(parsePem(readFileSync(certificateFile, 'utf8'))[0]?.der as Uint8Array);
    const request = {
      certificate,
      what: 'alice.crt',
      keyFile: `${realm.directory}/n.key`,
      certificateFile: `${realm.directory}/n.crt`,
      keyType: 'p256',
      strict: false,
    } as const;
    await expect(renewCertificate(realm, portableKeys, request)).rejects.toThrow(refusal('ERR_CERTIFICATE_PROFILE', 'alice.crt'));
    await revokeCertificate(realm, { serial: record.serial, reason: 'privilegeWithdrawn' });
    await expect(renewCertificate(realm, portableKeys, request)).rejects.toThrow(refusal('ERR_CERTIFICATE_REVOKED', 'privilegeWithdrawn'));
  });

  it.each([
    ['spiffe://other.example/joinery/admin/alice'],
    ['spiffe://lab.example.internal/joinery/admin'],
    ['spiffe://lab.example.internal/joinery/admin/alice/more'],
    ['spiffe://lab.example.internal/Joinery/admin/alice'],
    ['https://lab.example.internal/joinery/admin/alice'],
  ])('its profile refuses %s', (value) => {
    expect(() => profileNames(ADMIN_PROFILE, [{ kind: 'uri', value }], 'lab.example.internal')).toThrow(
      refusal('ERR_CERTIFICATE_PROFILE', 'profile admin'),
    );
  });
});
