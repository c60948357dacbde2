import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../src/adapters/config-file.ts';
import { readCa } from '../../src/app/ca-records.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { crossSignCa } from '../../src/app/cross-sign-ca.ts';
import { issueCrl } from '../../src/app/issue-crl.ts';
import { planCeremony } from '../../src/app/plan-ceremony.ts';
import { commit, type Realm } from '../../src/app/realm.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { ceremonyRecordFile, runCeremony } from '../../src/app/run-ceremony.ts';
import { verifyCeremonyRecord } from '../../src/app/verify-ceremony.ts';
import { type CeremonyRecord } from '../../src/core/ceremony/record.ts';
import { canonicalBytes } from '../../src/core/canonical-json.ts';
import { digestOf } from '../../src/core/digest.ts';
import { fromBase64, toBase64 } from '../../src/core/encoding.ts';
import { checkAnchor } from '../../src/core/x509/anchor.ts';
import { readSigned } from '../../src/core/x509/certificate.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { writeSigned } from '../../src/core/x509/template.ts';
import { caRealm, type CaRealm } from './ca-realm.ts';

const code = (wanted: string, message?: string) =>
  expect.objectContaining({ code: wanted, ...(message && { message: expect.stringContaining(message) as string }) }) as Error;

const SERIAL = '5a'.repeat(16);
const FILE = `schema: joinery/ceremony/1
title: Roots of the lab
environment: lab
steps:
  - kind: root
    name: root-a
    subject: CN=Root A,O=Lab
    key_type: p384
    custody: offline
    serial: ${SERIAL}
    not_before: 2026-11-01T00:00:00Z
    not_after: 2036-11-01T00:00:00Z
    path_len: 1
  - kind: root
    name: root-b
    subject: CN=Root B,O=Lab
    key_type: ed25519
    custody: offline
    serial: random
    not_before: 2026-11-01T00:00:00Z
    not_after: 2036-11-01T00:00:00Z
  - kind: intermediate
    name: issuing
    issuer: root-a
    subject: CN=Issuing,O=Lab
    key_type: p256
    custody: online
    serial: random
    not_before: 2026-11-01T00:00:00Z
    not_after: 2031-11-01T00:00:00Z
    path_len: 0
  - kind: cross
    name: issuing
    issuer: root-b
    serial: ${'5b'.repeat(20)}
    not_before: 2026-11-01T00:00:00Z
    not_after: 2031-11-01T00:00:00Z
    path_len: 0
  - kind: crl
    issuer: root-a
    number: 1
    this_update: 2026-11-22T00:00:00Z
    next_update: 2027-11-22T00:00:00Z
    revoked:
      - { serial: ${'6b'.repeat(16)}, at: 2026-11-21T00:00:00Z, reason: superseded }
      - { serial: ${'6a'.repeat(16)}, at: 2026-11-21T00:00:00Z, reason: keyCompromise }
  - kind: crl
    issuer: root-b
    number: 1
    this_update: 2026-11-22T00:00:00Z
    next_update: 2027-11-22T00:00:00Z
    revoked: []
`;

const inputOf = async (text: string) => ({ bytes: Buffer.from(text), value: await parseYaml(text, 'roots.yaml'), what: 'roots.yaml' });
const verify = async (realm: Realm, text: string, record: unknown) =>
  verifyCeremonyRecord(await inputOf(text), { bytes: canonicalBytes(record as never), what: 'record' }, realm.verifySignature);

async function performed(): Promise<{ readonly realm: CaRealm; readonly record: CeremonyRecord }> {
  const realm = caRealm();
  const { record } = await runCeremony(realm, await inputOf(FILE));
  return { realm, record };
}

