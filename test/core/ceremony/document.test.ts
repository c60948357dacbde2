import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { certificateTemplate, fixedSerial, signerType } from '../../../src/core/ceremony/build.ts';
import { firstDifference } from '../../../src/core/ceremony/difference.ts';
import {
  ceremonySchema,
  type CeremonyStep,
  type IntermediateStep,
  parseCeremony,
  type RootStep,
} from '../../../src/core/ceremony/document.ts';
import { verifyCeremony } from '../../../src/core/ceremony/verify.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import type { Digest } from '../../../src/core/digest.ts';
import { toBase64 } from '../../../src/core/encoding.ts';
import type { Certificate } from '../../../src/core/x509/certificate.ts';
import { parseSpki } from '../../../src/core/x509/algorithms.ts';
import { parseCertificate, readSigned } from '../../../src/core/x509/certificate.ts';
import { integer, sequence } from '../../../src/core/x509/der-writer.ts';
import { writeSigned, writeTbs } from '../../../src/core/x509/template.ts';
import { testCa } from '../../fakes/anchors.ts';

const times = { serial: 'random', not_before: '2026-01-01T00:00:00Z', not_after: '2036-01-01T00:00:00Z' };
const root = { kind: 'root', name: 'root', subject: 'CN=Root', key_type: 'p256', custody: 'offline', ...times };
const sub = { ...root, kind: 'intermediate', name: 'sub', issuer: 'root', subject: 'CN=Sub' };
const cross = { kind: 'cross', name: 'sub', issuer: 'root', ...times };
const crl = {
  kind: 'crl',
  issuer: 'root',
  number: 1,
  this_update: '2026-01-01T00:00:00Z',
  next_update: '2026-02-01T00:00:00Z',
  revoked: [],
};
const file = (...steps: readonly object[]): JsonObject => ({
  schema: 'joinery/ceremony/1',
  title: 'T',
  environment: 'lab',
  steps: steps as JsonObject[],
});
const problem = (message: string) =>
  expect.objectContaining({ code: 'ERR_CEREMONY_MALFORMED', message: expect.stringContaining(message) as string }) as Error;

describe('parseCeremony', () => {
  it('reads every kind of step', () => {
    const { steps } = parseCeremony(file(root, sub, { ...root, name: 'other' }, { ...cross, issuer: 'other' }, crl), 'f');
    expect(steps.map(({ kind }) => kind)).toEqual(['root', 'intermediate', 'root', 'cross', 'crl']);
    const published = readFileSync(new URL('../../../docs/schema/ceremony-1.json', import.meta.url), 'utf8');
    expect(JSON.parse(published)).toEqual(ceremonySchema());
    expect(ceremonySchema()).toMatchObject({ type: 'object', title: expect.stringContaining('ceremony') as string });
  });

  it.each([
    [[], 'steps: expected 1 to 100 items'],
    [['x' as unknown as object], 'expected a step of kind root, intermediate, cross, crl, found another'],
    [[{ ...root, kind: 'leaf' }], 'expected a step of kind'],
    [[{ ...root, subject: 'nothing' }], 'steps[0].subject: subject: expected attributes'],
    [[{ ...root, not_after: 'later' }], 'expected a time like 2036-11-22T10:00:00Z'],
    [[{ ...root, serial: 'ff'.repeat(16) }], 'below 80'],
    [[{ ...root, serial: '5a'.repeat(15) }], '16 to 20 octets'],
    [[{ ...root, more: 1 }], 'unknown member'],
    [[root, root], 'step 2, root root: expected a new name, found root'],
    [[sub], 'step 1, intermediate sub: expected an authority of an earlier step or under authorities, found root'],
    [[root, cross], 'found sub'],
    [[root, { ...cross, name: 'root' }], 'expected another authority as issuer'],
    [[crl], 'step 1, crl root: expected an authority'],
    [[{ ...root, not_after: root.not_before }], 'expected an end after 2026-01-01T00:00:00Z'],
    [[root, { ...crl, next_update: crl.this_update }], 'expected an end after'],
    [
      [root, { ...crl, revoked: ['aa', 'aa'].map((serial) => ({ serial, at: crl.this_update, reason: 'superseded' })) }],
      'each serial number once',
    ],
  ])('refuses %#', (steps, message) => {
    expect(() => parseCeremony(file(...steps), 'f')).toThrow(problem(message));
  });
});

