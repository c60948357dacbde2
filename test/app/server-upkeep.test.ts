/** What a server does on its own: its certificate, revocation lists, public documents, and connections that count no more. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { activateTrust } from '../../src/app/activate-trust.ts';
import { caKey } from '../../src/app/ca-records.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { findIssuer } from '../../src/app/find-issuer.ts';
import { issueCrl } from '../../src/app/issue-crl.ts';
import { openPublicDocuments } from '../../src/app/public-documents.ts';
import { publishTrust } from '../../src/app/publish-trust.ts';
import { refreshCrls } from '../../src/app/refresh-crls.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { revokedFingerprint, spentPeers } from '../../src/app/revoked-peers.ts';
import { undoCertificateHold } from '../../src/app/undo-revocation.ts';
import { serverCertificate, serverNames } from '../../src/app/server-certificate.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import type { Fingerprint } from '../../src/core/digest.ts';
import { decodeUtf8, parsePem } from '../../src/core/encoding.ts';
import type { RealmConfig } from '../../src/core/realm/config.ts';
import type { Instant, Seconds } from '../../src/core/time.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import { auditEvents, type JoinRealm, joinRealm } from '../fakes/join-realm.ts';

let realm: JoinRealm;
beforeEach(async () => {
  realm = await joinRealm();
});

const DAY = 86400;
const withServer = (server: NonNullable<RealmConfig['server']>): JoinRealm => ({ ...realm, config: { ...realm.config, server } });
const leafOf = (pem: string) => parseCertificate(parsePem(pem)[0]?.der as Uint8Array);

describe('servers that start at the same moment', () => {
  it('end up with one certificate', async () => {
    const started = await Promise.all([serverCertificate(realm), serverCertificate(realm), serverCertificate(realm)]);
    expect(new Set(started.map(({ serial }) => serial)).size).toBe(1);
    expect(started.filter(({ issued }) => issued)).toHaveLength(1);
  });

  it('give up when the realm changes under their hands each time', async () => {
    const commit = () => Promise.resolve({ ok: false as const, conflict: 'server-certificate' });
    const busy = { ...realm, store: { ...realm.store, commit } };
    await expect(serverCertificate(busy)).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' });
  });
});

describe('the authority that issues', () => {
  it('is the newest online one under an active anchor', async () => {
    expect((await findIssuer(realm, 'control-plane-https', 'x')).record.name).toBe('web-issuing');
    realm.clock.advance(10);
    await createCa(realm, { name: 'another', parent: 'web-root' });
    expect((await findIssuer(realm, 'control-plane-https', 'x')).record.name).toBe('another');
    realm.clock.advance(10);
    await createCa(realm, { name: 'web-issuing-2', parent: 'web-root' });
    expect((await findIssuer(realm, 'control-plane-https', 'x')).record.name).toBe('web-issuing-2');
    expect((await findIssuer(realm, 'node-cert-lifecycle', 'x')).record.name).toBe('node-issuing');
  });

  it('is none that is revoked, has ended or has not begun', async () => {
    const { certificate } = await findIssuer(realm, 'control-plane-https', 'x');
    realm.clock.set((certificate.notBefore - 1) as Instant);
    await expect(findIssuer(realm, 'control-plane-https', 'server.certificate.ca')).rejects.toMatchObject({ code: 'ERR_SERVER_ISSUER' });
    realm.clock.set((certificate.notAfter + 1) as Instant);
    await expect(findIssuer(realm, 'control-plane-https', 'x')).rejects.toMatchObject({ code: 'ERR_SERVER_ISSUER' });
    realm.clock.set((certificate.notBefore + 100) as Instant);
    await revokeCertificate(realm, { serial: certificate.serialNumber });
    await expect(findIssuer(realm, 'control-plane-https', 'x')).rejects.toMatchObject({ code: 'ERR_SERVER_ISSUER' });
  });

  it('follows a rotation of the anchors: in the window what every node knows, then the new one', async () => {
    await createCa(realm, { name: 'web-root-2' });
    realm.clock.advance(10);
    await createCa(realm, { name: 'web-issuing-2', parent: 'web-root-2' });
    const name = async () => (await findIssuer(realm, 'control-plane-https', 'x')).record.name;
    const publish = {
      purpose: 'control-plane-https',
      cas: ['web-root-2'],
      pems: [],
      reason: undefined,
      sharedAnchorReason: undefined,
    } as const;
    expect(await name()).toBe('web-issuing');
    await publishTrust(realm, { ...publish, expires: (365 * DAY) as Seconds, grace: (30 * DAY) as Seconds });
    await activateTrust(realm, { purpose: 'control-plane-https', version: 2 });
    expect(await name()).toBe('web-issuing');
    const { certificate } = await findIssuer(realm, 'control-plane-https', 'x');
    await revokeCertificate(realm, { serial: certificate.serialNumber });
    expect(await name()).toBe('web-issuing-2');
    await publishTrust(realm, { ...publish, expires: (365 * DAY) as Seconds, grace: undefined });
    await activateTrust(realm, { purpose: 'control-plane-https', version: 3 });
    expect(await name()).toBe('web-issuing-2');
  });

  it('is none before any trust is active', async () => {
    const { store } = realm;
    const bare = { ...realm, store: { ...store, get: async (key: string) => (key.startsWith('trust/') ? undefined : store.get(key)) } };
    await expect(findIssuer(bare, 'control-plane-https', 'x')).rejects.toMatchObject({ code: 'ERR_SERVER_ISSUER' });
  });
});

describe('the certificate of the server', () => {
  it('names the hosts of the join URLs, sends its root, and is kept until two thirds of its life are over', async () => {
    const first = await serverCertificate(realm);
    expect(first).toMatchObject({ ca: 'web-issuing', names: ['DNS:boot.control.example.internal'], issued: true });
    expect(parsePem(first.chainPem)).toHaveLength(3);
    expect(new X509Certificate(first.chainPem).checkPrivateKey(createPrivateKey(first.keyPem.reveal()))).toBe(true);
    const again = await serverCertificate(realm);
    expect([again.chainPem, again.issued]).toEqual([first.chainPem, false]);
    realm.clock.set(first.renewAfter);
    const renewed = await serverCertificate(realm);
    expect([renewed.issued, renewed.serial === first.serial]).toEqual([true, false]);
    expect(renewed.notAfter).toBe(realm.clock.now() + 30 * DAY);
    expect((await auditEvents(realm)).slice(-1)).toMatchObject([{ event: 'cert.renew', details: { renews: first.serial } }]);
    // The key of the one before is gone with it.
    expect([...realm.vault.keys.keys()].filter((file) => file.includes('server-tls'))).toHaveLength(1);
  });

  it('is issued anew for other names, another authority, and after a revocation', async () => {
    const { serial } = await serverCertificate(realm);
    const named = withServer({ certificate: { dns: ['a.example'], ip: ['10.0.0.1'], lifetime: 3600 } });
    const other = await serverCertificate(named);
    expect(other).toMatchObject({ names: ['DNS:a.example', 'IP:10.0.0.1'], issued: true });
    expect(other.notAfter).toBe(realm.clock.now() + 3600);
    await createCa(realm, { name: 'extra', parent: 'web-root' });
    expect(await serverCertificate(withServer({ certificate: { ca: 'extra' } }))).toMatchObject({ ca: 'extra', issued: true });
    const { serial: last } = await serverCertificate(realm);
    await revokeCertificate(realm, { serial: last });
    expect((await serverCertificate(realm)).serial).not.toBe(last);
    expect(serial).not.toBe(last);
  });

  it('is none without a name, and under an authority that is none', async () => {
    const nameless = { ...realm, config: { ...realm.config, clusters: [{ name: 'prod', roles: ['worker'] }] } };
    await expect(serverCertificate(nameless)).rejects.toMatchObject({ code: 'ERR_SERVER_CERTIFICATE' });
    await expect(serverCertificate(withServer({ certificate: { ca: 'none' } }))).rejects.toMatchObject({ code: 'ERR_CA_NOT_FOUND' });
    const urls = ['https://[2001:db8::1]:8443/x', 'https://10.0.0.1', 'https://a.example:1', 'https://a.example:2'];
    const { config } = nameless;
    const clusters = [{ name: 'prod', roles: ['worker'], join_urls: urls }];
    expect(serverNames({ ...config, clusters })).toHaveLength(3);
  });
});

describe('revocation lists', () => {
  it('are issued once, then when half their life is over or something was revoked', async () => {
    const names = async (changed?: ReadonlySet<string>) => (await refreshCrls(realm, changed)).issued.map(({ name }) => name);
    expect(await names()).toEqual(['node-issuing', 'web-issuing']);
    expect([await names(), await names(new Set())]).toEqual([[], []]);
    const { serial } = await serverCertificate(realm);
    realm.clock.advance(60);
    await revokeCertificate(realm, { serial });
    realm.clock.advance(1);
    expect([await names(new Set()), await names()]).toEqual([[], ['web-issuing']]);
    realm.clock.advance(60);
    expect([await names(), await names(new Set(['node-issuing']))]).toEqual([[], ['node-issuing']]);
    realm.clock.advance(4 * DAY);
    expect(await names(new Set())).toEqual(['node-issuing', 'web-issuing']);
  });

  it('say which of them failed, and throw bugs', async () => {
    await refreshCrls(realm);
    realm.clock.advance(-10);
    const { issued, failed } = await refreshCrls(realm);
    expect([issued, failed.map(({ name, error }) => `${name} ${error.code}`)]).toEqual([
      [],
      ['node-issuing ERR_CLOCK_BEHIND', 'web-issuing ERR_CLOCK_BEHIND'],
    ]);
    realm.clock.advance(5 * DAY);
    const broken = { ...realm, random: undefined as never, files: undefined as never };
    await expect(refreshCrls(broken)).rejects.toBeInstanceOf(TypeError);
  });
});

describe('public documents', () => {
  it('are made once, kept, and made again when something changes', async () => {
    const documents = openPublicDocuments(realm);
    const read = async (made: Promise<{ bytes: Uint8Array }>) => JSON.parse(decodeUtf8((await made).bytes)) as JsonObject;
    const chain = await documents.trust('control-plane-https');
    expect(await documents.trust('control-plane-https')).toBe(chain);
    expect(chain.etag).toMatch(/^"[0-9a-f]{32}"$/);
    expect(await read(documents.trust('node-cert-lifecycle', 1))).toMatchObject({ schema: 'joinery/trust-chain/1' });
    const { anchors } = (await read(documents.anchors())) as { anchors: JsonObject[] };
    expect(anchors.map(({ purpose }) => purpose)).toEqual(['control-plane-https', 'node-cert-lifecycle']);
    expect(decodeUtf8((await documents.bundlePem('control-plane-https')).bytes)).toBe(
      readFileSync(`${realm.directory}/ca/web-root.crt`, 'utf8'),
    );
    expect(await read(documents.spiffeBundle())).toMatchObject({ spiffe_sequence: 1 });
    const none = { grace: undefined, reason: undefined, sharedAnchorReason: undefined, pems: [] };
    await publishTrust(realm, { purpose: 'control-plane-https', cas: ['web-root'], expires: (365 * DAY) as Seconds, ...none });
    await expect(documents.trust('control-plane-https', 2)).rejects.toMatchObject({ code: 'ERR_TRUST_NOT_FOUND' });
    await activateTrust(realm, { purpose: 'control-plane-https', version: 2 });
    expect((await documents.trust('control-plane-https')).etag).not.toBe(chain.etag);
    documents.close();
  });

  it('hold the newest list of an authority, and know when a file is not there yet', async () => {
    const documents = openPublicDocuments(realm);
    await expect(documents.crl('node-issuing')).rejects.toMatchObject({ code: 'ERR_CRL_NOT_FOUND' });
    await expect(documents.crl('nobody')).rejects.toMatchObject({ code: 'ERR_CA_NOT_FOUND' });
    const first = await issueCrl(realm, { name: 'node-issuing' });
    await Promise.resolve();
    const shown = await documents.crl('node-issuing');
    expect([shown.type, Buffer.from(shown.bytes)]).toEqual(['application/pkix-crl', Buffer.from(first.der)]);
    expect(await documents.crl('node-issuing')).toBe(shown);
    // Another process has committed the next number and not yet written the file: what is there is shown, and not kept.
    const crl = await realm.store.get('crl/node-issuing');
    await realm.store.commit({
      checks: [],
      writes: [{ key: 'crl/node-issuing', value: { ...(crl?.value as JsonObject), number: 2 } }],
      audit: [],
    });
    const before = await documents.crl('node-issuing');
    expect(before.etag).toBe(shown.etag);
    expect(await documents.crl('node-issuing')).not.toBe(before);
    expect(parseRevocationList(before.bytes).revoked.size).toBe(0);
    rmSync(`${realm.directory}/ca/node-issuing.crl`);
    await expect(documents.crl('node-issuing')).rejects.toMatchObject({ code: 'ERR_CRL_NOT_FOUND' });
    documents.close();
  });
});

describe('connections', () => {
  it('end with their certificate: when it ends, is revoked, is none of ours, or its authority is revoked', async () => {
    const { chainPem, serial, notAfter } = await serverCertificate(realm);
    const { fingerprint } = leafOf(chainPem);
    const peer = { fingerprint, serial, notAfter };
    const stranger = { ...peer, serial: '00'.repeat(16), fingerprint: 'ab'.repeat(32) as Fingerprint };
    const twin = { ...peer, fingerprint: 'cd'.repeat(32) as Fingerprint };
    expect(await spentPeers(realm, [peer, stranger, twin])).toEqual([stranger.fingerprint, twin.fingerprint]);
    expect(await spentPeers({ ...realm, clock: { now: () => (notAfter + 1) as Instant } }, [peer])).toEqual([fingerprint]);
    const changed = `revocation/web-issuing/${serial}`;
    expect(await revokedFingerprint(realm, changed)).toBeUndefined();
    await revokeCertificate(realm, { serial, reason: 'certificateHold' });
    expect(await revokedFingerprint(realm, changed)).toBe(fingerprint);
    await undoCertificateHold(realm, { serial });
    expect(await revokedFingerprint(realm, changed)).toBeUndefined();
    expect(await revokedFingerprint(realm, `revocation/web-root/${'11'.repeat(16)}`)).toBeUndefined();
    const { certificate } = await findIssuer(realm, 'control-plane-https', 'x');
    await revokeCertificate(realm, { serial: certificate.serialNumber });
    expect((await realm.store.get(caKey('web-issuing')))?.value).toMatchObject({ revoked: { reason: 'unspecified' } });
    expect(await spentPeers(realm, [peer])).toEqual([fingerprint]);
  });

  it('end when an authority far above is revoked', async () => {
    const { certificate } = await createCa(realm, { name: 'mid', parent: 'web-root', pathLen: 1 });
    await createCa(realm, { name: 'low', parent: 'mid' });
    const { chainPem, serial, notAfter } = await serverCertificate(withServer({ certificate: { ca: 'low' } }));
    const { fingerprint } = leafOf(chainPem);
    expect(await spentPeers(realm, [{ fingerprint, serial, notAfter }])).toEqual([]);
    await revokeCertificate(realm, { serial: certificate.serialNumber });
    expect(await spentPeers(realm, [{ fingerprint, serial, notAfter }])).toEqual([fingerprint]);
  });

  it('end with a certificate that is revoked', async () => {
    const { chainPem, serial, notAfter } = await serverCertificate(realm);
    const { fingerprint } = leafOf(chainPem);
    await revokeCertificate(realm, { serial });
    expect(await spentPeers(realm, [{ fingerprint, serial, notAfter }])).toEqual([fingerprint]);
  });
});