describe('runCeremony', () => {
  it('signs every step through one builder, in one commit, and leaves a record that verifies without a key', async () => {
    const realm = caRealm();
    const result = await runCeremony(realm, await inputOf(FILE));
    expect(result.again).toBe(false);
    const rootA = await readCa(realm, 'root-a', 'test');
    expect(rootA.certificate).toMatchObject({ serialNumber: SERIAL, subject: { text: 'CN=Root A,O=Lab' } });
    expect(checkAnchor(rootA.certificate, realm.verifySignature)).toEqual([]);
    expect((await readCa(realm, 'issuing', 'test')).record).toMatchObject({ parent: 'root-a', key: { custody: 'online' } });
    for (const file of ['root-a.crt', 'root-b.crt', 'issuing.crt', 'issuing+root-b.crt', 'root-a.crl'])
      expect(existsSync(`${realm.directory}/ca/${file}`)).toBe(true);
    expect([...parseRevocationList(readFileSync(`${realm.directory}/ca/root-a.crl`)).revoked.keys()]).toEqual([
      '6a'.repeat(16),
      '6b'.repeat(16),
    ]);
    const events = realm.store.audit.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as { event: string; details: object });
    expect(events.map(({ event }) => event)).toEqual([
      'ca.create',
      'ca.create',
      'ca.create',
      'ca.cross_sign',
      'ca.crl',
      'ca.crl',
      'ca.ceremony',
    ]);
    expect(events.at(-1)?.details).toMatchObject({ record: result.recordDigest });
    const { steps, digest } = await verify(realm, FILE, JSON.parse(Buffer.from(ceremonyRecordFile(result.record)).toString()));
    expect(digest).toBe(result.digest);
    expect(steps.map(({ label }) => label)[2]).toBe('step 3, intermediate issuing');
    expect(result.record.operator).toEqual({ name: 'alice', verified: false });
    // The same file again signs nothing.
    const again = await runCeremony(realm, await inputOf(FILE));
    expect([again.again, again.recordDigest]).toEqual([true, result.recordDigest]);
    expect((await issueCrl(realm, { name: 'root-a' })).number).toBe(2);
  });

  it('uses authorities that are there, when they are the reviewed ones', async () => {
    const realm = caRealm();
    const root = await createCa(realm, { name: 'root' });
    const other = await createCa(realm, { name: 'other' });
    await crossSignCa(realm, { name: 'root', by: 'other' });
    const text = (fingerprint: string, more = '') => `schema: joinery/ceremony/1
title: Cross
environment: lab
authorities:
  - { name: root, fingerprint: ${fingerprint} }
  - { name: other, fingerprint: ${other.certificate.fingerprint} }
steps:
  - kind: cross
    name: root
    issuer: other
    serial: random
    not_before: 2026-11-22T10:00:00Z
    not_after: 2030-11-22T10:00:00Z
${more}`;
    await expect(runCeremony(realm, await inputOf(text('f'.repeat(64))))).rejects.toEqual(code('ERR_CEREMONY_AUTHORITY', 'authority root'));
    const good = text(root.certificate.fingerprint);
    const { record } = await runCeremony(realm, await inputOf(good));
    expect((await verify(realm, good, record)).steps[0]?.certificate?.subject.text).toBe('CN=root,O=lab');
    await expect(verify(realm, good, { ...record, authorities: record.authorities.slice(1) })).rejects.toEqual(
      code('ERR_CEREMONY_AUTHORITY', 'found no certificate'),
    );
    const swapped = record.authorities.map((entry) => ({ ...entry, certificate: toBase64(other.certificate.der) }));
    await expect(verify(realm, good, { ...record, authorities: swapped })).rejects.toEqual(code('ERR_CEREMONY_AUTHORITY'));
    // A revoked certificate that the list leaves out would come back.
    const sub = await createCa(realm, { name: 'sub', parent: 'root' });
    await revokeCertificate(realm, { serial: sub.certificate.serialNumber });
    const crl = (number: number, revoked: string) =>
      text(
        root.certificate.fingerprint,
        `  - { kind: crl, issuer: root, number: ${number}, this_update: 2026-11-22T10:00:00Z, next_update: 2027-11-22T10:00:00Z, revoked: [${revoked}] }\n`,
      );
    await expect(runCeremony(realm, await inputOf(crl(1, '')))).rejects.toEqual(code('ERR_CEREMONY_AUTHORITY', 'missing'));
    await issueCrl(realm, { name: 'root' });
    await expect(planCeremony(realm, await inputOf(crl(1, '')))).rejects.toEqual(code('ERR_CEREMONY_AUTHORITY', 'a number above 1'));
    const listed = `{ serial: ${sub.certificate.serialNumber}, at: 2026-11-22T10:00:00Z, reason: unspecified }`;
    expect((await runCeremony(realm, await inputOf(crl(2, listed)))).record.steps).toHaveLength(2);
  });

  it('refuses before a key is made, and leaves nothing after a late refusal', async () => {
    const realm = caRealm();
    await expect(runCeremony(realm, await inputOf(FILE.replace('environment: lab', 'environment: prod')))).rejects.toEqual(
      code('ERR_CEREMONY_AUTHORITY', 'expected environment lab'),
    );
    // The lint refuses what would outlive its issuer.
    const late = FILE.replace(
      'not_after: 2031-11-01T00:00:00Z\n    path_len: 0\n  - kind: crl',
      'not_after: 2041-11-01T00:00:00Z\n    path_len: 0\n  - kind: crl',
    );
    await expect(runCeremony(realm, await inputOf(late))).rejects.toEqual(code('ERR_CERTIFICATE_LINT'));
    await expect(planCeremony(realm, await inputOf(late))).rejects.toEqual(code('ERR_CERTIFICATE_LINT'));
    expect(realm.vault.keys.size).toBe(0);
    expect(realm.store.dump()).toEqual({});
    await createCa(realm, { name: 'issuing' });
    await expect(runCeremony(realm, await inputOf(FILE))).rejects.toEqual(code('ERR_CA_EXISTS', 'issuing'));
  });
});

