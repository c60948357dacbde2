import { beforeEach, describe, expect, test } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { authenticateAdmin, authenticateNode, authenticateReader } from '../../src/app/authenticate.ts';
import { certificateKey } from '../../src/app/certificate-records.ts';
import { issueAdmin } from '../../src/app/issue-admin.ts';
import type { LoadedPolicy } from '../../src/app/load-policy.ts';
import { MAX_LIVE_CERTIFICATES, nodeKey as storeKeyOfNode } from '../../src/app/node-records.ts';
import { renewNode } from '../../src/app/renew-node.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { signCertificate } from '../../src/app/sign-certificate.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import { readCsrPem } from '../../src/core/join/node-key.ts';
import { parsePolicy } from '../../src/core/policy/document.ts';
import { compilePolicy } from '../../src/core/policy/evaluate.ts';
import type { Seconds } from '../../src/core/time.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { auditEvents, JOIN_DOMAIN, joinWorld, type JoinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';
import { codeOf } from './token-realm.ts';

let world: JoinWorld;
let reply: JoinReply;
let certificate: Certificate;
const certificateIn = (found: JoinReply) => parseCertificate(parsePem(found.certificate_pem)[0]?.der as Uint8Array);

beforeEach(async () => {
  world = await joinWorld();
  reply = await acceptJoin(
    world.service,
    { token: await world.mint({ labels: { zone: 'a' } }), csr: (await nodeKey()).csr, node_id: 'n1' },
    peerAt(),
  );
  certificate = certificateIn(reply);
});

const renew = (csr: string, presented: Certificate | undefined = certificate, { service } = world) =>
  renewNode(service, { csr }, peerAt('192.0.2.9', { certificate: presented }));
const newCsr = async () => (await nodeKey()).csr;

function put(key: string, value: JsonObject) {
  return world.realm.store.commit({ checks: [], writes: [{ key, value }], audit: [] });
}

describe('a renewal', () => {
  test('gives the same identity for a new key and time', async () => {
    const { realm, service, watched } = world;
    realm.clock.advance(3600);
    const size = await realm.store.auditSize();
    const renewed = await renew(await newCsr());
    expect(renewed).toMatchObject({
      cluster: 'prod',
      role: 'worker',
      node_id: 'n1',
      identity: reply.identity,
      expires_at: '2026-11-23T11:00:00Z',
    });
    expect(certificateIn(renewed).serialNumber).not.toBe(certificate.serialNumber);
    const by = { name: reply.identity, verified: true };
    expect((await auditEvents(realm)).slice(size)).toMatchObject([
      { event: 'cert.renew', actor: by },
      { event: 'renew.accept', actor: by },
    ]);
    expect(watched.outcomes.at(-1)).toMatchObject({ operation: 'renew', result: 'accepted', cluster: 'prod', node: 'n1' });
    expect(realm.store.dump()[storeKeyOfNode('prod', 'n1')]).toMatchObject({ epoch: 1, labels: { zone: 'a' }, certificates: [{}, {}] });
    const again = await renewNode(service, { csr: await newCsr() }, peerAt('a', { certificate: certificateIn(renewed) }));
    expect(again.identity).toBe(reply.identity);
  });

  test('gives the same key the same answer, and another key none', async () => {
    const csr = await newCsr();
    const first = await renew(csr);
    world.realm.clock.advance(60);
    expect(await renew(csr)).toEqual(first);
    expect(world.watched.outcomes.at(-1)).toMatchObject({ result: 'same-request' });
    expect(await codeOf(renew(await newCsr()))).toBe('ERR_RENEW_KEY');
    expect(world.watched.alerts).toMatchObject([{ kind: 'second-renewal-key', node: 'n1', subject: certificate.serialNumber }]);
    expect((await auditEvents(world.realm)).at(-1)).toMatchObject({
      event: 'renew.refuse',
      reason: 'ERR_RENEW_KEY',
      actor: { name: reply.identity, verified: true },
    });
  });

  test('is one when two ask at once', async () => {
    const csr = await newCsr();
    const [one, two] = await Promise.all([renew(csr), renew(csr)]);
    expect(one).toEqual(two);
  });

  test('asks the policy again', async () => {
    const document = parsePolicy(
      { apiVersion: 'joinery.dev/v1', kind: 'JoinPolicy', metadata: { name: 'strict', version: 1 }, spec: { rules: [] } },
      'policy',
    );
    const loaded: LoadedPolicy = { policy: compilePolicy(document), name: 'strict', version: 1 };
    const service = { ...world.service, policies: { current: () => loaded, reload: () => Promise.resolve([]) } };
    expect(await codeOf(renewNode(service, { csr: await newCsr() }, peerAt('a', { certificate })))).toBe('ERR_POLICY_DENIED');
  });

  test('keeps the evidence of the join', async () => {
    const key = `node-cert/${certificate.serialNumber}`;
    const attestation = { provider: 'tpm', claims: { a: 1 }, issued_at: 1, digest: 'd', verified_at: 2 };
    await put(key, { ...(world.realm.store.dump()[key] as JsonObject), attestation });
    const next = certificateIn(await renew(await newCsr()));
    expect(world.realm.store.dump()[`node-cert/${next.serialNumber}`]).toMatchObject({ attestation });
    await put(`node-cert/${next.serialNumber}`, {
      ...(world.realm.store.dump()[`node-cert/${next.serialNumber}`] as JsonObject),
      attestation: { ...attestation, claims: 'none' },
    });
    expect((await renew(await newCsr(), next)).node_id).toBe('n1');
  });
});