describe('signerType', () => {
  it('knows the types that joinery signs with, and no others', () => {
    const spki = (curve: string) =>
      parseSpki(new Uint8Array(generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ type: 'spki', format: 'der' })));
    expect(signerType(spki('P-384'))).toBe('p384');
    expect(() => signerType(spki('P-521'))).toThrow(expect.objectContaining({ code: 'ERR_CEREMONY_AUTHORITY' }) as Error);
  });
});

describe('firstDifference', () => {
  it('tells missing and additional parts', async () => {
    const [a, b] = [await testCa('a'), await testCa('a', { issuer: await testCa('b') })];
    expect(firstDifference('certificate', a.certificate.tbs, a.certificate.tbs)).toBeUndefined();
    expect(firstDifference('certificate', a.certificate.tbs, b.certificate.tbs)).toMatch(/^serialNumber: expected/);
    const list = (...more: readonly Uint8Array[]) => sequence(integer(1), sequence(), sequence(), integer(2), integer(3), ...more);
    expect(firstDifference('list', list(), list(sequence()))).toBe('revokedCertificates: expected none, found ');
    expect(firstDifference('certificate', sequence(integer(1)), sequence(integer(1), integer(2)))).toBe(
      'serialNumber: expected none, found 02',
    );
    const nine = Array.from({ length: 9 }, () => integer(1));
    expect(firstDifference('certificate', sequence(...nine.slice(1)), sequence(...nine))).toBe(
      'expected the fields of the ceremony and no others, found more',
    );
    const without = { ...parts(a.certificate), extensions: parts(a.certificate).extensions.slice(0, -1) };
    expect(firstDifference('certificate', writeTbs(without), a.certificate.tbs)).toMatch(
      /^extension authorityKeyIdentifier: expected none, found /,
    );
    expect(firstDifference('certificate', a.certificate.tbs, writeTbs(without))).toMatch(
      /^extension authorityKeyIdentifier: expected [0-9a-f]+, found none$/,
    );
  });
});

function parts(certificate: Certificate) {
  const { issuer, subject, notBefore, notAfter, spki, extensions } = certificate;
  const serialNumber = Buffer.from(certificate.serialNumber, 'hex');
  return {
    serialNumber,
    signer: 'p256' as const,
    issuer: issuer.der,
    subject: subject.der,
    notBefore,
    notAfter,
    spki,
    extensions: extensions.list,
  };
}

describe('verifyCeremony', () => {
  it('refuses what a file asks for and the lint would have refused', async () => {
    const ceremony = parseCeremony(file({ ...root, path_len: 0 }, sub), 'f');
    const authorities = new Map<string, Certificate>();
    const keys = [(await testCa('x')).key, (await testCa('y')).key] as const;
    const steps = [];
    for (const [place, step] of (ceremony.steps as readonly (RootStep | IntermediateStep)[]).entries()) {
      const serialNumber = fixedSerial(step) ?? Buffer.alloc(16, 0x5a);
      const tbs = writeTbs(
        certificateTemplate(step as Exclude<CeremonyStep, { kind: 'crl' }>, authorities, {
          spki: keys[place]!.spki,
          signer: 'p256',
          serialNumber,
        }),
      );
      const der = writeSigned(tbs, 'p256', await keys[0].sign(tbs, 'der'));
      authorities.set(step.name, parseCertificate(der));
      steps.push({
        label: '',
        signed_at: '',
        tbs: toBase64(tbs),
        signature: toBase64(readSigned(der, 'x').signature),
        signed: toBase64(der),
      });
    }
    const operator = { name: 'a', verified: false };
    const record = {
      schema: 'joinery/ceremony-record/1' as const,
      ceremony: 'd',
      title: 'T',
      environment: 'lab',
      operator,
      correlation_id: 'c',
      started_at: '',
      finished_at: '',
      authorities: [],
      steps,
    };
    expect(() => verifyCeremony(ceremony, 'd' as Digest, record, verifySignature)).toThrow(
      expect.objectContaining({
        code: 'ERR_CEREMONY_MISMATCH',
        message: expect.stringContaining("a place under the issuer's pathLenConstraint") as string,
      }) as Error,
    );
  });
});