describe('planCeremony', () => {
  it('shows what would be signed, and opens and makes no key', async () => {
    const realm = caRealm();
    const { steps, digest } = await planCeremony(realm, await inputOf(FILE));
    expect(steps.map(({ keyType }) => keyType)).toEqual(['p384', 'ed25519', 'p256', 'ed25519', 'p384', 'ed25519']);
    expect(steps.map(({ tbs }) => tbs !== undefined)).toEqual([false, false, false, true, true, true]);
    expect(steps[0]?.certificate?.serialNumber).toBe(SERIAL);
    expect(realm.vault.keys.size).toBe(0);
    expect(realm.store.dump()).toEqual({});
    expect((await runCeremony(realm, await inputOf(FILE))).digest).toBe(digest);
  });
});

describe('verifyCeremonyRecord', () => {
  const change = (record: CeremonyRecord, place: number, part: Partial<CeremonyRecord['steps'][number]>) => ({
    ...record,
    steps: record.steps.map((step, index) => (index === place ? { ...step, ...part } : step)),
  });

  it('names the first difference between file and record', async () => {
    const { realm, record } = await performed();
    const differs = async (from: string | RegExp, to: string, message: string) => {
      const text = FILE.replace(from, to);
      expect(text).not.toBe(FILE);
      // As if the other file had been reviewed: its digest is in the record.
      await expect(verify(realm, text, { ...record, ceremony: digestOf(Buffer.from(text)) })).rejects.toEqual(
        code('ERR_CEREMONY_MISMATCH', message),
      );
    };
    await differs('CN=Root A,O=Lab', 'CN=Root X,O=Lab', 'step 1, root root-a: issuer: expected CN=Root X,O=Lab, found CN=Root A,O=Lab');
    await differs(
      'CN=Issuing,O=Lab',
      'CN=Other,O=Lab',
      'step 3, intermediate issuing: subject: expected CN=Other,O=Lab, found CN=Issuing,O=Lab',
    );
    await differs(`serial: ${SERIAL}`, `serial: ${'5c'.repeat(16)}`, `serialNumber: expected ${'5c'.repeat(16)}, found ${SERIAL}`);
    await differs(
      'not_after: 2031-11-01T00:00:00Z',
      'not_after: 2030-11-01T00:00:00Z',
      'validity: expected 2026-11-01T00:00:00Z to 2030-11-01T00:00:00Z, found',
    );
    await differs('path_len: 1', 'path_len: 2', 'extension basicConstraints: expected');
    await differs('key_type: p384', 'key_type: p256', 'key_type: expected p256, found p384');
    await differs('number: 1', 'number: 2', 'step 5, crl root-a: extension cRLNumber');
    await differs('this_update: 2026-11-22T00:00:00Z', 'this_update: 2026-11-22T00:00:01Z', 'thisUpdate: expected 2026-11-22T00:00:01Z');
    await differs('reason: superseded', 'reason: keyCompromise', 'revokedCertificates: expected');
    await differs('revoked: []', `revoked: [{ serial: aabb, at: 2026-11-21T00:00:00Z, reason: unspecified }]`, 'found none');
    await expect(verify(realm, FILE.replace('Roots', 'Other roots'), record)).rejects.toEqual(
      code('ERR_CEREMONY_MISMATCH', 'ceremony: expected'),
    );
    await expect(verify(realm, FILE, { ...record, environment: 'prod' })).rejects.toEqual(code('ERR_CEREMONY_MISMATCH', 'environment'));
    await expect(verify(realm, FILE, { ...record, steps: record.steps.slice(1) })).rejects.toEqual(
      code('ERR_CEREMONY_MISMATCH', 'steps: expected 6, found 5'),
    );
  });

  it('refuses other signatures, other parts, and what the lint refuses', async () => {
    const { realm, record } = await performed();
    for (const place of [0, 2, 4]) {
      const { tbs, signed } = record.steps[place]!;
      const { algorithm } = readSigned(fromBase64(signed), 'test');
      const key = await realm.certificates.throwawayKey(algorithm.oid.endsWith('.3.3') ? 'p384' : 'p256');
      const der = writeSigned(fromBase64(tbs), key.type, await key.sign(fromBase64(tbs), 'der'));
      const forged = { signed: toBase64(der), signature: toBase64(readSigned(der, 'x').signature) };
      await expect(verify(realm, FILE, change(record, place, forged))).rejects.toEqual(
        code('ERR_CEREMONY_MISMATCH', 'signature: expected one by the key of'),
      );
    }
    const other = record.steps[1]!;
    await expect(verify(realm, FILE, change(record, 0, { tbs: other.tbs }))).rejects.toEqual(
      code('ERR_CEREMONY_MISMATCH', 'to-be-signed bytes'),
    );
    await expect(verify(realm, FILE, change(record, 0, { signature: other.signature }))).rejects.toEqual(
      code('ERR_CEREMONY_MISMATCH', 'recorded signature'),
    );
    await expect(verify(realm, FILE, change(record, 0, { signed: 'AA==' }))).rejects.toEqual(code('ERR_CEREMONY_MISMATCH', 'step 1'));
    await expect(verify(realm, FILE, change(record, 0, { signed: '!' }))).rejects.toEqual(code('ERR_CEREMONY_RECORD', 'base64'));
    await expect(verify(realm, FILE, [])).rejects.toEqual(code('ERR_CEREMONY_RECORD'));
  });

  it('every byte of the record that matters is bound', async () => {
    const { realm, record } = await performed();
    for (let place = 0; place < record.steps.length; place++) {
      const der = fromBase64(record.steps[place]!.signed);
      for (let offset = 0; offset < der.length; offset += 37) {
        const bytes = Uint8Array.from(der);
        bytes[offset] = bytes[offset]! ^ 1;
        await expect(verify(realm, FILE, change(record, place, { signed: toBase64(bytes) }))).rejects.toEqual(
          code('ERR_CEREMONY_MISMATCH'),
        );
      }
    }
  });
});