describe('somebody is told', () => {
  const kinds = () => world.watched.alerts.map(({ kind, subject, count, reason }) => ({ kind, subject, count, reason }));
  const frequent = (count: number) => ({ kind: 'frequent-renewals', subject: 'n1', count, reason: 'none' });

  async function renewTimes(times: number, service = world.service): Promise<void> {
    for (let index = 0; index < times; index++) {
      world.realm.clock.advance(60);
      certificate = certificateIn(await renewNode(service, { csr: await newCsr() }, peerAt('a', { certificate })));
    }
  }

  const told = (alerts: object) => {
    world.service.reconfigure({ ...world.realm.config, server: { alerts } });
  };

  test('of a node that renews again and again, from eight certificates on, and no more once they have ended', async () => {
    await renewTimes(6);
    expect(kinds()).toEqual([]);
    await renewTimes(2);
    expect(kinds()).toEqual([frequent(8), frequent(9)]);
    world.realm.clock.advance(86400 - 300);
    await renewTimes(1);
    expect(world.watched.alerts).toHaveLength(2);
  });

  test('as the configuration says: from how many on, and of which age', async () => {
    told({ renewals: 3, renewals_within: 150 });
    await renewTimes(2);
    expect(kinds()).toEqual([frequent(3)]);
    world.realm.clock.advance(600);
    await renewTimes(1);
    expect(kinds()).toHaveLength(1);
  });

  test('by records from before there was a time in them', async () => {
    const key = storeKeyOfNode('prod', 'n1');
    const record = world.realm.store.dump()[key] as JsonObject & { certificates: readonly JsonObject[] };
    await put(key, { ...record, certificates: record.certificates.map(({ serial, not_after }) => ({ serial, not_after }) as JsonObject) });
    told({ renewals: 3, renewals_within: 100 });
    await renewTimes(2);
    expect(kinds()).toEqual([]);
  });

  test('of a node that is renewed from two keys', async () => {
    const { service, realm } = world;
    const thief = certificate;
    const kept = await nodeKey();
    const again = await acceptJoin(service, { token: await world.mint(), csr: kept.csr, node_id: 'n2' }, peerAt());
    realm.clock.advance(60);
    const newest = await acceptJoin(service, { token: await world.mint(), csr: kept.csr, node_id: 'n2' }, peerAt());
    await renew(await newCsr(), certificateIn(newest));
    expect(kinds()).toEqual([]);
    // The same key joined twice: each of its certificates begins a line of its own.
    await renew(await newCsr(), certificateIn(again));
    const fork = { kind: 'renewal-fork', count: undefined };
    expect(kinds()).toEqual([{ ...fork, reason: 'none', subject: certificateIn(again).serialNumber }]);
    await acceptJoin(service, { token: await world.mint({ node: 'n1', allowReentry: true }), csr: await newCsr() }, peerAt());
    expect(await codeOf(renew(await newCsr(), thief))).toBe('ERR_RENEW_SUPERSEDED');
    expect(kinds().at(-1)).toEqual({ ...fork, reason: 'ERR_RENEW_SUPERSEDED', subject: thief.serialNumber });
  });
});

