import { beforeEach, describe, expect, test } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { collectEnrollments, KEPT_AFTER_END } from '../../src/app/collect-enrollments.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { listEnrollments, showEnrollment } from '../../src/app/enrollments.ts';
import { issueAdmin } from '../../src/app/issue-admin.ts';
import { readCa } from '../../src/app/ca-records.ts';
import type { Peer } from '../../src/app/join-peer.ts';
import { mintRemotely } from '../../src/app/mint-remotely.ts';
import { listPeers, MAX_PEERS } from '../../src/app/peers.ts';
import { revocationsSince, REVOCATIONS_PAGE, watchRevocations } from '../../src/app/revocations.ts';
import { appendRevocations } from '../../src/app/revocation-log.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { revokeRemotely } from '../../src/app/revoke-remotely.ts';
import { trustAdoption } from '../../src/app/trust-adoption.ts';
import { recordTrustReport } from '../../src/app/trust-reports.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { JoinReply, RevocationEntry, TrustReport } from '../../src/core/join/messages.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { auditEvents, JOIN_DOMAIN, joinWorld, type JoinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';
import { codeOf } from './token-realm.ts';

let world: JoinWorld;
let admin: Peer;

beforeEach(async () => {
  world = await joinWorld({ config: { admins: [{ name: 'alice', may: ['cert.revoke', 'token.revoke', 'token.mint'] }] } });
  const { realm } = world;
  const { record } = await issueAdmin(realm, portableKeys, {
    name: 'alice',
    ca: 'node-issuing',
    keyType: 'p256',
    directory: `${realm.directory}/a`,
  });
  admin = peerAt('198.51.100.7', { certificate: parseCertificate(Buffer.from(record.certificate, 'base64')) });
});

interface Joined {
  readonly reply: JoinReply;
  readonly certificate: Certificate;
  readonly peer: Peer;
}

async function join(node: string, cluster = 'prod'): Promise<Joined> {
  const token = await world.mint({ clusters: [cluster] });
  const reply = await acceptJoin(world.service, { token, csr: (await nodeKey()).csr, node_id: node }, peerAt());
  const certificate = parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array);
  return { reply, certificate, peer: peerAt('192.0.2.8', { certificate }) };
}

const report = (version: number): TrustReport =>
  ({ purposes: { 'control-plane-https': { version, fingerprint: 'f'.repeat(64), updated_at: '2026-11-22T09:00:00Z' } } }) as TrustReport;
const put = (key: string, value: JsonObject | number) => world.realm.store.commit({ checks: [], writes: [{ key, value }], audit: [] });

