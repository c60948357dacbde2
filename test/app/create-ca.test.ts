import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CreateCaInput, createCa } from '../../src/app/create-ca.ts';
import { caChain, exportCa, showCa } from '../../src/app/export-ca.ts';
import { caTree, listCas } from '../../src/app/list-cas.ts';
import { commit } from '../../src/app/realm.ts';
import { decodeUtf8, parsePem, toHex, utf8 } from '../../src/core/encoding.ts';
import type { WritePkcs12 } from '../../src/core/key-ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { formatInstant, type Instant, parseInstant, seconds } from '../../src/core/time.ts';
import { checkAnchor } from '../../src/core/x509/anchor.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { keyIdentifierOf } from '../../src/core/x509/extension-writer.ts';
import { caRealm } from './ca-realm.ts';

const refusal = (code: string, message?: string) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringContaining(message) as string }) }) as Error;

describe('createCa', () => {
  it('makes a root that is an anchor', async () => {
    const realm = caRealm();
    const { record, certificate, file, warnings } = await createCa(realm, { name: 'web-root' });
    expect(checkAnchor(certificate, realm.verifySignature)).toEqual([]);
    expect(certificate.subject.text).toBe('CN=web-root,O=lab');
    expect(formatInstant(certificate.notBefore)).toBe('2026-11-22T09:59:00Z');
    expect(certificate.notAfter - realm.clock.now()).toBe(10 * 365 * 86400);
    expect(toHex(certificate.extensions.subjectKeyIdentifier ?? new Uint8Array(0))).toBe(toHex(keyIdentifierOf(certificate.publicKey)));
    expect(record).toMatchObject({ name: 'web-root', key: { custody: 'offline', type: 'p256' } });
    expect(record).not.toHaveProperty('parent');
    expect(warnings).toEqual([]);
    expect(readFileSync(`${realm.directory}/${file}`, 'utf8')).toBe(record.certificate_pem);
    expect(statSync(`${realm.directory}/${file}`).mode & 0o777).toBe(0o644);
    const audit = JSON.parse(Buffer.from(realm.store.audit[0]?.bytes ?? []).toString()) as object;
    expect(audit).toMatchObject({
      event: 'ca.create',
      subject: 'web-root',
      result: 'ok',
      details: { parent: null, fingerprint: certificate.fingerprint, key_type: 'p256' },
    });
  });

  it('makes an authority under another, online, for leaves only, inside its issuer', async () => {
    const realm = caRealm();
    const root = await createCa(realm, { name: 'root', keyType: 'ed25519', ttl: seconds(3600) });
    const sub = await createCa(realm, { name: 'issuing', parent: 'root', keyType: 'p384' });
    expect(sub.certificate.extensions.basicConstraints).toEqual({ cA: true, pathLenConstraint: 0 });
    expect(sub.certificate.issuer.text).toBe('CN=root,O=lab');
    expect(sub.certificate.notAfter).toBe(root.certificate.notAfter);
    expect(sub.warnings).toEqual([expect.stringContaining('ends with its issuer root') as string]);
    expect(sub.record).toMatchObject({ parent: 'root', key: { custody: 'online', type: 'p384' } });
    expect(await caChain(realm, 'issuing')).toHaveLength(2);
  });

  it('obeys what is asked', async () => {
    const realm = caRealm();
    const notAfter = parseInstant('2027-01-01T00:00:00Z') as Instant;
    await createCa(realm, { name: 'root', pathLen: 3, subject: 'CN=The Root,C=DE', notAfter, custody: 'online' });
    const { certificate, record } = await createCa(realm, { name: 'mid', parent: 'root', pathLen: 2, custody: 'offline' });
    expect(certificate.extensions.basicConstraints?.pathLenConstraint).toBe(2);
    expect(certificate.issuer.text).toBe('CN=The Root,C=DE');
    expect(record.key?.custody).toBe('offline');
    expect((await showCa(realm, 'root')).certificate.notAfter).toBe(notAfter);
  });

  it.each<[string, CreateCaInput, string]>([
    ['a name that is none', { name: 'a/b' }, 'ERR_INPUT_MALFORMED'],
    ['a name that is taken', { name: 'root' }, 'ERR_CA_EXISTS'],
    ['an unknown parent', { name: 'x', parent: 'rot' }, 'ERR_CA_NOT_FOUND'],
    ['an end in the past', { name: 'x', notAfter: 5 as Instant }, 'ERR_USAGE'],
    ['a subject that is none', { name: 'x', subject: 'hello' }, 'ERR_INPUT_MALFORMED'],
    ['a parent that may sign leaves only', { name: 'x', parent: 'issuing' }, 'ERR_CA_CONSTRAINT'],
    ['a path length that the parent does not leave', { name: 'x', parent: 'root', pathLen: 1 }, 'ERR_CA_CONSTRAINT'],
  ])('refuses %s and makes no key', async (_, input, code) => {
    const realm = caRealm();
    await createCa(realm, { name: 'root', pathLen: 1 });
    await createCa(realm, { name: 'issuing', parent: 'root' });
    const before = [...realm.vault.keys.keys()];
    await expect(createCa(realm, input)).rejects.toThrow(refusal(code));
    expect([...realm.vault.keys.keys()]).toEqual(before);
  });

  it('suggests the parent that was meant', async () => {
    const realm = caRealm();
    await createCa(realm, { name: 'root' });
    await expect(createCa(realm, { name: 'x', parent: 'rooot' })).rejects.toMatchObject({ hint: 'did you mean root?' });
    await expect(createCa(realm, { name: 'x', parent: 'elsewhere' })).rejects.toMatchObject({
      hint: 'joinery ca list shows them',
      message: '--parent: expected a certificate authority of this realm, found elsewhere',
    });
  });

  it('refuses a parent that has expired', async () => {
    const realm = caRealm();
    await createCa(realm, { name: 'root', ttl: seconds(60) });
    realm.clock.advance(60);
    await expect(createCa(realm, { name: 'x', parent: 'root' })).rejects.toThrow(refusal('ERR_CA_EXPIRED'));
  });

  it('removes the key when the record is not committed', async () => {
    const realm = caRealm();
    realm.store.beforeCommit = async () => {
      realm.store.beforeCommit = undefined;
      await commit(realm.store, { checks: [], writes: [{ key: 'ca/root', value: null }], audit: [] });
    };
    await expect(createCa(realm, { name: 'root' })).rejects.toThrow(refusal('ERR_STORE_CONFLICT'));
    expect(realm.vault.keys.size).toBe(0);
  });

  it('says when the key of the parent is elsewhere', async () => {
    const realm = caRealm();
    const { record } = await createCa(realm, { name: 'root' });
    const { key: _, ...without } = record;
    await commit(realm.store, { checks: [], writes: [{ key: 'ca/root', value: without }], audit: [] });
    await expect(createCa(realm, { name: 'x', parent: 'root' })).rejects.toThrow(
      refusal('ERR_KEY_NOT_FOUND', 'root: expected its private key'),
    );
  });
});

