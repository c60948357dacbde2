import { describe, expect, it } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { issueAdmin } from '../../src/app/issue-admin.ts';
import { issueCertificates } from '../../src/app/issue-certificates.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { authenticateNode } from '../../src/app/authenticate.ts';
import { issueCrl } from '../../src/app/issue-crl.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { planRevocations } from '../../src/app/plan-revocation.ts';
import { listRevoked, showRevocation } from '../../src/app/revocation-history.ts';
import { type RevocationTarget } from '../../src/app/revocation-targets.ts';
import { listRevocations, revokePlanned } from '../../src/app/revoke-planned.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { undoCertificateHold, undoNodeHold } from '../../src/app/undo-revocation.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import type { RevocationReason } from '../../src/core/x509/crl-writer.ts';
import { auditEvents, JOIN_DOMAIN, joinWorld, type JoinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';

const refusal = (code: string) => expect.objectContaining({ code }) as Error;

interface Joined {
  readonly certificate: Certificate;
  readonly correlationId: string;
  readonly csr: string;
}

async function joinAs(world: JoinWorld, node: string, cluster = 'prod', token?: string): Promise<Joined> {
  const { csr } = await nodeKey();
  const peer = peerAt();
  const reply = await acceptJoin(world.service, { token: token ?? (await world.mint({ clusters: [cluster] })), csr, node_id: node }, peer);
  return { certificate: parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array), correlationId: peer.correlationId, csr };
}

async function revoke({ realm }: JoinWorld, target: RevocationTarget, reason: RevocationReason = 'keyCompromise') {
  const plan = await planRevocations(realm, target, reason);
  return { plan, done: await revokePlanned(realm, plan, reason) };
}

const enters = ({ service }: JoinWorld, { certificate }: Joined) => authenticateNode(service, peerAt('192.0.2.1', { certificate }));
const identityOf = (node: string) => `spiffe://control.example.internal/prod/worker/${node}`;

