import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { type PkitsFile, readPkits } from '../../../src/core/selftest/pkits.ts';
import { POLICY_RUNS, sectionOf } from '../../../src/core/selftest/pkits-index.ts';
import { verdictOf } from '../../../src/core/selftest/trial.ts';
import { enumerated, holdList } from './hold.ts';
import { writeCrl } from './crl.ts';
import { integer } from '../../../src/core/x509/der-writer.ts';
import { type Authority, make } from '../x509/make.ts';

const early = { notBefore: '2010-01-01T00:00:00Z', notAfter: '2030-12-31T00:00:00Z' };
const anchor = make({ name: 'Trust Anchor', ca: true, ...early });
const good = make({ name: 'Good CA', ca: true, issuer: anchor, ...early });
const bare = make({ name: 'No CRL CA', ca: true, issuer: anchor, ...early });
const held = make({ name: 'Hold CA', ca: true, issuer: anchor, ...early });
const end = (name: string, issuer: Authority, serial = 9) => make({ name, issuer, names: [], serialNumber: integer(serial), ...early });
const file = (name: string, { certificate }: Authority): PkitsFile => ({ name, bytes: certificate.der });
const certs = [
  file('TrustAnchorRootCertificate.crt', anchor),
  file('GoodCACert.crt', good),
  file('NoCRLCACert.crt', bare),
  file('deltaCRLCA1Cert.crt', held),
  { name: 'BrokenCACert.crt', bytes: Uint8Array.of(1) },
];
const crls = [
  { name: 'a.crl', bytes: writeCrl(anchor, [], '2019-01-01T00:00:00Z') },
  { name: 'b.crl', bytes: writeCrl(good, [7], '2019-01-01T00:00:00Z') },
  { name: 'c.crl', bytes: holdList(held, 9) },
  { name: 'broken.crl', bytes: Uint8Array.of(1) },
];

const run = (...more: PkitsFile[]) => readPkits([...certs, ...more], crls, verifySignature).map((trial) => trial.run());

describe('NIST PKITS', () => {
  it('judges each test by the name of its certificate', () => {
    const trials = run(
      file('ValidNameUIDsTest6EE.crt', end('a', good)),
      file('InvalidRevokedEETest3EE.crt', end('b', good, 7)),
      file('InvalidMissingCRLTest1EE.crt', end('c', bare)),
      file('ValidTwoCRLsTest7EE.crt', end('d', bare)),
      file('ValiddeltaCRLTest5EE.crt', end('e', held)),
      file('InvalidcAFalseTest2EE.crt', end('f', good)),
      file('ValidOtherTest1EE.crt', end('g', good)),
      { name: 'InvalidDSASignatureTest6EE.crt', bytes: Uint8Array.of(1) },
      { name: 'ValidDSASignaturesTest4EE.crt', bytes: Uint8Array.of(1) },
    );
    expect(trials.map((trial) => [trial.id, verdictOf(trial)])).toEqual([
      ['4.3.6 ValidNameUIDsTest6', 'agree'],
      ['4.4.3 InvalidRevokedEETest3', 'agree'],
      ['4.4.1 InvalidMissingCRLTest1', 'agree'],
      ['4.4.7 ValidTwoCRLsTest7', 'stricter'],
      ['4.15.5 ValiddeltaCRLTest5', 'stricter'],
      ['4.6.2 InvalidcAFalseTest2', 'disagree'],
      ['ValidOtherTest1', 'skipped'],
      ['4.1.6 InvalidDSASignatureTest6', 'agree'],
      ['4.1.4 ValidDSASignaturesTest4', 'stricter'],
    ]);
    expect(trials[4]?.found).toMatchObject({ reason: 'hold in a complete list' });
    expect(verdictOf(run(file('ValidRevokedEETest3EE.crt', end('b', good, 7)))[0] as never)).toBe('disagree');
  });

  it('runs tests with several inputs', () => {
    const trials = run(file('ValidCertificatePathTest1EE.crt', end('a', good)));
    expect(trials.map((trial) => [trial.id, trial.expected, trial.found.kind])).toEqual([
      ['4.1.1 ValidCertificatePathTest1', 'accept', 'accepted'],
      ['4.8.1 ValidCertificatePathTest1', 'accept', 'refused'],
      ['4.8.1 ValidCertificatePathTest1', 'accept', 'refused'],
      ['4.8.1 ValidCertificatePathTest1', 'refuse', 'refused'],
      ['4.8.1 ValidCertificatePathTest1', 'accept', 'refused'],
    ]);
  });

  it('needs its anchor and its lists', () => {
    const malformed = expect.objectContaining({ code: 'ERR_CORPUS_MALFORMED' }) as Error;
    expect(() => readPkits([], crls, verifySignature)).toThrow(malformed);
    expect(() => readPkits(certs, [], verifySignature)).toThrow(malformed);
    expect(() => readPkits([{ name: 'TrustAnchorRootCertificate.crt', bytes: Uint8Array.of(1) }], crls, verifySignature)).toThrow(
      malformed,
    );
  });

  it('knows where its tests stand', () => {
    expect(sectionOf('InvalidpathLenConstraintTest12')).toBe('4.6.12');
    expect(sectionOf('inhibitAnyPolicyTest3')).toBe('4.12.3');
    expect(sectionOf('Valid')).toBeUndefined();
    expect(Object.keys(POLICY_RUNS).map(sectionOf)).not.toContain(undefined);
    expect(enumerated(6)).toHaveLength(3);
  });
});