describe('reading authorities', () => {
  it('lists them and draws the hierarchy', async () => {
    const realm = caRealm();
    expect(await listCas(realm)).toEqual([]);
    await createCa(realm, { name: 'b-root' });
    await createCa(realm, { name: 'a-issuing', parent: 'b-root' });
    const orphan = { ...(await showCa(realm, 'a-issuing')).record, name: 'orphan', parent: 'gone' };
    await commit(realm.store, { checks: [], writes: [{ key: 'ca/orphan', value: orphan }], audit: [] });
    expect((await listCas(realm)).map((ca) => ca.record.name)).toEqual(['a-issuing', 'b-root', 'orphan']);
    const tree = await caTree(realm);
    expect(tree.map((node) => [node.ca.record.name, node.children.map((child) => child.ca.record.name)])).toEqual([
      ['b-root', ['a-issuing']],
      ['orphan', []],
    ]);
    await expect(caChain(realm, 'orphan')).rejects.toThrow(refusal('ERR_CA_NOT_FOUND', 'parent of orphan'));
  });

  it('does not follow a circle in a damaged store', async () => {
    const realm = caRealm();
    const { record } = await createCa(realm, { name: 'a' });
    const writes = [
      { key: 'ca/a', value: { ...record, parent: 'b' } },
      { key: 'ca/b', value: { ...record, name: 'b', parent: 'a' } },
    ];
    await commit(realm.store, { checks: [], writes, audit: [] });
    expect(await caChain(realm, 'a')).toHaveLength(2);
    expect(await caTree(realm)).toEqual([]);
  });

  it('refuses a damaged record', async () => {
    const realm = caRealm();
    const { record } = await createCa(realm, { name: 'a' });
    await commit(realm.store, { checks: [], writes: [{ key: 'ca/a', value: { ...record, certificate_pem: '' } }], audit: [] });
    await expect(showCa(realm, 'a')).rejects.toThrow(refusal('ERR_CERTIFICATE_MALFORMED', 'state.db, record ca/a'));
    await commit(realm.store, { checks: [], writes: [{ key: 'ca/a', value: {} }], audit: [] });
    await expect(showCa(realm, 'a')).rejects.toThrow(refusal('ERR_REALM_MALFORMED'));
  });
});

