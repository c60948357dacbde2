import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, signingKey, verifySignature } from '../../../src/adapters/signatures.ts';
import { createCa } from '../../../src/app/create-ca.ts';
import { instant } from '../../../src/core/time.ts';
import { isSignedBy } from '../../../src/core/x509/certificate.ts';
import { parseRevocationList } from '../../../src/core/x509/crl.ts';
import { REVOCATION_REASON_NAMES, writeCrlEntry, writeTbsCertList } from '../../../src/core/x509/crl-writer.ts';
import { writeSigned } from '../../../src/core/x509/template.ts';
import { caRealm } from '../../app/ca-realm.ts';

const CODES = {
  unspecified: undefined,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
};

const entry = fc.record({
  serialNumber: fc.uint8Array({ minLength: 15, maxLength: 19 }).map((bytes) => `4${Buffer.from(bytes).toString('hex')}0`),
  at: fc.integer({ min: 0, max: 4_000_000_000 }).map(instant),
  reason: fc.constantFrom(...REVOCATION_REASON_NAMES),
});

describe('a revocation list', async () => {
  const { certificate: issuer } = await createCa(caRealm(), { name: 'root' });
  const key = signingKey(generatePrivateKey('p256'));

  it('reads back as the model that was written', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(entry, { selector: (e) => e.serialNumber, maxLength: 20 }),
        fc.integer({ min: 1, max: 2 ** 40 }),
        (entries, number) => {
          const [thisUpdate, nextUpdate] = [instant(1_800_000_000), instant(2_600_000_000)];
          const tbs = writeTbsCertList({ issuer, signer: key.type, number, thisUpdate, nextUpdate, entries: entries.map(writeCrlEntry) });
          const der = writeSigned(tbs, key.type, key.sign(tbs, 'der') as Uint8Array);
          const list = parseRevocationList(der);
          expect(list).toMatchObject({ thisUpdate, nextUpdate, unusable: undefined });
          expect(list.issuer.der).toEqual(issuer.subject.der);
          expect(list.authorityKeyIdentifier?.keyIdentifier).toEqual(issuer.extensions.subjectKeyIdentifier);
          expect(BigInt(`0x${list.cRLNumber}`)).toBe(BigInt(number));
          expect([...list.revoked]).toEqual(entries.map(({ serialNumber, at, reason }) => [serialNumber, { at, reason: CODES[reason] }]));
          expect(isSignedBy(list, key.spki, verifySignature)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});