describe('an admin from afar', () => {
  test('revokes a certificate by serial number or fingerprint', async () => {
    const [one, two] = [await join('n1'), await join('n2')];
    const serial = one.certificate.serialNumber;
    expect(await revokeRemotely(world.service, { serial, reason: 'keyCompromise' }, admin)).toEqual({ serials: [serial], already: false });
    expect(await revokeRemotely(world.service, { serial }, admin)).toEqual({ serials: [], already: true });
    const fingerprint = two.certificate.fingerprint as string as never;
    expect(await revokeRemotely(world.service, { fingerprint }, admin)).toMatchObject({ serials: [two.certificate.serialNumber] });
    expect(await codeOf(revokeRemotely(world.service, { fingerprint: '0'.repeat(64) as never }, admin))).toBe('ERR_CERTIFICATE_NOT_FOUND');
    const revoked = (await auditEvents(world.realm)).find(({ event }) => event === 'cert.revoke');
    expect(revoked).toMatchObject({ actor: { name: `spiffe://${JOIN_DOMAIN}/joinery/admin/alice`, verified: true } });
  });

  test('revokes no authority: it would take its whole fleet with it', async () => {
    const { realm, service } = world;
    const ca = await readCa(realm, 'node-issuing', 'test');
    expect(await codeOf(revokeRemotely(service, { serial: ca.certificate.serialNumber }, admin))).toBe('ERR_CERTIFICATE_NOT_FOUND');
    expect((await readCa(realm, 'node-issuing', 'test')).record.revoked).toBeUndefined();
  });

  test('revokes a node by name or identity', async () => {
    const [one, two] = [await join('n1'), await join('n2')];
    expect(await revokeRemotely(world.service, { node: 'n1', cluster: 'prod' }, admin)).toMatchObject({
      serials: [one.certificate.serialNumber],
    });
    expect(await revokeRemotely(world.service, { spiffe_id: two.reply.identity }, admin)).toMatchObject({
      serials: [two.certificate.serialNumber],
    });
    expect(await codeOf(revokeRemotely(world.service, { spiffe_id: 'spiffe://x/y' }, admin))).toBe('ERR_NODE_NOT_FOUND');
    expect(await revokeRemotely(world.service, { spiffe_id: two.reply.identity }, admin)).toEqual({ serials: [], already: true });
  });

  test('revokes and mints tokens', async () => {
    const request = { cluster: 'prod', role: 'worker', node: 'n1', ttl: 60, max_uses: 2, allow_reentry: true, labels: { zone: 'a' } };
    const minted = await mintRemotely(world.service, request, admin);
    expect(minted.expires_at).toBe('2026-11-22T10:01:00Z');
    const reply = await acceptJoin(world.service, { token: minted.token, csr: (await nodeKey()).csr }, peerAt());
    expect(reply.node_id).toBe('n1');
    expect(await revokeRemotely(world.service, { token: minted.id, reason: 'superseded' }, admin)).toEqual({
      serials: [],
      token: minted.id,
      already: false,
    });
    expect(await revokeRemotely(world.service, { token: minted.id }, admin)).toMatchObject({ already: true });
    expect((await mintRemotely(world.service, { cluster: 'prod', role: 'worker' }, admin)).id).toMatch(/^[0-9a-f-]{36}$/);
    expect(world.watched.outcomes.map(({ operation }) => operation)).toEqual(['mint', 'join', 'revoke', 'revoke', 'mint']);
  });

  test('is asked for', async () => {
    expect(await codeOf(revokeRemotely(world.service, { node: 'n1', cluster: 'prod' }, peerAt()))).toBe('ERR_JOIN_UNAUTHENTICATED');
    expect(await codeOf(mintRemotely(world.service, { cluster: 'prod', role: 'worker' }, (await join('n1')).peer))).toBe(
      'ERR_PEER_CERTIFICATE',
    );
  });
});

describe('the list of revocations', () => {
  test('is in order, with its cursor', async () => {
    const { realm } = world;
    expect(await revocationsSince(realm, 0)).toEqual({ revocations: [], next: 0 });
    const { certificate, reply } = await join('n1');
    await revokeNode(realm, { cluster: 'prod', node: 'n1', reason: 'keyCompromise' });
    const issuing = await createCa(realm, { name: 'old', parent: 'node-root' });
    await revokeCertificate(realm, { serial: issuing.certificate.serialNumber });
    const all = await revocationsSince(realm, 0);
    expect(all).toEqual({
      revocations: [
        {
          serial: certificate.serialNumber,
          fingerprint: certificate.fingerprint,
          spiffe_id: reply.identity,
          node: 'n1',
          cluster: 'prod',
          revoked_at: '2026-11-22T10:00:00Z',
          reason: 'keyCompromise',
          seq: 1,
        },
        {
          serial: issuing.certificate.serialNumber,
          fingerprint: issuing.certificate.fingerprint,
          revoked_at: '2026-11-22T10:00:00Z',
          reason: 'unspecified',
          seq: 2,
        },
      ],
      next: 2,
    });
    expect((await revocationsSince(realm, 1)).revocations).toHaveLength(1);
    expect(await revocationsSince(realm, 0, 1)).toMatchObject({ next: 1 });
    await put('revocation-log/000000000003', { serial: 'aa', at: 1, reason: 'unspecified' });
    expect((await revocationsSince(realm, 2)).revocations).toMatchObject([{ serial: 'aa', seq: 3 }]);
  });

  test('is followed page by page, and again after a failure', async () => {
    const { realm } = world;
    const seen: RevocationEntry[] = [];
    const failures: unknown[] = [];
    const stop = watchRevocations(
      realm,
      0,
      (entries) => void seen.push(...entries),
      (error) => void failures.push(error),
    );
    const entries = Array.from({ length: REVOCATIONS_PAGE + 5 }, (_, index) => ({
      serial: index.toString(16).padStart(4, '0'),
      at: 1,
      reason: 'unspecified' as const,
    }));
    const log = await appendRevocations(realm.store, entries);
    await realm.store.commit({ ...log, audit: [] });
    await expect.poll(() => seen.length).toBe(REVOCATIONS_PAGE + 5);
    await put('revocation-log/000000001006', 7);
    await expect.poll(() => failures.length).toBe(1);
    await put('revocation-log/000000001006', { serial: 'aa', at: 1, reason: 'unspecified' });
    await expect.poll(() => seen.at(-1)?.seq).toBe(1006);
    stop();
  });
});