describe('planRevocations and revokePlanned', () => {
  it('takes a node with its certificates and tokens, in one commit, once', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const n2 = await joinAs(world, 'n2');
    const named = await mintToken(world.realm, { clusters: ['prod'], role: 'worker', node: 'n1' });
    for (let count = 0; count < 101; count += 1) await world.mint({ node: 'n2' });
    const short = await mintToken(world.realm, { clusters: ['prod'], role: 'worker', node: 'n1', ttl: 60 as never });
    world.realm.clock.advance(120);
    const before = (await auditEvents(world.realm)).length;
    const { plan, done } = await revoke(world, { kind: 'node', node: 'n1', cluster: 'prod' });
    expect(plan.nodes).toMatchObject([{ record: { node: 'n1' }, certificates: [{ serial: n1.certificate.serialNumber }], already: false }]);
    expect(plan.nodes[0]?.tokens).toEqual([named.claims.jti]);
    expect(short.claims.jti).toBeDefined();
    expect(done).toEqual({ serials: [n1.certificate.serialNumber], tokens: [], already: false });
    expect((await auditEvents(world.realm)).slice(before).map(({ event }) => event)).toEqual(['revocation.node', 'cert.revoke']);
    await expect(enters(world, n1)).rejects.toThrow(refusal('ERR_CERTIFICATE_REVOKED'));
    // The tokens of the node end with it, and a new one needs --allow-reentry.
    await expect(joinAs(world, 'n1', 'prod', named.token.reveal())).rejects.toThrow(refusal('ERR_TOKEN_SUPERSEDED'));
    world.realm.clock.advance(2);
    await expect(joinAs(world, 'n1')).rejects.toThrow(refusal('ERR_NODE_REVOKED'));
    expect(await enters(world, n2)).toMatchObject({ node: 'n2' });
    const again = await revoke(world, { kind: 'node', node: 'n1' });
    expect([again.plan.nodes[0]?.already, again.done]).toEqual([true, { serials: [], tokens: [], already: true }]);
  });

  it('finds certificates exactly, and an identity with its nodes', async () => {
    const world = await joinWorld();
    const [n1, n2] = [await joinAs(world, 'n1'), await joinAs(world, 'n2')];
    const { serialNumber, fingerprint } = n1.certificate;
    const byFingerprint = await planRevocations(world.realm, { kind: 'fingerprint', fingerprint }, 'unspecified');
    expect(byFingerprint.certificates).toEqual([
      { serial: serialNumber, issuer: 'node-issuing', node: { cluster: 'prod', node: 'n1' }, already: false },
    ]);
    const unknown: RevocationTarget[] = [
      { kind: 'fingerprint', fingerprint: fingerprint.slice(1) },
      { kind: 'identity', spiffeId: identityOf('n') },
      { kind: 'audit', correlationId: 'nothing' },
    ];
    for (const target of unknown)
      await expect(planRevocations(world.realm, target, 'unspecified')).rejects.toThrow(refusal('ERR_REVOCATION_NOT_FOUND'));
    await revoke(world, { kind: 'identity', spiffeId: identityOf('n2') });
    await expect(enters(world, n2)).rejects.toThrow(refusal('ERR_CERTIFICATE_REVOKED'));
    const realm = { ...world.realm, config: { ...world.realm.config, admins: [{ name: 'alice', may: ['cert.revoke'] }] as const } };
    const made = { name: 'alice', ca: 'node-issuing', keyType: 'p256', directory: `${realm.directory}/admins` } as const;
    const { id, record } = await issueAdmin(realm, portableKeys, made);
    const admin = await planRevocations(realm, { kind: 'identity', spiffeId: id }, 'unspecified');
    expect([admin.nodes, admin.certificates.map(({ serial }) => serial)]).toEqual([[], [record.serial]]);
    expect((await revoke(world, { kind: 'serial', serial: serialNumber })).done.serials).toEqual([serialNumber]);
    expect(await enters(world, n1).catch(({ code }: { code: string }) => code)).toBe('ERR_CERTIFICATE_REVOKED');
  });

  it('finds what an operation made by its correlation id', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const joined = await planRevocations(world.realm, { kind: 'audit', correlationId: n1.correlationId }, 'unspecified');
    expect([joined.nodes.map(({ record }) => record.node), joined.certificates, joined.tokens]).toEqual([['n1'], [], []]);
    const realm = { ...world.realm, caller: { actor: { name: 'op', verified: false }, correlationId: 'minting' } };
    const { claims } = await mintToken(realm, { clusters: ['prod'], role: 'worker' });
    const { plan, done } = await revoke(world, { kind: 'audit', correlationId: 'minting' });
    expect(plan.tokens).toMatchObject([{ id: claims.jti, joined: [], already: false }]);
    expect(done.tokens).toEqual([claims.jti]);
    const made = { ca: 'web-issuing', profile: 'server', keyType: 'p256', directory: realm.directory, strict: false } as const;
    const hosts = [{ name: 'web', names: [{ kind: 'dns', value: `web.${JOIN_DOMAIN}` }] }] as const;
    const { issued } = await issueCertificates(realm, portableKeys, { ...made, hosts });
    const both = await planRevocations(world.realm, { kind: 'audit', correlationId: 'minting' }, 'unspecified');
    expect(both.certificates.map(({ serial, node }) => [serial, node])).toEqual([[issued[0]?.record.serial, undefined]]);
    expect((await planRevocations(world.realm, { kind: 'token', id: claims.jti }, 'unspecified')).tokens[0]?.already).toBe(true);
  });

  it('says who joined by a token, and denies one that was minted elsewhere', async () => {
    const world = await joinWorld();
    const { token, claims } = await mintToken(world.realm, { clusters: ['prod'], role: 'worker', maxUses: 2 });
    await joinAs(world, 'n1', 'prod', token.reveal());
    const { plan } = await revoke(world, { kind: 'token', id: claims.jti.toUpperCase() });
    expect(plan.tokens).toMatchObject([{ grant: { id: claims.jti }, joined: [{ cluster: 'prod', node: 'n1' }] }]);
    const elsewhere = await revoke(world, { kind: 'token', id: '2fdc0d93-f051-4900-8712-55c99a23d62d' });
    expect([elsewhere.plan.tokens[0]?.grant, elsewhere.done.already]).toEqual([undefined, false]);
  });
});

