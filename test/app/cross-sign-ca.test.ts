import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createCa } from '../../src/app/create-ca.ts';
import { crossSignCa } from '../../src/app/cross-sign-ca.ts';
import { readCrosses } from '../../src/app/cross-records.ts';
import { exportCa } from '../../src/app/export-ca.ts';
import type { Seconds } from '../../src/core/time.ts';
import { caRealm } from './ca-realm.ts';

const refusal = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;
const YEAR = 31536000;

async function twoRoots(pathLen?: number) {
  const realm = caRealm();
  const old = await createCa(realm, { name: 'old', ttl: YEAR as Seconds, pathLen });
  const next = await createCa(realm, { name: 'next' });
  return { realm, old, next };
}

describe('crossSignCa', () => {
  it("certifies the other's key under its own constraints, and what it issued is valid under both roots", async () => {
    const { realm, old, next } = await twoRoots();
    await createCa(realm, { name: 'issuing', parent: 'next' });
    const { certificate, record, file, warnings } = await crossSignCa(realm, { name: 'next', by: 'old' });
    expect(certificate.subject.der).toEqual(next.certificate.subject.der);
    expect(certificate.issuer.der).toEqual(old.certificate.subject.der);
    expect(certificate.spki).toEqual(next.certificate.spki);
    expect(certificate.extensions.subjectKeyIdentifier).toEqual(next.certificate.extensions.subjectKeyIdentifier);
    expect(certificate.extensions.basicConstraints).toEqual({ cA: true, pathLenConstraint: undefined });
    expect([certificate.notAfter, warnings]).toEqual([old.certificate.notAfter, []]);
    expect([record.name, record.by, file]).toEqual(['next', 'old', 'ca/next+old.crt']);
    const chain = `${realm.directory}/chain.pem`;
    writeFileSync(chain, (await exportCa(realm, { name: 'next', via: 'old', format: 'chain' })).bytes);
    const at = ['-attime', String(realm.clock.now())];
    for (const [root, untrusted] of [
      ['old', ['-untrusted', chain]],
      ['next', []],
    ] as const) {
      const { stdout } = spawnSync(
        'openssl',
        [
          'verify',
          '-x509_strict',
          ...at,
          '-CAfile',
          `${realm.directory}/ca/${root}.crt`,
          ...untrusted,
          `${realm.directory}/ca/issuing.crt`,
        ],
        { encoding: 'utf8' },
      );
      expect(`${root}: ${stdout}`).toContain('OK');
    }
    expect((await exportCa(realm, { name: 'next', via: 'old', format: 'der' })).bytes).toEqual(certificate.der);
    expect(await readCrosses(realm)).toHaveLength(1);
    expect(await readCrosses(realm, 'old')).toEqual([]);
  });

  it('fits under a pathLenConstraint and warns when it ends sooner than was asked', async () => {
    const { realm } = await twoRoots(2);
    await createCa(realm, { name: 'narrow', pathLen: 0 });
    const { certificate, warnings } = await crossSignCa(realm, { name: 'next', by: 'old', ttl: (2 * YEAR) as Seconds });
    expect(certificate.extensions.basicConstraints?.pathLenConstraint).toBe(1);
    expect(warnings).toEqual([expect.stringContaining('with the first of next and old')]);
    const narrow = await crossSignCa(realm, { name: 'narrow', by: 'old', ttl: 3600 as Seconds });
    expect(narrow.certificate.extensions.basicConstraints?.pathLenConstraint).toBe(0);
    expect([narrow.certificate.notAfter, narrow.warnings]).toEqual([realm.clock.now() + 3600, []]);
    await expect(crossSignCa(realm, { name: 'next', by: 'narrow' })).rejects.toThrow(refusal('ERR_CA_CONSTRAINT', 'pathLenConstraint 0'));
  });

  it('replaces a cross-certificate only when it is told to', async () => {
    const { realm } = await twoRoots();
    const first = await crossSignCa(realm, { name: 'next', by: 'old' });
    await expect(crossSignCa(realm, { name: 'next', by: 'old' })).rejects.toThrow(refusal('ERR_CA_EXISTS', 'next by old'));
    const second = await crossSignCa(realm, { name: 'next', by: 'old', renew: true });
    expect(second.certificate.serialNumber).not.toBe(first.certificate.serialNumber);
    await expect(crossSignCa(realm, { name: 'old', by: 'next', renew: true })).resolves.toMatchObject({ file: 'ca/old+next.crt' });
  });

  it('refuses an authority itself, an unknown one, and a chain that is not there', async () => {
    const { realm } = await twoRoots();
    await expect(crossSignCa(realm, { name: 'old', by: 'old' })).rejects.toThrow(refusal('ERR_USAGE', '--by'));
    await expect(crossSignCa(realm, { name: 'old', by: 'nobody' })).rejects.toThrow(refusal('ERR_CA_NOT_FOUND', '--by'));
    await expect(exportCa(realm, { name: 'next', via: 'old', format: 'pem' })).rejects.toThrow(
      refusal('ERR_CERTIFICATE_NOT_FOUND', '--via'),
    );
  });
});
