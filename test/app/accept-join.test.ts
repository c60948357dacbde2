import { beforeEach, describe, expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { readCa } from '../../src/app/ca-records.ts';
import { caKey } from '../../src/app/ca-records.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { initCluster } from '../../src/app/init-cluster.ts';
import type { Attestor } from '../../src/app/join-peer.ts';
import { openJoinService } from '../../src/app/join-service.ts';
import { MAX_LIVE_CERTIFICATES, nodeKey as storeKeyOfNode } from '../../src/app/node-records.ts';
import { mintSecretToken } from '../../src/app/mint-secret-token.ts';
import type { LoadedPolicy, PolicySource } from '../../src/app/load-policy.ts';
import { flushRefusals } from '../../src/app/refusals.ts';
import { newRefusalBook, REFUSAL_WINDOW, REFUSALS_RECORDED, REFUSED_BURST } from '../../src/app/refusal-book.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { revokeToken } from '../../src/app/revoke-token.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { digestOf } from '../../src/core/digest.ts';
import { parsePem, toPem, utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { JoinRequest } from '../../src/core/join/messages.ts';
import { jwkThumbprint, publicJwk } from '../../src/core/jwk.ts';
import { parsePolicy } from '../../src/core/policy/document.ts';
import { compilePolicy } from '../../src/core/policy/evaluate.ts';
import { parseInstant, type Seconds } from '../../src/core/time.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { auditEvents, joinRealm, JOIN_DOMAIN, joinWorld, type JoinWorld, nodeKey, type NodeKey, peerAt } from '../fakes/join-realm.ts';
import { keyNamed } from '../core/x509/make.ts';
import { codeOf } from './token-realm.ts';

let world: JoinWorld;
let node: NodeKey;
beforeEach(async () => {
  world = await joinWorld();
  node = await nodeKey();
});

const join = (request: Partial<JoinRequest> & { token: string }, peer = peerAt(), { service } = world) =>
  acceptJoin(service, { csr: node.csr, ...request }, peer);

const idOf = (token: string) => (JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { jti: string }).jti;
const usesOf = (token: string) => {
  const counter = world.realm.store.dump()[`token-use/jwt/${JOIN_DOMAIN}/${idOf(token)}`] as { used: number } | undefined;
  return counter?.used ?? 0;
};
const certificateOf = (reply: { certificate_pem: string }) => parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array);

/** Policies of one document for every cluster. */
function policiesOf(spec: JsonObject): PolicySource {
  const document = parsePolicy(
    { apiVersion: 'joinery.dev/v1', kind: 'JoinPolicy', metadata: { name: 'test', version: 3 }, spec },
    'policy',
  );
  const loaded: LoadedPolicy = { policy: compilePolicy(document), name: 'test', version: 3 };
  return { current: () => loaded, reload: () => Promise.resolve([]) };
}

describe('a node with a token', () => {
  test('gets a certificate that says who it is, and all that it needs beside it', async () => {
    const { realm, watched, mint } = world;
    const token = await mint({ labels: { zone: 'a' } });
    const before = await realm.store.auditSize();
    const peer = peerAt();
    const reply = await join({ token, environment: 'platform_control', labels: { zone: 'a' }, requested_role: 'worker' }, peer);
    const thumbprint = jwkThumbprint(publicJwk(node.key.spki));
    expect(reply).toMatchObject({
      cluster: 'prod',
      role: 'worker',
      node_id: thumbprint,
      identity: `spiffe://${JOIN_DOMAIN}/prod/worker/${thumbprint}`,
      metadata: {},
      issued_at: '2026-11-22T10:00:00Z',
      renew_after: '2026-11-23T02:00:00Z',
      expires_at: '2026-11-23T10:00:00Z',
      audit_id: peer.correlationId,
      seed_peers: { cluster: 'prod', peers: [{ address: `n1.${JOIN_DOMAIN}:9443`, role: 'control-plane' }] },
      trust: { 'control-plane-https': { schema: 'joinery/trust-chain/1' }, 'node-cert-lifecycle': { schema: 'joinery/trust-chain/1' } },
    });
    const certificate = certificateOf(reply);
    expect(certificate.extensions.subjectAltName).toEqual([{ kind: 'uri', value: reply.identity }]);
    expect(parsePem(reply.chain_pem)).toHaveLength(1);
    const events = (await auditEvents(realm)).slice(before);
    expect(events.map(({ event, correlation_id, actor }) => [event, correlation_id, actor.name])).toEqual([
      ['token.use', peer.correlationId, peer.address],
      ['cert.issue', peer.correlationId, peer.address],
      ['join.accept', peer.correlationId, peer.address],
    ]);
    expect(watched.outcomes).toMatchObject([
      {
        operation: 'join',
        result: 'accepted',
        reason: 'none',
        cluster: 'prod',
        node: thumbprint,
        authenticated: true,
        subject: idOf(token),
      },
    ]);
    expect(Object.keys(watched.outcomes[0]?.seconds ?? {})).toEqual(['verify', 'policy', 'sign', 'commit', 'total']);
    expect(usesOf(token)).toBe(1);
  });

  test('gets the same answer again for the same key, at no cost', async () => {
    const token = await world.mint();
    const first = await join({ token });
    const size = await world.realm.store.auditSize();
    world.realm.clock.advance(600);
    expect(await join({ token })).toEqual(first);
    expect(await world.realm.store.auditSize()).toBe(size);
    expect(usesOf(token)).toBe(1);
    expect(world.watched.outcomes.at(-1)).toMatchObject({ result: 'same-request', authenticated: true });
  });

  test('gets it however often another request comes first', async () => {
    const token = await world.mint();
    const { store } = world.realm;
    const key = caKey('node-issuing');
    store.beforeCommit = async () => {
      store.beforeCommit = undefined;
      await store.commit({ checks: [], writes: [{ key, value: store.dump()[key] as JsonObject }], audit: [] });
    };
    expect((await join({ token })).cluster).toBe('prod');
    expect(usesOf(token)).toBe(1);
  });

  test('is refused when the store is never quiet', async () => {
    const token = await world.mint();
    const service = openJoinService(
      { ...world.realm, store: { ...world.realm.store, commit: () => Promise.resolve({ ok: false, conflict: 'node/prod/x' }) } },
      { policies: world.service.policies },
    );
    expect(await codeOf(acceptJoin(service, { token, csr: node.csr }, peerAt()))).toBe('ERR_STORE_CONFLICT');
  });

  test('may have any kind of key that is strong', async () => {
    for (const type of ['p384', 'ed25519', 'rsa3072'] as const) {
      node = await nodeKey(type, keyNamed('joins', type));
      const reply = await join({ token: await world.mint() });
      expect(reply.node_id).toMatch(/^[A-Za-z0-9_-]{43}$/);
    }
  });
});

describe('a refusal', () => {
  const other = { csr: '' };
  beforeEach(async () => {
    other.csr = (await nodeKey()).csr;
  });

  const forged = async () => `${(await world.mint()).slice(0, -6)}AAAAAA`;

  test.each<[string, () => Promise<Partial<JoinRequest> & { token: string }>, string]>([
    ['no token', () => Promise.resolve({ token: 'x' }), 'ERR_TOKEN_MALFORMED'],
    ['a forged signature', async () => ({ token: await forged() }), 'ERR_TOKEN_SIGNATURE'],
    ['an unknown secret', () => Promise.resolve({ token: 'abcdef.0123456789abcdef' }), 'ERR_TOKEN_UNKNOWN'],
    ['a shared key that is not here', () => Promise.resolve({ token: 'e30=.AAAA' }), 'ERR_TOKEN_KEY_UNKNOWN'],
  ])('of %s is one code to who proved nothing, and writes no row', async (_name, make, reason) => {
    const request = await make();
    const before = JSON.stringify(world.realm.store.dump());
    const size = await world.realm.store.auditSize();
    expect(await codeOf(join(request))).toBe('ERR_JOIN_UNAUTHENTICATED');
    expect(JSON.stringify(world.realm.store.dump())).toBe(before);
    expect(await world.realm.store.auditSize()).toBe(size);
    expect(world.watched.outcomes.at(-1)).toMatchObject({ result: 'refused', reason, authenticated: false });
    expect(world.watched.outcomes.at(-1)).not.toHaveProperty('cluster');
    expect(await codeOf(join(request, peerAt('offline', { transport: 'offline' })))).toBe(reason);
  });

  test.each<[string, () => Promise<Partial<JoinRequest> & { token: string }>, string]>([
    ['another cluster', async () => ({ token: await world.mint(), cluster: 'Edge' }), 'ERR_TOKEN_AUDIENCE'],
    ['another role', async () => ({ token: await world.mint(), requested_role: 'control-plane' }), 'ERR_TOKEN_ROLE'],
    ['a cluster that is not there', async () => ({ token: await world.mint(), cluster: 'nowhere' }), 'ERR_TOKEN_AUDIENCE'],
    ['a role that is not there', async () => ({ token: await world.mint(), requested_role: 'king' }), 'ERR_TOKEN_ROLE'],
    ['another node', async () => ({ token: await world.mint({ node: 'n1' }), node_id: 'n2' }), 'ERR_TOKEN_NODE'],
    [
      'another key',
      async () => ({ token: await world.mint({ keyThumbprint: jwkThumbprint(publicJwk(keyNamed('bound').spki)) }) }),
      'ERR_TOKEN_KEY_BOUND',
    ],
    ['another environment', async () => ({ token: await world.mint(), environment: 'lab' }), 'ERR_TOKEN_ENVIRONMENT'],
    ['another label', async () => ({ token: await world.mint({ labels: { zone: 'a' } }), labels: { zone: 'b' } }), 'ERR_TOKEN_LABELS'],
    ['a further label', async () => ({ token: await world.mint(), labels: { toString: 'b' } }), 'ERR_TOKEN_LABELS'],
    [
      'a revoked token',
      async () => {
        const token = await world.mint();
        await revokeToken(world.realm, { id: idOf(token) });
        return { token };
      },
      'ERR_TOKEN_REVOKED',
    ],
    [
      'an expired token',
      async () => {
        const token = await world.mint({ ttl: 60 as Seconds });
        world.realm.clock.advance(600);
        return { token };
      },
      'ERR_TOKEN_EXPIRED',
    ],
    [
      'a request signed by another key',
      async () => {
        const bytes = Uint8Array.from(parsePem(node.csr)[0]?.der as Uint8Array);
        const last = bytes.length - 1;
        bytes[last] = (bytes[last] as number) ^ 1;
        return { token: await world.mint(), csr: toPem('CERTIFICATE REQUEST', bytes) };
      },
      'ERR_CSR_SIGNATURE',
    ],
    [
      'evidence of an unknown attestor',
      async () => ({ token: await world.mint(), attestation: { provider: 'tpm', evidence: {} } }),
      'ERR_ATTESTATION_UNKNOWN',
    ],
  ])('of %s says why to who holds an authentic token, burns no use, and is recorded', async (_name, make, reason) => {
    const request = await make();
    const size = await world.realm.store.auditSize();
    const peer = peerAt();
    expect(await codeOf(join(request, peer))).toBe(reason);
    expect(usesOf(request.token)).toBe(0);
    const events = (await auditEvents(world.realm)).slice(size);
    expect(events).toMatchObject([
      { event: 'join.refuse', result: 'refused', reason, subject: idOf(request.token), correlation_id: peer.correlationId },
    ]);
    expect(world.watched.outcomes.at(-1)).toMatchObject({ result: 'refused', reason, authenticated: true });
  });

  test.each([
    ['', 'no block'],
    ['-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n', 'no end'],
    [toPem('PUBLIC KEY', new Uint8Array(3)), 'another block'],
    [toPem('CERTIFICATE REQUEST', new Uint8Array(3)), 'no request'],
  ])('of a CSR that cannot be read names the CSR (%#: %s)', async (csr) => {
    const token = await world.mint();
    expect(await codeOf(join({ token, csr }))).toBe('ERR_CSR_MALFORMED');
    expect(usesOf(token)).toBe(0);
  });

  test('of a second key is told as a replay', async () => {
    const token = await world.mint();
    await join({ token });
    expect(await codeOf(join({ token, csr: other.csr }))).toBe('ERR_TOKEN_REPLAYED');
    expect(world.watched.alerts).toMatchObject([{ kind: 'replay', reason: 'ERR_TOKEN_REPLAYED', subject: idOf(token), cluster: 'prod' }]);
  });

  test('by the limit of the token comes before everything else', async () => {
    const admitted: string[] = [];
    world = await joinWorld({
      admitToken: (id) => {
        admitted.push(id);
        if (admitted.length > 1) throw new JoineryError('ERR_RATE_LIMITED', 'too many', { details: { retry_after: 7 } });
      },
    });
    const token = await world.mint({ maxUses: 5 });
    await join({ token });
    expect(await codeOf(join({ token, csr: other.csr }))).toBe('ERR_RATE_LIMITED');
    expect(admitted).toEqual([idOf(token), idOf(token)]);
    expect(usesOf(token)).toBe(1);
  });

  test('without trust in force burns nothing: it is the realm that is not ready', async () => {
    const token = await world.mint();
    const { store } = world.realm;
    const active = store.dump()['trust/node-cert-lifecycle/active'] as JsonObject;
    await store.commit({ checks: [], writes: [{ key: 'trust/node-cert-lifecycle/active', delete: true }], audit: [] });
    expect(await codeOf(join({ token }))).toBe('ERR_TRUST_NOT_ACTIVATED');
    expect(usesOf(token)).toBe(0);
    await store.commit({ checks: [], writes: [{ key: 'trust/node-cert-lifecycle/active', value: active }], audit: [] });
    expect((await join({ token })).cluster).toBe('prod');
  });

  test('that is a bug is not shown', async () => {
    const token = await world.mint();
    const service = openJoinService(
      { ...world.realm, store: { ...world.realm.store, commit: () => Promise.reject(new TypeError('a secret')) } },
      { policies: world.service.policies, observe: world.watched },
    );
    await expect(acceptJoin(service, { token, csr: node.csr }, peerAt())).rejects.toThrow(TypeError);
    expect(world.watched.outcomes.at(-1)).toMatchObject({ result: 'failed', reason: 'ERR_INTERNAL' });
    const early = openJoinService(
      { ...world.realm, store: { ...world.realm.store, get: () => Promise.reject(new TypeError('a secret')) } },
      { policies: world.service.policies },
    );
    await expect(acceptJoin(early, { token, csr: node.csr }, peerAt())).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
  });
});

describe('refusals in the audit log', () => {
  test('of callers without proof become one record for each reason and minute', async () => {
    const { service, realm } = world;
    for (let index = 0; index < REFUSED_BURST; index++) await codeOf(join({ token: 'x' }, peerAt(`192.0.2.${index}`)));
    await codeOf(join({ token: 'abcdef.0123456789abcdef' }));
    expect(world.watched.alerts).toMatchObject([{ kind: 'refused-burst', count: REFUSED_BURST, reason: 'ERR_TOKEN_MALFORMED' }]);
    expect(await flushRefusals(service)).toBe(0);
    realm.clock.advance(REFUSAL_WINDOW);
    const size = await realm.store.auditSize();
    expect(await flushRefusals(service)).toBe(2);
    const [first] = (await auditEvents(realm)).slice(size);
    expect(first).toMatchObject({
      event: 'join.refusals',
      subject: 'ERR_TOKEN_MALFORMED',
      details: {
        count: REFUSED_BURST,
        from: '2026-11-22T10:00:00Z',
        addresses: ['192.0.2.0', '192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
      },
    });
    await codeOf(join({ token: 'x' }));
    expect(await flushRefusals(service, true)).toBe(1);
  });

  test('of one token are recorded up to a cap, then counted', async () => {
    const { service, realm } = world;
    const token = await world.mint();
    const size = await realm.store.auditSize();
    for (let index = 0; index < REFUSALS_RECORDED + 2; index++) await codeOf(join({ token, cluster: 'Edge' }));
    expect((await realm.store.auditSize()) - size).toBe(REFUSALS_RECORDED);
    expect(await flushRefusals(service, true)).toBe(1);
    realm.clock.advance(REFUSAL_WINDOW);
    await codeOf(join({ token, cluster: 'Edge' }));
    expect(await flushRefusals(service, true)).toBe(0);
  });

  test('of more tokens than are counted apart share one cap', () => {
    const book = newRefusalBook(1);
    const at = world.realm.clock.now();
    expect(book.hasRoom('one', at)).toBe(true);
    for (let index = 0; index < REFUSALS_RECORDED; index++) expect(book.hasRoom(`other-${index}`, at)).toBe(true);
    expect(book.hasRoom('another', at)).toBe(false);
    expect(book.hasRoom('one', at)).toBe(true);
  });

  test('that cannot be written stay refusals, and somebody is told', async () => {
    const token = await world.mint();
    for (const failure of [new JoineryError('ERR_FILE_DISK_FULL', 'full'), new TypeError('broken')]) {
      world.realm.store.beforeCommit = () => {
        throw failure;
      };
      expect(await codeOf(join({ token, cluster: 'Edge' }))).toBe('ERR_TOKEN_AUDIENCE');
    }
    expect(world.watched.alerts).toMatchObject([
      { kind: 'audit-failed', reason: 'ERR_FILE_DISK_FULL' },
      { kind: 'audit-failed', reason: 'ERR_INTERNAL' },
    ]);
  });
});

describe('the name of a node', () => {
  const key = { second: '' };
  beforeEach(async () => {
    key.second = (await nodeKey()).csr;
  });

  test('comes from the token, or from the request', async () => {
    expect((await join({ token: await world.mint({ node: 'n1' }) })).node_id).toBe('n1');
    expect((await join({ token: await world.mint(), node_id: 'n2' })).identity).toBe(`spiffe://${JOIN_DOMAIN}/prod/worker/n2`);
  });

  test('is taken while a certificate under another key is valid', async () => {
    await join({ token: await world.mint(), node_id: 'n1' });
    const token = await world.mint();
    expect(await codeOf(join({ token, node_id: 'n1', csr: key.second }))).toBe('ERR_NODE_EXISTS');
    expect(usesOf(token)).toBe(0);
    expect(await codeOf(join({ token: await world.mint({ node: 'n1' }), csr: key.second }))).toBe('ERR_NODE_EXISTS');
    expect((await join({ token: await world.mint(), node_id: 'n1' })).node_id).toBe('n1');
    expect((await join({ token: await world.mint({ node: 'n1', allowReentry: true }), csr: key.second })).node_id).toBe('n1');
    expect(world.realm.store.dump()[storeKeyOfNode('prod', 'n1')]).toMatchObject({ epoch: 2 });
    world.realm.clock.advance(86400);
    expect((await join({ token: await world.mint(), node_id: 'n1' })).node_id).toBe('n1');
  });

  test('is given to one of two that ask at once', async () => {
    const outcomes = await Promise.all([
      codeOf(join({ token: await world.mint(), node_id: 'n1' })),
      codeOf(join({ token: await world.mint(), node_id: 'n1', csr: key.second })),
    ]);
    expect(outcomes.sort()).toEqual(['ERR_NODE_EXISTS', 'ok']);
  });

  test('belongs to one cluster', async () => {
    await join({ token: await world.mint(), node_id: 'n1' });
    const token = await world.mint({ clusters: ['Edge'] });
    expect((await join({ token, node_id: 'n1', csr: key.second })).cluster).toBe('Edge');
  });

  test('of a revoked node enters again only by a token that says so, with a new key', async () => {
    await join({ token: await world.mint(), node_id: 'n1' });
    const named = await world.mint({ node: 'n1', allowReentry: true });
    const before = await world.mint();
    await revokeNode(world.realm, { cluster: 'prod', node: 'n1', reason: 'keyCompromise' });
    expect(await codeOf(join({ token: named, csr: key.second }))).toBe('ERR_TOKEN_SUPERSEDED');
    expect(await codeOf(join({ token: before, node_id: 'n1', csr: key.second }))).toBe('ERR_TOKEN_SUPERSEDED');
    world.realm.clock.advance(5);
    expect(await codeOf(join({ token: await world.mint(), node_id: 'n1', csr: key.second }))).toBe('ERR_NODE_REVOKED');
    expect(world.watched.alerts.at(-1)).toMatchObject({ kind: 'revoked-node', node: 'n1' });
    const again = await world.mint({ node: 'n1', allowReentry: true });
    expect(await codeOf(join({ token: again }))).toBe('ERR_NODE_REVOKED');
    expect(await codeOf(join({ token: await world.mint(), node_id: 'n9' }))).toBe('ERR_NODE_REVOKED');
    expect((await join({ token: again, csr: key.second })).node_id).toBe('n1');
  });

  test('has a bound of certificates', async () => {
    await join({ token: await world.mint(), node_id: 'n1' });
    const record = world.realm.store.dump()[storeKeyOfNode('prod', 'n1')] as JsonObject;
    const certificates = Array.from({ length: MAX_LIVE_CERTIFICATES }, (_, index) => ({ serial: `${index}`, not_after: 4_000_000_000 }));
    await world.realm.store.commit({
      checks: [],
      writes: [{ key: storeKeyOfNode('prod', 'n1'), value: { ...record, certificates } }],
      audit: [],
    });
    expect(await codeOf(join({ token: await world.mint(), node_id: 'n1' }))).toBe('ERR_NODE_EXISTS');
  });
});

describe('the same request again', () => {
  test('is answered only to who holds the key', async () => {
    const token = await world.mint();
    await join({ token });
    const bytes = Uint8Array.from(parsePem(node.csr)[0]?.der as Uint8Array);
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    expect(await codeOf(join({ token, csr: toPem('CERTIFICATE REQUEST', bytes) }))).toBe('ERR_CSR_SIGNATURE');
  });

  test('is refused once the certificate or the node is revoked', async () => {
    const token = await world.mint();
    const reply = await join({ token, node_id: 'n1' });
    await revokeCertificate(world.realm, { serial: certificateOf(reply).serialNumber, reason: 'superseded' });
    expect(await codeOf(join({ token, node_id: 'n1' }))).toBe('ERR_CERTIFICATE_REVOKED');
    const second = await world.mint();
    await join({ token: second, node_id: 'n2', csr: (node = await nodeKey()).csr });
    const { store } = world.realm;
    const key = storeKeyOfNode('prod', 'n2');
    const value = { ...(store.dump()[key] as JsonObject), revoked: { at: 1, reason: 'unspecified' } };
    await store.commit({ checks: [], writes: [{ key, value }], audit: [] });
    expect(await codeOf(join({ token: second, node_id: 'n2' }))).toBe('ERR_NODE_REVOKED');
  });

  test('is refused once its authority is revoked', async () => {
    const token = await world.mint();
    await join({ token });
    const { certificate } = await readCa(world.realm, 'node-issuing', 'test');
    await revokeCertificate(world.realm, { serial: certificate.serialNumber, reason: 'cACompromise' });
    expect(await codeOf(join({ token }))).toBe('ERR_CA_REVOKED');
  });

  test('for another cluster of the token is another request', async () => {
    const token = await world.mint({ clusters: ['prod', 'Edge'], maxUses: 2 });
    expect(await codeOf(join({ token }))).toBe('ERR_TOKEN_AUDIENCE');
    expect((await join({ token, cluster: 'Edge' })).cluster).toBe('Edge');
    expect(await codeOf(join({ token, cluster: 'prod' }))).toBe('ERR_TOKEN_USE_CONFLICT');
    expect((await join({ token, cluster: 'prod', csr: (await nodeKey()).csr })).cluster).toBe('prod');
  });
});

describe('the policy of the cluster', () => {
  test('names the node, and gives it a life, hosts and metadata', async () => {
    const rule = {
      description: 'workers',
      roles: ['worker'],
      allow: true,
      identityTemplate: 'spiffe://{trustDomain}/w/{nodeId}',
      lifetime: '2h',
      dnsNames: [`{nodeId}.${JOIN_DOMAIN}`],
      ipAddresses: ['10.0.0.7'],
      metadata: { rack: '7' },
    };
    world = await joinWorld({ policies: policiesOf({ rules: [rule] }) });
    const reply = await join({ token: await world.mint(), node_id: 'n1' });
    expect(reply).toMatchObject({ identity: `spiffe://${JOIN_DOMAIN}/w/n1`, expires_at: '2026-11-22T12:00:00Z', metadata: { rack: '7' } });
    expect(certificateOf(reply).extensions.subjectAltName).toEqual([
      { kind: 'uri', value: reply.identity },
      { kind: 'dns', value: `n1.${JOIN_DOMAIN}` },
      { kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 7) },
    ]);
  });

  test('refuses without burning a use', async () => {
    world = await joinWorld({ policies: policiesOf({ rules: [{ roles: ['control-plane'], allow: true }] }) });
    const token = await world.mint();
    await expect(join({ token })).rejects.toMatchObject({
      code: 'ERR_POLICY_DENIED',
      details: { policy: 'test', version: 3, rule: 'default', missing: ['roles: expected control-plane, found worker'] },
    });
    expect(usesOf(token)).toBe(0);
  });

  test('refuses by a rule that says no', async () => {
    world = await joinWorld({ policies: policiesOf({ rules: [{ allow: false }] }) });
    await expect(join({ token: await world.mint() })).rejects.toThrow('policy test version 3: a rule refuses it');
  });

  test('may give the life to the configuration', async () => {
    world = await joinWorld({ clusters: [{ name: 'prod', roles: ['worker'], node_lifetime: 600 }] });
    expect((await join({ token: await world.mint() })).expires_at).toBe('2026-11-22T10:10:00Z');
  });
});

describe('evidence', () => {
  const attestor: Attestor = {
    attest: (evidence, { now, nodeId, verifyChallenge }) => {
      if (!verifyChallenge(evidence['nonce'] as string)) throw new JoineryError('ERR_ATTESTATION_FAILED', 'the nonce is not ours');
      const digest = digestOf(utf8(evidence['quote'] as string));
      return Promise.resolve({ provider: 'fake', claims: { node: nodeId, pcr: '00' }, issuedAt: now, digest });
    },
  };
  const attestation = { provider: 'fake', evidence: { nonce: 'good', quote: 'q1' } };
  const rules = [{ attestationProviders: ['fake'], claims: { pcr: '00' }, maxEvidenceAge: '5m', allow: true }];

  beforeEach(async () => {
    world = await joinWorld({
      attestors: new Map([['fake', attestor]]),
      verifyChallenge: (nonce) => nonce === 'good',
      policies: policiesOf({ requireAttestation: true, rules }),
    });
  });

  test('that the policy asks for lets the node in, and is kept with it', async () => {
    expect(await codeOf(join({ token: await world.mint() }))).toBe('ERR_POLICY_DENIED');
    const token = await world.mint();
    await join({ token, attestation, node_id: 'n1' });
    expect(world.realm.store.dump()[storeKeyOfNode('prod', 'n1')]).toMatchObject({
      attestation: { provider: 'fake', claims: { node: 'n1' } },
    });
    expect((await auditEvents(world.realm)).at(-1)).toMatchObject({ event: 'join.accept', details: { attestation: 'fake' } });
  });

  test('counts for one key', async () => {
    await join({ token: await world.mint(), attestation });
    await join({ token: await world.mint(), attestation });
    node = await nodeKey();
    expect(await codeOf(join({ token: await world.mint(), attestation }))).toBe('ERR_ATTESTATION_REPLAYED');
    expect(world.watched.alerts).toMatchObject([{ kind: 'replay', reason: 'ERR_ATTESTATION_REPLAYED' }]);
  });

  test('that does not hold is refused, as is a nonce that nobody gave out', async () => {
    const bad = { provider: 'fake', evidence: { nonce: 'old', quote: 'q1' } };
    expect(await codeOf(join({ token: await world.mint(), attestation: bad }))).toBe('ERR_ATTESTATION_FAILED');
    const silent = await joinWorld({ attestors: new Map([['fake', attestor]]) });
    expect(await codeOf(join({ token: await silent.mint(), attestation }, peerAt(), silent))).toBe('ERR_ATTESTATION_FAILED');
  });
});

describe('tokens of other dialects', () => {
  const common = { cluster: 'prod', role: 'worker' };

  test('let a node in', async () => {
    const { token } = await mintSecretToken(world.realm, { dialect: { format: 'kubeadm' }, ...common });
    expect((await join({ token: token.reveal() })).cluster).toBe('prod');
    const caFingerprint = (await createCa(world.realm, { name: 'extra' })).certificate.fingerprint;
    const secure = await mintSecretToken(world.realm, { dialect: { format: 'secure', caFingerprint }, ...common, ttl: null });
    node = await nodeKey();
    expect((await join({ token: secure.token.reveal() })).cluster).toBe('prod');
  });

  test('but for the one of a shared certificate', async () => {
    const { token } = await initCluster(world.realm, { name: 'prod', names: [], role: 'worker' });
    expect(await codeOf(join({ token: token.reveal() }))).toBe('ERR_JOIN_FORMAT');
    const caFingerprint = (await createCa(world.realm, { name: 'extra' })).certificate.fingerprint;
    const other = await mintSecretToken(world.realm, { dialect: { format: 'secure', caFingerprint }, ...common });
    expect((await join({ token: other.token.reveal() })).cluster).toBe('prod');
  });
});

describe('the service', () => {
  test('takes a new configuration, and asks for an authority by name', async () => {
    const { service, realm } = world;
    const token = await world.mint();
    const clusters = realm.config.clusters.map((cluster) => ({ ...cluster, issuing_ca: 'web-issuing' }));
    realm.clock.advance(5);
    service.reconfigure({ ...realm.config, clusters });
    expect(service.configuredAt).toBe(parseInstant('2026-11-22T10:00:05Z'));
    const chain = parsePem((await join({ token })).chain_pem);
    expect(parseCertificate(chain[0]?.der as Uint8Array).subject.text).toContain('web-issuing');
    service.reconfigure({ ...realm.config, clusters: clusters.map((cluster) => ({ ...cluster, issuing_ca: 'gone' })) });
    const message = expect.stringContaining('gone') as string;
    await expect(service.issuerOf('prod')).rejects.toMatchObject({ code: 'ERR_SERVER_ISSUER', message });
    await expect(service.issuerOf('prod')).rejects.toMatchObject({ code: 'ERR_SERVER_ISSUER' });
    realm.store.get = () => Promise.reject(new TypeError('a bug'));
    await expect(service.issuerOf('prod')).rejects.toThrow(TypeError);
    service.close();
  });

  test('leaves an authority that has ended', async () => {
    const { realm } = world;
    await createCa(realm, { name: 'short', parent: 'node-root', ttl: 3600 as Seconds });
    expect((await world.service.issuerOf('prod')).ca.record.name).toBe('short');
    realm.clock.advance(3600);
    const both = await Promise.all([world.service.issuerOf('prod'), world.service.issuerOf('prod')]);
    expect(both[0].ca.record.name).toBe('node-issuing');
    expect(both[1]).toBe(both[0]);
  });

  test('opens a new authority when one is made', async () => {
    const { service, realm } = world;
    await join({ token: await world.mint() });
    realm.clock.advance(5);
    await createCa(realm, { name: 'node-issuing-2', parent: 'node-root' });
    node = await nodeKey();
    const chain = parsePem((await join({ token: await world.mint() })).chain_pem);
    expect(parseCertificate(chain[0]?.der as Uint8Array).subject.text).toContain('node-issuing-2');
    service.close();
  });

  test('without anything given is silent and reads the clock of the realm', async () => {
    const realm = await joinRealm();
    const service = openJoinService(realm, { policies: world.service.policies });
    expect(service.ticks()).toBe(realm.clock.now());
    expect(service.verifyChallenge('x')).toBe(false);
    service.observe.outcome(undefined as never);
    service.observe.alert(undefined as never);
    service.close();
  });
});