describe('listRevocations', () => {
  it('makes the lists of online authorities and names the others', async () => {
    const world = await joinWorld();
    const { certificate } = await joinAs(world, 'n1');
    await revoke(world, { kind: 'node', node: 'n1' });
    const { issued, pending } = await listRevocations(world.realm, new Set(['node-issuing', 'node-root']));
    expect(pending).toEqual([{ name: 'node-root' }]);
    const [list] = issued;
    expect([...parseRevocationList(list?.der as Uint8Array, 'list').revoked.keys()]).toEqual([certificate.serialNumber]);
  });

  it('says why one could not be made, and lets bugs through', async () => {
    const world = await joinWorld();
    world.realm.clock.advance(3600);
    await issueCrl(world.realm, { name: 'node-issuing' });
    world.realm.clock.advance(-60);
    const { pending } = await listRevocations(world.realm, new Set(['node-issuing']));
    expect(pending).toMatchObject([{ name: 'node-issuing', error: { code: 'ERR_CLOCK_BEHIND' } }]);
    world.realm.clock.advance(7200);
    const files = { ...world.realm.files, replace: () => Promise.reject(new TypeError('a bug')) };
    await expect(listRevocations({ ...world.realm, files }, new Set(['node-issuing']))).rejects.toThrow('a bug');
  });
});

describe('others who write at the same time', () => {
  const conflicting = ({ realm }: JoinWorld, times: number): (() => number) => {
    const { store } = realm;
    const commit = store.commit.bind(store);
    let tries = 0;
    store.commit = async (change) => {
      if (change.audit.some(({ event }) => event === 'revocation.node') && tries++ < times) {
        const record = await store.get('node/prod/n1');
        await commit({ checks: [], writes: [{ key: 'node/prod/n1', value: record?.value as never }], audit: [] });
      }
      return commit(change);
    };
    return () => tries;
  };

  it('do not hold a revocation up', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const tries = conflicting(world, 4);
    const { done } = await revoke(world, { kind: 'node', node: 'n1', cluster: 'prod' });
    expect([done, tries()]).toEqual([{ serials: [n1.certificate.serialNumber], tokens: [], already: false }, 5]);
    await expect(enters(world, n1)).rejects.toThrow(refusal('ERR_CERTIFICATE_REVOKED'));
  });

  it('make it fail at last, with nothing changed', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const tries = conflicting(world, 9);
    await expect(revoke(world, { kind: 'node', node: 'n1', cluster: 'prod' })).rejects.toThrow(refusal('ERR_STORE_CONFLICT'));
    expect(tries()).toBe(5);
    expect(await enters(world, n1)).toMatchObject({ node: 'n1' });
  });

  it('cannot both end one hold', async () => {
    const world = await joinWorld();
    const { certificate } = await joinAs(world, 'n1');
    await revoke(world, { kind: 'node', node: 'n1' }, 'certificateHold');
    const undo = () =>
      undoNodeHold(world.realm, { cluster: 'prod', node: 'n1' }).then(
        ({ serials }) => serials,
        (error: { readonly code: string }) => error.code,
      );
    const ended = await Promise.all([undo(), undo()]);
    expect(ended).toContainEqual([certificate.serialNumber]);
    expect(ended.filter((one) => typeof one === 'string')).toHaveLength(1);
    expect(await undo()).toBe('ERR_REVOCATION_NOT_FOUND');
    const { entries } = await listRevoked(world.realm, { since: 0, limit: 10 });
    expect(entries.map(({ reason }) => reason)).toEqual(['certificateHold', 'removeFromCRL']);
  });
});