describe('peers', () => {
  test('are the seeds and the nodes in good standing, with their reports', async () => {
    const { service, realm } = world;
    const [one, two] = [await join('n1'), await join('n2')];
    await join('n3', 'Edge');
    const first = await listPeers(service, 'prod');
    expect(first.reply.nodes.map(({ node }) => node)).toEqual(['n1', 'n2']);
    expect(first.reply.seed_peers.peers).toHaveLength(1);
    expect((await listPeers(service, 'prod')).etag).toBe(first.etag);
    await recordTrustReport(service, report(1), one.peer);
    expect((await listPeers(service, 'prod')).etag).toBe(first.etag);
    realm.clock.advance(10);
    const second = await listPeers(service, 'prod');
    expect(second.etag).not.toBe(first.etag);
    expect(second.reply.nodes[0]).toMatchObject({ node: 'n1', reported_at: '2026-11-22T10:00:00Z', trust: report(1).purposes });
    service.reconfigure(realm.config);
    await revokeNode(realm, { cluster: 'prod', node: 'n2' });
    expect((await listPeers(service, 'prod')).reply).toMatchObject({ nodes: [{ node: 'n1' }], truncated: false });
    expect(two.reply.node_id).toBe('n2');
    realm.clock.advance(86400);
    expect((await listPeers(service, 'prod')).reply.nodes).toEqual([]);
    expect(await codeOf(listPeers(service, 'nowhere'))).toBe('ERR_CLUSTER_UNKNOWN');
  });

  test('are no more than a reply holds', async () => {
    const { service, realm } = world;
    await join('n1');
    const record = realm.store.dump()['node/prod/n1'] as JsonObject;
    const writes = Array.from({ length: MAX_PEERS + 1 }, (_, index) => ({
      key: `node/prod/x${index}`,
      value: { ...record, node: `x${index}` },
    }));
    const list: typeof realm.store.list = (prefix, page = {}) => {
      if (prefix !== 'node/prod/') return realm.store.list(prefix, page);
      const start = page.after === undefined ? 0 : writes.findIndex(({ key }) => key === page.after) + 1;
      return Promise.resolve(writes.slice(start, start + (page.limit ?? 1000)).map((write) => ({ ...write, version: 1 })));
    };
    const many = { ...service, realm: { ...realm, store: { ...realm.store, list } }, configuredAt: service.configuredAt, peers: new Map() };
    const { reply } = await listPeers(many, 'prod');
    expect(reply.nodes).toHaveLength(MAX_PEERS);
    expect(reply.truncated).toBe(true);
  });
});

describe('reports of trust', () => {
  test('are taken as often as the limit of a token allows', async () => {
    const { peer, certificate } = await join('n1');
    const asked: string[] = [];
    const service = { ...world.service, admitToken: (id: string) => void asked.push(id) };
    await recordTrustReport(service, report(1), peer);
    expect(asked).toEqual([certificate.serialNumber]);
  });

  test('are kept, and recorded when they change', async () => {
    const { service, realm } = world;
    const { peer } = await join('n1');
    const size = await realm.store.auditSize();
    expect(await recordTrustReport(service, report(1), peer)).toEqual({ recorded_at: '2026-11-22T10:00:00Z' });
    realm.clock.advance(60);
    await recordTrustReport(service, report(1), peer);
    expect((await auditEvents(realm)).slice(size)).toMatchObject([{ event: 'join.trust_report', subject: 'n1' }]);
    await recordTrustReport(service, report(2), peer);
    expect((await realm.store.auditSize()) - size).toBe(2);
    expect(await codeOf(recordTrustReport(service, report(1), peerAt()))).toBe('ERR_JOIN_UNAUTHENTICATED');
  });

  test('add up to who runs what', async () => {
    const { service, realm } = world;
    expect(await trustAdoption(realm)).toMatchObject({ nodes: 0, complete: true });
    const [one, two, three] = [await join('n1'), await join('n2'), await join('n3')];
    await join('n4', 'Edge');
    await recordTrustReport(service, report(1), one.peer);
    await recordTrustReport(service, report(3), two.peer);
    await revokeNode(realm, { cluster: 'prod', node: 'n3' });
    expect(three.reply.node_id).toBe('n3');
    const adoption = await trustAdoption(realm);
    expect(adoption).toMatchObject({
      nodes: 3,
      complete: false,
      purposes: [
        {
          purpose: 'control-plane-https',
          active: 1,
          versions: [
            { version: 3, nodes: 1 },
            { version: 1, nodes: 1 },
          ],
          unreported: 1,
          behind: ['prod/n2', 'Edge/n4'],
        },
        { purpose: 'node-cert-lifecycle', unreported: 3 },
      ],
    });
    expect((await trustAdoption(realm, 'Edge')).nodes).toBe(1);
    expect(await codeOf(trustAdoption(realm, 'nowhere'))).toBe('ERR_CLUSTER_UNKNOWN');
  });
});