describe('a renewal is refused', () => {
  test('without a certificate of this realm, as one code', async () => {
    expect(await codeOf(renewNode(world.service, { csr: await newCsr() }, peerAt()))).toBe('ERR_JOIN_UNAUTHENTICATED');
    const elsewhere = await joinWorld();
    const stranger = await acceptJoin(elsewhere.service, { token: await elsewhere.mint(), csr: await newCsr() }, peerAt());
    expect(await codeOf(renew(await newCsr(), { ...certificate, fingerprint: certificateIn(stranger).fingerprint }))).toBe(
      'ERR_JOIN_UNAUTHENTICATED',
    );
    expect(await codeOf(renew(await newCsr(), { ...certificate, serialNumber: '00' }))).toBe('ERR_JOIN_UNAUTHENTICATED');
    expect(await codeOf(renew(await newCsr(), { ...certificate, serialNumber: '0'.repeat(40) }))).toBe('ERR_JOIN_UNAUTHENTICATED');
  });

  test('when the certificate has expired or is revoked, or its authority is', async () => {
    const key = certificateKey(certificate.serialNumber);
    const record = world.realm.store.dump()[key] as JsonObject;
    await put('ca/node-issuing', {
      ...(world.realm.store.dump()['ca/node-issuing'] as JsonObject),
      revoked: { at: 1, reason: 'cACompromise' },
    });
    expect(await codeOf(renew(await newCsr()))).toBe('ERR_CA_REVOKED');
    await put(key, { ...record, revoked: { at: 1, reason: 'keyCompromise' } });
    expect(await codeOf(renew(await newCsr()))).toBe('ERR_CERTIFICATE_REVOKED');
    world.realm.clock.advance(86400);
    expect(await codeOf(renew(await newCsr()))).toBe('ERR_CERTIFICATE_EXPIRED');
  });

  test('when the node is revoked', async () => {
    const key = storeKeyOfNode('prod', 'n1');
    await put(key, { ...(world.realm.store.dump()[key] as JsonObject), revoked: { at: 1, reason: 'keyCompromise' } });
    expect(await codeOf(renew(await newCsr()))).toBe('ERR_NODE_REVOKED');
  });

  test('for a key whose certificate was revoked', async () => {
    const other = await nodeKey();
    const { service, realm } = world;
    const second = certificateIn(await acceptJoin(service, { token: await world.mint(), csr: other.csr }, peerAt()));
    await revokeCertificate(realm, { serial: second.serialNumber, reason: 'keyCompromise' });
    expect(await codeOf(renew(other.csr))).toBe('ERR_NODE_REVOKED');
  });

  test('for a key that is revoked as another node’s', async () => {
    const other = await nodeKey();
    const { service, realm } = world;
    const joins = async (node: string) =>
      certificateIn(await acceptJoin(service, { token: await world.mint(), csr: other.csr, node_id: node }, peerAt()));
    const [one, two] = [await joins('k1'), await joins('k2')];
    await revokeCertificate(realm, { serial: one.serialNumber, reason: 'keyCompromise' });
    expect(await codeOf(renew(await newCsr(), two))).toBe('ERR_NODE_REVOKED');
  });

  test('while its record has no room for one more, which a revocation would have to find', async () => {
    const { store, clock } = world.realm;
    const key = storeKeyOfNode('prod', 'n1');
    const record = store.dump()[key] as JsonObject;
    const end = clock.now() + 1000;
    const certificates = Array.from({ length: MAX_LIVE_CERTIFICATES }, (_, index) => ({ serial: `${index}`, not_after: end + index }));
    await store.commit({ checks: [], writes: [{ key, value: { ...record, certificates } }], audit: [] });
    await expect(renew(await newCsr())).rejects.toMatchObject({ code: 'ERR_RATE_LIMITED', details: { retry_after: 1000 } });
    clock.advance(1000);
    expect((await renew(await newCsr())).node_id).toBe('n1');
    expect((store.dump()[key] as { certificates: unknown[] }).certificates).toHaveLength(MAX_LIVE_CERTIFICATES);
  });

  test('once the node entered again under another key', async () => {
    const token = await world.mint({ node: 'n1', allowReentry: true });
    const entered = await acceptJoin(world.service, { token, csr: await newCsr() }, peerAt());
    expect(await codeOf(renew(await newCsr()))).toBe('ERR_RENEW_SUPERSEDED');
    expect((await renew(await newCsr(), certificateIn(entered))).node_id).toBe('n1');
  });

  test('for a certificate that is no node’s', async () => {
    const csr = readCsrPem(await newCsr());
    const names = [{ kind: 'uri', value: `spiffe://${JOIN_DOMAIN}/by-hand/n7` }] as const;
    const input = { csr, what: 'csr', ca: 'node-issuing', names, namesFromRequest: false, strict: false };
    const { leaf } = await signCertificate(world.realm, { ...input, profile: 'node' });
    expect(await codeOf(renew(await newCsr(), parseCertificate(leaf.der)))).toBe('ERR_PEER_CERTIFICATE');
    const names2 = [{ kind: 'dns', value: 'web.example' }] as const;
    const server = await signCertificate(world.realm, { ...input, names: names2, profile: 'server', ttl: 60 as Seconds });
    expect(await codeOf(authenticateNode(world.service, peerAt('a', { certificate: parseCertificate(server.leaf.der) })))).toBe(
      'ERR_PEER_CERTIFICATE',
    );
  });
});