describe('a hold', () => {
  it('of a certificate ends, with its key, and is told to those who follow', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const serial = n1.certificate.serialNumber;
    await revoke(world, { kind: 'serial', serial }, 'certificateHold');
    const list = async () => parseRevocationList((await issueCrl(world.realm, { name: 'node-issuing' })).der, 'list').revoked;
    expect((await list()).get(serial)?.reason).toBe(6);
    await expect(enters(world, n1)).rejects.toThrow(refusal('ERR_CERTIFICATE_REVOKED'));
    expect(await showRevocation(world.realm, serial)).toMatchObject({ state: 'on hold' });
    expect(await undoCertificateHold(world.realm, { serial })).toEqual({ serials: [serial], issuers: ['node-issuing'] });
    expect((await list()).size).toBe(0);
    expect(await enters(world, n1)).toMatchObject({ node: 'n1' });
    const { entries } = await listRevoked(world.realm, { since: 0, limit: 10 });
    expect(entries.map(({ reason, node }) => [reason, node])).toEqual([
      ['certificateHold', 'n1'],
      ['removeFromCRL', 'n1'],
    ]);
    const shown = await showRevocation(world.realm, serial);
    expect([shown.state, shown.audit.map(({ event }) => event)]).toEqual(['hold ended', ['cert.revoke', 'revocation.undo']]);
    await expect(undoCertificateHold(world.realm, { serial })).rejects.toThrow(refusal('ERR_REVOCATION_NOT_FOUND'));
  });

  it('of a node ends with its certificates, but not with its tokens', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const token = await world.mint({ node: 'n1', allowReentry: true });
    await revoke(world, { kind: 'node', node: 'n1' }, 'certificateHold');
    const { serialNumber: serial } = n1.certificate;
    await expect(undoCertificateHold(world.realm, { serial })).rejects.toThrow(refusal('ERR_REVOCATION_FINAL'));
    expect(await undoNodeHold(world.realm, { cluster: 'prod', node: 'n1' })).toEqual({ serials: [serial], issuers: ['node-issuing'] });
    expect(await enters(world, n1)).toMatchObject({ node: 'n1' });
    await expect(joinAs(world, 'n1', 'prod', token)).rejects.toThrow(refusal('ERR_TOKEN_SUPERSEDED'));
    expect((await auditEvents(world.realm)).slice(-3).map(({ event }) => event)).toContain('revocation.undo');
  });

  it('becomes a revocation for good, which nothing ends', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const { serialNumber: serial } = n1.certificate;
    await revoke(world, { kind: 'node', node: 'n1' }, 'certificateHold');
    expect((await revoke(world, { kind: 'node', node: 'n1' })).done).toMatchObject({ serials: [serial], already: false });
    expect((await revoke(world, { kind: 'node', node: 'n1' }, 'certificateHold')).done.already).toBe(true);
    await expect(undoNodeHold(world.realm, { cluster: 'prod', node: 'n1' })).rejects.toThrow(refusal('ERR_REVOCATION_FINAL'));
    await expect(undoCertificateHold(world.realm, { serial })).rejects.toThrow(refusal('ERR_REVOCATION_FINAL'));
    expect(await showRevocation(world.realm, serial)).toMatchObject({ state: 'revoked' });
    await expect(showRevocation(world.realm, '00ff')).rejects.toThrow(refusal('ERR_REVOCATION_NOT_FOUND'));
  });

  it('does not free a key that was revoked for good by another certificate, nor one of no node', async () => {
    const world = await joinWorld();
    const n1 = await joinAs(world, 'n1');
    const token = await world.mint({ node: 'n1', allowReentry: true });
    const second = await acceptJoin(world.service, { token, csr: n1.csr, node_id: 'n1' }, peerAt());
    const { serialNumber: other } = parseCertificate(parsePem(second.certificate_pem)[0]?.der as Uint8Array);
    const { serialNumber: serial } = n1.certificate;
    await revokeCertificate(world.realm, { serial: other, reason: 'keyCompromise' });
    await revokeCertificate(world.realm, { serial, reason: 'certificateHold' });
    await undoCertificateHold(world.realm, { serial });
    await expect(enters(world, n1)).rejects.toThrow(refusal('ERR_NODE_REVOKED'));
    await revokeNode(world.realm, { cluster: 'prod', node: 'n1', reason: 'certificateHold' });
    expect((await undoNodeHold(world.realm, { cluster: 'prod', node: 'n1' })).serials).toEqual([serial]);
  });

  it('of an authority ends, too', async () => {
    const { realm } = await joinWorld();
    const { serialNumber: serial } = parseCertificate(
      parsePem(Buffer.from(await realm.files.read(`${realm.directory}/ca/node-issuing.crt`, 65536)).toString())[0]?.der as Uint8Array,
    );
    await revokeCertificate(realm, { serial, reason: 'certificateHold' });
    expect(await undoCertificateHold(realm, { serial })).toEqual({ serials: [serial], issuers: ['node-root'] });
    expect((await revokeCertificate(realm, { serial })).already).toBe(false);
  });
});

describe('listRevoked', () => {
  it('filters, and goes on where it ended', async () => {
    const world = await joinWorld();
    for (const [node, cluster] of [
      ['a', 'prod'],
      ['b', 'Edge'],
      ['c', 'prod'],
    ] as const) {
      await joinAs(world, node, cluster);
      await revoke(world, { kind: 'node', node });
    }
    const list = async (input: object) => listRevoked(world.realm, { since: 0, limit: 10, ...input });
    expect((await list({ cluster: 'prod' })).entries.map(({ node }) => node)).toEqual(['a', 'c']);
    expect((await list({ node: 'b' })).entries).toHaveLength(1);
    const page = await list({ limit: 2 });
    expect([page.entries.length, page.next]).toEqual([2, 2]);
    expect((await list({ since: 2 })).entries.map(({ seq }) => seq)).toEqual([3]);
  });
});