it('a damaged record in the store is said', async () => {
  const { realm } = await performed();
  const key = Object.keys(realm.store.dump()).find((name) => name.startsWith('ceremony/'))!;
  await commit(realm.store, { checks: [], writes: [{ key, value: {} }], audit: [] });
  await expect(runCeremony(realm, await inputOf(FILE))).rejects.toEqual(code('ERR_CEREMONY_RECORD'));
});

describe('name constraints in a ceremony', () => {
  const bounded = (intermediate: string, cross = '') =>
    FILE.replace(
      'path_len: 1\n',
      "path_len: 1\n    trust_domain: lab.example.internal\n    name_constraints: { permitted: { dns: [lab.example], ip: [10.0.0.0/8] }, excluded: { email: ['*'] } }\n",
    )
      .replace('not_after: 2031-11-01T00:00:00Z\n    path_len: 0\n', `not_after: 2031-11-01T00:00:00Z\n    path_len: 0\n${intermediate}`)
      .replace('path_len: 0\n  - kind: crl', `path_len: 0\n${cross}  - kind: crl`);
  const SAME = "    name_constraints: { permitted: { dns: [a.lab.example], ip: [10.0.0.0/8] }, excluded: { email: ['*'] } }\n";

  it('are signed as they are written, and kept by cross-certificates', async () => {
    const realm = caRealm();
    const { record } = await runCeremony(realm, await inputOf(bounded(SAME)));
    const { steps } = await verify(realm, bounded(SAME), record);
    const texts = (place: number) => steps[place]?.certificate?.extensions.nameConstraints?.permitted.map(generalNameText);
    expect(texts(0)).toEqual(['DNS:lab.example', 'IP:10.0.0.0/8']);
    expect([texts(2), texts(3)]).toEqual([
      ['DNS:a.lab.example', 'IP:10.0.0.0/8'],
      ['DNS:a.lab.example', 'IP:10.0.0.0/8'],
    ]);
    expect(steps[0]?.certificate?.extensions.subjectAltName?.map(generalNameText)).toEqual(['URI:spiffe://lab.example.internal']);
    const other = bounded(SAME.replace('a.lab', 'b.lab'));
    await expect(verify(realm, other, { ...record, ceremony: digestOf(Buffer.from(other)) })).rejects.toThrow(
      code('ERR_CEREMONY_MISMATCH', 'extension nameConstraints'),
    );
  });

  it('of a cross-certificate stand in place of those of the authority', async () => {
    const realm = caRealm();
    const file = bounded(SAME, '    name_constraints: { permitted: { dns: [b.lab.example] } }\n');
    const { steps } = await planCeremony(realm, await inputOf(file));
    expect(steps[3]?.certificate?.extensions.nameConstraints?.permitted.map(generalNameText)).toEqual(['DNS:b.lab.example']);
  });

  it('are refused where they are wider than those of the issuer', async () => {
    const realm = caRealm();
    await expect(planCeremony(realm, await inputOf(bounded('')))).rejects.toThrow(
      code('ERR_CERTIFICATE_LINT', "name constraints inside the issuer's"),
    );
  });

  it.each([
    ['{}', 'expected a permitted or an excluded subtree, found none'],
    ['{ permitted: { dns: [.a] } }', 'without dot or wildcard'],
    ['{ permitted: { uri: [a.b], email: [a.b] }, excluded: { uri: [.b] } }', 'found URI:a.b in both'],
  ])('%s is refused', async (text, message) => {
    const file = bounded(`    name_constraints: ${text}\n`);
    const realm = caRealm();
    await expect(planCeremony(realm, await inputOf(file))).rejects.toThrow(code('ERR_CEREMONY_MALFORMED'));
    await expect(planCeremony(realm, await inputOf(file))).rejects.toMatchObject({
      details: { issues: [{ message: expect.stringContaining(message) as string }] },
    });
  });
});