describe('enrollments', () => {
  test('are listed by cluster and name, page by page', async () => {
    const { realm } = world;
    for (const [node, cluster] of [
      ['n1', 'prod'],
      ['n2', 'prod'],
      ['e1', 'Edge'],
    ] as const)
      await join(node, cluster);
    const names = async (input: Parameters<typeof listEnrollments>[1]) => {
      const { enrollments, next } = await listEnrollments(realm, input);
      return [enrollments.map(({ record }) => record.node).join(' '), next];
    };
    expect(await names({ limit: 10 })).toEqual(['n1 n2 e1', undefined]);
    expect(await names({ limit: 2 })).toEqual(['n1 n2', 'prod/n2']);
    expect(await names({ limit: 2, after: 'prod/n2' })).toEqual(['e1', undefined]);
    expect(await names({ limit: 10, cluster: 'prod', after: 'prod/n1' })).toEqual(['n2', undefined]);
    expect(await codeOf(listEnrollments(realm, { limit: 1, cluster: 'nowhere' }))).toBe('ERR_CLUSTER_UNKNOWN');
  });

  test('are shown with their certificates and standing', async () => {
    expect(await codeOf(showEnrollment(world.realm, 'n\u001b[31m'))).toBe('ERR_INPUT_MALFORMED');
    const { realm, service } = world;
    const { certificate, peer } = await join('n1');
    await recordTrustReport(service, report(1), peer);
    expect(await showEnrollment(realm, 'n1')).toMatchObject({
      state: 'valid',
      record: { node: 'n1' },
      report: { purposes: report(1).purposes },
      certificates: [{ serial: certificate.serialNumber }],
    });
    await revokeNode(realm, { cluster: 'prod', node: 'n1' });
    expect((await showEnrollment(realm, 'n1', 'prod')).state).toBe('revoked');
    await join('n2');
    realm.clock.advance(86400);
    expect(await showEnrollment(realm, 'n2')).toMatchObject({ state: 'expired', certificates: [] });
    expect(await codeOf(showEnrollment(realm, 'n9'))).toBe('ERR_NODE_NOT_FOUND');
    await join('n1', 'Edge');
    expect(await codeOf(showEnrollment(realm, 'n1'))).toBe('ERR_USAGE');
  });

  test('of which a certificate was lost are shown without it', async () => {
    const { certificate } = await join('n1');
    await world.realm.store.commit({ checks: [], writes: [{ key: `cert/${certificate.serialNumber}`, delete: true }], audit: [] });
    expect((await showEnrollment(world.realm, 'n1')).certificates).toEqual([]);
  });

  test('that ended are forgotten a week later, and only those', async () => {
    const { realm } = world;
    const { certificate } = await join('n1');
    realm.clock.advance(86400 + KEPT_AFTER_END - 1);
    await join('n2');
    expect((await collectEnrollments(realm)).certificates).toEqual({ removed: 0, kept: 2 });
    realm.clock.advance(1);
    const size = await realm.store.auditSize();
    expect((await collectEnrollments(realm)).certificates).toEqual({ removed: 1, kept: 1 });
    expect((await auditEvents(realm)).slice(size)).toMatchObject([{ event: 'join.collect', details: { removed: 1 } }]);
    const left = Object.keys(realm.store.dump()).filter(
      (key) => key.endsWith(certificate.serialNumber) || key.endsWith(certificate.fingerprint),
    );
    expect(left).toEqual([`cert/${certificate.serialNumber}`]);
    expect((await showEnrollment(realm, 'n1')).state).toBe('expired');
    realm.clock.advance(10 * 86400);
    await join('n3');
    realm.clock.advance(-5 * 86400);
    expect((await collectEnrollments(realm)).certificates).toEqual({ removed: 0, kept: 2 });
  });
});