describe('exportCa', () => {
  it('gives PEM, DER and the chain, and writes a missing file again', async () => {
    const realm = caRealm();
    const root = await createCa(realm, { name: 'root' });
    const sub = await createCa(realm, { name: 'sub', parent: 'root' });
    const text = async (format: 'pem' | 'der' | 'chain') => (await exportCa(realm, { name: 'sub', format })).bytes;
    expect(Buffer.from(await text('pem')).toString()).toBe(sub.record.certificate_pem);
    expect(parseCertificate(await text('der')).fingerprint).toBe(sub.certificate.fingerprint);
    rmSync(`${realm.directory}/ca/sub.crt`);
    const chain = parsePem(Buffer.from(await text('chain')).toString());
    expect(chain.map((block) => parseCertificate(block.der).fingerprint)).toEqual([
      sub.certificate.fingerprint,
      root.certificate.fingerprint,
    ]);
    expect(readFileSync(`${realm.directory}/ca/sub.crt`, 'utf8')).toBe(sub.record.certificate_pem);
    await expect(exportCa(realm, { name: 'nope', format: 'pem' })).rejects.toThrow(refusal('ERR_CA_NOT_FOUND'));
  });

  it('gives PKCS #7, which OpenSSL prints, and a trust store', async () => {
    const realm = caRealm();
    const root = await createCa(realm, { name: 'root' });
    const sub = await createCa(realm, { name: 'sub', parent: 'root' });
    const { bytes } = await exportCa(realm, { name: 'sub', format: 'p7b' });
    expect(Buffer.from(bytes).toString()).toContain('-----BEGIN PKCS7-----');
    const printed = execFileSync('openssl', ['pkcs7', '-print_certs'], { encoding: 'utf8', input: bytes });
    const found = parsePem(printed.replace(/^(?:subject|issuer)=.*$/gm, '')).map((block) => parseCertificate(block.der).fingerprint);
    expect(found.toSorted()).toEqual([root.certificate.fingerprint, sub.certificate.fingerprint].toSorted());
    const password = new Secret('correct horse battery');
    const write: WritePkcs12 = (contents) => Promise.resolve(utf8(JSON.stringify([contents.friendlyName, contents.certificates.length])));
    expect(decodeUtf8((await exportCa(realm, { name: 'sub', format: 'p12', write, password })).bytes)).toBe('["sub",2]');
  });
});