test('a certificate in good standing is known by its node', async () => {
  expect(await authenticateNode(world.service, peerAt('a', { certificate }))).toMatchObject({
    cluster: 'prod',
    node: 'n1',
    role: 'worker',
  });
});

test('a reader is a node, and a refusal of one is noted', async () => {
  expect((await authenticateReader(world.service, peerAt('a', { certificate }))).node).toBe('n1');
  await revokeNode(world.realm, { cluster: 'prod', node: 'n1' });
  expect(await codeOf(authenticateReader(world.service, peerAt('a', { certificate })))).toBe('ERR_CERTIFICATE_REVOKED');
  expect((await auditEvents(world.realm)).at(-1)).toMatchObject({
    event: 'join.refuse',
    subject: certificate.serialNumber,
    details: { operation: 'read' },
  });
  expect(await codeOf(authenticateReader(world.service, peerAt('a')))).toBe('ERR_JOIN_UNAUTHENTICATED');
});

describe('an admin', () => {
  const issue = async (name: string) => {
    const { record } = await issueAdmin(world.realm, portableKeys, {
      name,
      ca: 'node-issuing',
      keyType: 'p256',
      directory: `${world.realm.directory}/${name}`,
    });
    return parseCertificate(Buffer.from(record.certificate, 'base64'));
  };

  test('may do what the configuration says, while it says so', async () => {
    world = await joinWorld({ config: { admins: [{ name: 'alice', may: ['cert.revoke'] }] } });
    const alice = peerAt('a', { certificate: await issue('alice') });
    expect(await authenticateAdmin(world.service, alice, 'cert.revoke')).toEqual({
      name: `spiffe://${JOIN_DOMAIN}/joinery/admin/alice`,
      verified: true,
    });
    expect(await codeOf(authenticateAdmin(world.service, alice, 'token.mint'))).toBe('ERR_ADMIN_DENIED');
    world.service.reconfigure({ ...world.realm.config, admins: [] });
    expect(await codeOf(authenticateAdmin(world.service, alice, 'cert.revoke'))).toBe('ERR_ADMIN_DENIED');
    const { admins: _none, ...without } = world.realm.config;
    world.service.reconfigure(without);
    expect(await codeOf(authenticateAdmin(world.service, alice, 'cert.revoke'))).toBe('ERR_ADMIN_DENIED');
    expect(await codeOf(authenticateNode(world.service, alice))).toBe('ERR_PEER_CERTIFICATE');
  });

  test('is not a node', async () => {
    expect(await codeOf(authenticateAdmin(world.service, peerAt('a', { certificate }), 'token.mint'))).toBe('ERR_PEER_CERTIFICATE');
    expect(await codeOf(authenticateAdmin(world.service, peerAt(), 'token.mint'))).toBe('ERR_JOIN_UNAUTHENTICATED');
  });
});

describe('the revocation of a node', () => {
  test('revokes all of its certificates in one step, once', async () => {
    const next = certificateIn(await renew(await newCsr()));
    const { realm } = world;
    const size = await realm.store.auditSize();
    const result = await revokeNode(realm, { cluster: 'prod', node: 'n1', reason: 'keyCompromise' });
    expect(result).toEqual({ serials: [certificate.serialNumber, next.serialNumber], already: false });
    expect((await auditEvents(realm)).slice(size).map(({ event }) => event)).toEqual(['revocation.node', 'cert.revoke', 'cert.revoke']);
    expect(await revokeNode(realm, { cluster: 'prod', node: 'n1' })).toEqual({ serials: [], already: true });
    expect(await codeOf(revokeNode(realm, { cluster: 'prod', node: 'n2' }))).toBe('ERR_NODE_NOT_FOUND');
    for (const serial of [certificate, next]) expect(await codeOf(renew(await newCsr(), serial))).toBe('ERR_CERTIFICATE_REVOKED');
  });

  test('leaves those that ended, and those that were revoked, as they are', async () => {
    const { realm } = world;
    realm.clock.advance(86400 / 2);
    const next = certificateIn(await renew(await newCsr()));
    await revokeCertificate(realm, { serial: next.serialNumber });
    realm.clock.advance(86400 / 2);
    expect(await revokeNode(realm, { cluster: 'prod', node: 'n1' })).toEqual({ serials: [], already: false });
  });
});

describe('a revocation in the moment of a renewal', () => {
  /** Does something between what the renewal has judged and its commit. */
  function before(work: () => Promise<unknown>): () => number {
    const { store } = world.realm;
    const commit = store.commit.bind(store);
    let tries = 0;
    store.commit = async (change) => {
      if (change.audit.some(({ event }) => event === 'renew.accept') && tries++ === 0) await work();
      return commit(change);
    };
    return () => tries;
  }

  test.each([
    ['its certificate, by a reason that leaves the key good', 'superseded', 'ERR_CERTIFICATE_REVOKED'],
    ['its certificate and key', 'keyCompromise', 'ERR_CERTIFICATE_REVOKED'],
    ['its certificate on hold', 'certificateHold', 'ERR_CERTIFICATE_REVOKED'],
  ] as const)('is not overtaken: %s', async (_what, reason, code) => {
    const tries = before(() => revokeCertificate(world.realm, { serial: certificate.serialNumber, reason }));
    expect(await codeOf(renew(await newCsr()))).toBe(code);
    expect(tries()).toBe(1);
    expect((await auditEvents(world.realm)).map(({ event }) => event)).not.toContain('renew.accept');
  });

  test('is not overtaken: its node', async () => {
    before(() => revokeNode(world.realm, { cluster: 'prod', node: 'n1', reason: 'keyCompromise' }));
    expect(await codeOf(renew(await newCsr()))).toMatch(/^ERR_(CERTIFICATE|NODE)_REVOKED$/);
  });

  test('is not overtaken: another certificate with the key that it asks for', async () => {
    const other = await nodeKey();
    const { certificate_pem: pem } = await acceptJoin(
      world.service,
      { token: await world.mint(), csr: other.csr, node_id: 'n2' },
      peerAt(),
    );
    const { serialNumber: serial } = parseCertificate(parsePem(pem)[0]?.der as Uint8Array);
    before(() => revokeCertificate(world.realm, { serial, reason: 'keyCompromise' }));
    expect(await codeOf(renew(other.csr))).toBe('ERR_NODE_REVOKED');
  });
});
