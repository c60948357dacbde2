import { beforeEach, expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { readCa } from '../../src/app/ca-records.ts';
import { providerTrust, unknownAuthorities } from '../../src/app/cluster-provider.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { openLeafIssuer } from '../../src/app/leaf-issuer.ts';
import { askNaming, csrNaming, parseNames } from '../../src/app/named-request.ts';
import { PROVIDER_REVOCATIONS, tellProviders } from '../../src/app/provider-outbox.ts';
import { renewNode } from '../../src/app/renew-node.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { undoCertificateHold } from '../../src/app/undo-revocation.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { parsePem, toPem } from '../../src/core/encoding.ts';
import { type ErrorCode, JoineryError } from '../../src/core/errors.ts';
import { readCsrPem } from '../../src/core/join/node-key.ts';
import { errorOfProblem, problemOf } from '../../src/core/join/problem.ts';
import type { IdentityProvider, ProviderRevocation, SigningRequest } from '../../src/core/join/provider.ts';
import { checkProvided } from '../../src/core/join/provider-check.ts';
import { plus, type Seconds } from '../../src/core/time.ts';
import { parseAlternativeName } from '../../src/core/x509/alternative-names.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { PROFILES } from '../../src/core/x509/profiles.ts';
import { make } from '../core/x509/make.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { auditEvents, JOIN_DOMAIN, joinWorld, type JoinWorld, type NodeKey, nodeKey, peerAt } from '../fakes/join-realm.ts';

/** What is changed of the request before the stand-in signs. */
interface Whim {
  readonly ca?: string;
  readonly ttl?: number;
  readonly uri?: string;
  readonly otherKey?: boolean;
  readonly answer?: string;
  readonly chain?: string;
}

const providedBy = (...ca: string[]) => [{ name: 'prod', roles: ['worker'], identity_provider: { ca, exec: ['/bin/sign'] } }];

let world: JoinWorld;
let whim: Whim;
let down: ErrorCode | undefined;
let asked: (SigningRequest & { readonly op: string })[];
let revoked: ProviderRevocation[];
let provider: IdentityProvider;
beforeEach(async () => {
  whim = {};
  down = undefined;
  asked = [];
  revoked = [];
  provider = {
    issue: (request) => sign('issue', request),
    renew: (request) => sign('renew', request),
    revoke: (revocation) => {
      revoked.push(revocation);
      return down === undefined ? Promise.resolve() : Promise.reject(new JoineryError(down, 'down'));
    },
    trustBundle: async () => (await readCa(world.realm, 'node-root', 'ca')).record.certificate_pem,
  };
  world = await joinWorld({ clusters: providedBy('node-issuing'), openProvider: () => Promise.resolve(provider) });
});

async function sign(op: string, request: SigningRequest) {
  asked.push({ op, ...request });
  if (down !== undefined) throw new JoineryError(down, 'down');
  const issuer = await openLeafIssuer(world.realm, whim.ca ?? 'node-issuing');
  const csr = readCsrPem(whim.otherKey === true ? (await nodeKey()).csr : request.csr_pem);
  const names = [parseAlternativeName('uri', whim.uri ?? (request.uris[0] as string), 'uri')];
  const leaf = await issuer.issue({
    profile: PROFILES.node,
    names,
    publicKey: csr.publicKey,
    ttl: (whim.ttl ?? request.lifetime) as Seconds,
    what: 'csr',
  });
  return { certificatePem: whim.answer ?? toPem('CERTIFICATE', leaf.der), chainPem: whim.chain ?? '' };
}

const certificateIn = (pem: string): Certificate => parseCertificate(parsePem(pem)[0]?.der as Uint8Array);
const join = async (key?: NodeKey) =>
  acceptJoin(world.service, { token: await world.mint({ node: 'n1' }), csr: (key ?? (await nodeKey())).csr }, peerAt());

test('a join and a renewal: the provider signs what joinery decided, and joinery records it', async () => {
  const reply = await join();
  const certificate = certificateIn(reply.certificate_pem);
  expect(reply.identity).toBe(`spiffe://${JOIN_DOMAIN}/prod/worker/n1`);
  expect(parsePem(reply.chain_pem)).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    op: 'issue',
    uris: [reply.identity],
    dns_names: [],
    ip_addresses: [],
    lifetime: 86_400,
    not_after: reply.expires_at,
  });
  const renewed = await renewNode(world.service, { csr: (await nodeKey()).csr }, peerAt('192.0.2.2', { certificate }));
  expect(asked[1]).toMatchObject({ op: 'renew', renews: certificate.serialNumber });
  expect(certificateIn(renewed.certificate_pem).serialNumber).not.toBe(certificate.serialNumber);
  expect(Object.keys(world.realm.store.dump()).filter((key) => key.startsWith('node-cert/'))).toHaveLength(2);
});

test('one interface for the own authority and for others', async () => {
  const external = await world.service.issuerOf('prod');
  expect([external.kind, await external.trustBundle()]).toEqual(['exec', await provider.trustBundle()]);
  const revocation: ProviderRevocation = { serial: '5f', certificate_pem: 'pem', reason: 'keyCompromise' };
  await external.revoke(revocation);
  expect(revoked).toEqual([revocation]);
  const local = await (await joinWorld()).service.issuerOf('prod');
  expect([local.kind, parsePem(await local.trustBundle())]).toEqual(['local', [expect.objectContaining({ label: 'CERTIFICATE' })]]);
  await local.revoke({ serial: '00', certificate_pem: '', reason: 'unspecified' });
});

test('authorities that the provider keeps to itself come with the certificate, and again with the same answer', async () => {
  world = await joinWorld({ clusters: providedBy('web-root', 'node-root'), openProvider: () => Promise.resolve(provider) });
  whim = { chain: (await readCa(world.realm, 'node-issuing', 'ca')).record.certificate_pem };
  const key = await nodeKey();
  const token = await world.mint({ node: 'n1' });
  const reply = await acceptJoin(world.service, { token, csr: key.csr }, peerAt());
  expect(reply.chain_pem).toBe(whim.chain);
  const again = await acceptJoin(world.service, { token, csr: key.csr }, peerAt());
  expect([again.certificate_pem, again.chain_pem]).toEqual([reply.certificate_pem, reply.chain_pem]);
  expect(asked).toHaveLength(1);
});

test('an answer without a chain is under an authority of the trust bundle, where the provider gives one', async () => {
  world = await joinWorld({ clusters: providedBy('node-root'), openProvider: () => Promise.resolve(provider) });
  const { certificate_pem: issuing } = (await readCa(world.realm, 'node-issuing', 'ca')).record;
  provider = { ...provider, trustBundle: () => Promise.reject(new JoineryError('ERR_PROVIDER_UNAVAILABLE', 'down')) };
  await expect(join()).rejects.toMatchObject({ code: 'ERR_PROVIDER_CERTIFICATE' });
  provider = { ...provider, trustBundle: () => Promise.resolve(issuing) };
  world.service.forgetIssuers();
  // A chain that does not fit is not looked past.
  whim = { chain: (await readCa(world.realm, 'web-root', 'ca')).record.certificate_pem };
  await expect(join()).rejects.toMatchObject({ code: 'ERR_PROVIDER_CERTIFICATE' });
  whim = {};
  expect((await join()).chain_pem).toBe(issuing);
});

test.each(['ERR_PROVIDER_UNAVAILABLE', 'ERR_PROVIDER_REFUSED'] as const)(
  'a provider that is down burns no use: %s, and the same token lets the node in afterwards',
  async (code) => {
    down = code;
    const request = { token: await world.mint({ node: 'n1' }), csr: (await nodeKey()).csr };
    await expect(acceptJoin(world.service, request, peerAt())).rejects.toMatchObject({ code, family: 'network' });
    expect(Object.keys(world.realm.store.dump()).filter((key) => key.startsWith('use/'))).toEqual([]);
    down = undefined;
    expect((await acceptJoin(world.service, { ...request, csr: (await nodeKey()).csr }, peerAt())).node_id).toBe('n1');
  },
);

test('behind a slow provider no more requests pile up than a bound, and those beyond it may come again', async () => {
  const waiting: (() => void)[] = [];
  provider = {
    ...provider,
    issue: () => new Promise((_, reject) => waiting.push(() => reject(new JoineryError('ERR_PROVIDER_UNAVAILABLE', 'slow')))),
  };
  const issuer = await world.service.issuerOf('prod');
  const csr = readCsrPem((await nodeKey()).csr);
  const order = {
    profile: PROFILES.node,
    names: [parseAlternativeName('uri', `spiffe://${JOIN_DOMAIN}/a`, 'uri')],
    publicKey: csr.publicKey,
    csr: csr.der,
    what: 'csr',
  };
  const asking = Array.from({ length: 64 }, () => issuer.issue(order).catch((error: unknown) => error));
  await expect.poll(() => waiting.length).toBe(64);
  await expect(issuer.issue(order)).rejects.toMatchObject({
    code: 'ERR_PROVIDER_UNAVAILABLE',
    message: expect.stringMatching(/found 64/) as string,
  });
  for (const end of waiting) end();
  await Promise.all(asking);
  provider = { ...provider, issue: (request) => sign('issue', request) };
});

test.each<[string, Whim, RegExp]>([
  ['another key', { otherKey: true }, /expected the key of the request/],
  ['another identity', { uri: `spiffe://${JOIN_DOMAIN}/prod/worker/other` }, /expected the names URI:.*n1, found URI:.*other/],
  ['a longer life', { ttl: 90_000 }, /expected an end by/],
  ['another authority', { ca: 'web-issuing' }, /identity_provider of cluster prod/],
  ['no certificate', { answer: 'hello' }, /expected one certificate, found 0/],
  ['a damaged one', { answer: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }, /identity_provider of cluster prod/],
])('refuses %s, and the token is not used', async (_, given, message) => {
  whim = given;
  const request = { token: await world.mint({ node: 'n1' }), csr: (await nodeKey()).csr };
  const refused = acceptJoin(world.service, request, peerAt());
  await expect(refused).rejects.toMatchObject({ code: 'ERR_PROVIDER_CERTIFICATE', message: expect.stringMatching(message) as string });
  whim = {};
  expect((await acceptJoin(world.service, request, peerAt())).node_id).toBe('n1');
});

async function expectation() {
  const { realm } = world;
  const { certificate: issuer } = await readCa(realm, 'node-issuing', 'ca');
  const root = await readCa(realm, 'node-root', 'ca');
  const expected = {
    what: 'provider',
    spki: root.certificate.spki,
    names: ['URI:spiffe://x.example/a'],
    notAfter: plus(realm.clock.now(), 60),
    now: realm.clock.now(),
    authorities: [issuer],
    verifySignature: realm.verifySignature,
  };
  return { root, expected };
}

test('refuses an authority in place of a node, several certificates, a chain without end, and one that is not valid yet', async () => {
  const { realm } = world;
  const { root, expected } = await expectation();
  const { certificate_pem: pem } = root.record;
  const given = { certificatePem: pem, chainPem: '' };
  expect(() => checkProvided(given, expected)).toThrow(/found none; expected no authority, found one; expected a key for signatures/);
  expect(() => checkProvided({ ...given, certificatePem: pem + pem }, expected)).toThrow(/expected one certificate, found 2/);
  expect(() => checkProvided({ ...given, certificatePem: '' }, expected)).toThrow(/expected one certificate, found 0/);
  expect(() => checkProvided({ ...given, chainPem: pem.repeat(9) }, expected)).toThrow(/at most 8 authorities in its chain, found 9/);
  const leaf = await (
    await openLeafIssuer(realm, 'node-issuing')
  ).issue({
    profile: PROFILES.node,
    names: [parseAlternativeName('uri', `spiffe://${JOIN_DOMAIN}/a`, 'uri')],
    publicKey: readCsrPem((await nodeKey()).csr).publicKey,
    what: 'csr',
  });
  const { spki, extensions } = parseCertificate(leaf.der);
  const names = (extensions.subjectAltName ?? []).map(generalNameText);
  const early = { ...expected, spki, names, now: plus(expected.now, -3600), notAfter: leaf.validity.notAfter };
  const signed = { certificatePem: toPem('CERTIFICATE', leaf.der), chainPem: '' };
  expect(() => checkProvided(signed, early)).toThrow(/expected it to be valid now, found from/);
  expect(checkProvided(signed, { ...early, now: expected.now })).toHaveLength(2);
});

test('an authority that is not in the realm is a fault of the server', async () => {
  const bare = await joinWorld({ clusters: providedBy('none'), openProvider: () => Promise.resolve(provider) });
  await expect(bare.service.issuerOf('prod')).rejects.toMatchObject({ code: 'ERR_SERVER_ISSUER' });
});

test('a service that can ask no provider says so', async () => {
  const bare = await joinWorld({ clusters: providedBy('node-issuing') });
  const request = { token: await bare.mint({ node: 'n1' }), csr: (await nodeKey()).csr };
  await expect(acceptJoin(bare.service, request, peerAt())).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
});

test('certificates under several authorities that ended one after the other', async () => {
  const { realm } = world;
  await createCa(realm, { name: 'short', parent: 'node-root', ttl: 7200 as Seconds });
  world = {
    ...world,
    ...(await joinWorld({ clusters: providedBy('short', 'node-issuing'), openProvider: () => Promise.resolve(provider) })),
  };
  await createCa(world.realm, { name: 'short', parent: 'node-root', ttl: 7200 as Seconds });
  whim = { ca: 'short' };
  // The first one bounds the life of what it signs.
  await join();
  expect(asked[0]?.lifetime).toBeLessThanOrEqual(7200);
  world.realm.clock.advance(7300);
  whim = {};
  await join();
  expect(asked[1]?.lifetime).toBe(86_400);
  world.realm.clock.advance(11 * 365 * 86_400);
  await expect(
    world.service.issuerOf('prod').then(async (issuer) =>
      issuer.issue({
        profile: PROFILES.node,
        names: [parseAlternativeName('uri', `spiffe://${JOIN_DOMAIN}/a`, 'uri')],
        publicKey: readCsrPem((await nodeKey()).csr).publicKey,
        what: 'csr',
      }),
    ),
  ).rejects.toMatchObject({ code: 'ERR_CA_EXPIRED' });
});

test('a provider that signs what the request names: the node is told, asks again with the same key, and one use is spent', async () => {
  provider = { ...provider, namesFromRequest: true };
  const key = await nodeKey();
  const token = await world.mint({ node: 'n1' });
  const peer = peerAt();
  const names = `URI:spiffe://${JOIN_DOMAIN}/prod/worker/n1`;
  const first = acceptJoin(world.service, { token, csr: key.csr }, peer);
  await expect(first).rejects.toMatchObject({ code: 'ERR_CSR_NAMES', details: { csr_names: names } });
  const problem = problemOf(new JoineryError('ERR_CSR_NAMES', 'x', { details: { csr_names: names } }), { correlationId: 'c' });
  expect(problem).toMatchObject({ status: 422, csr_names: names });
  expect(errorOfProblem(problem).details).toMatchObject({ csr_names: names });
  expect(asked).toEqual([]);
  expect((await auditEvents(world.realm)).map(({ event }) => event)).not.toContain('join.refuse');
  const reply = await askNaming(key.key, key.csr, (csr) => acceptJoin(world.service, { token, csr }, peerAt()));
  expect(reply.identity).toBe(`spiffe://${JOIN_DOMAIN}/prod/worker/n1`);
  // The wrong names are told, too.
  const other = await csrNaming(key.key, parseNames(`${names},DNS:a.example,IP:192.0.2.1`));
  await expect(
    acceptJoin(world.service, { token: await world.mint({ node: 'n1', allowReentry: true }), csr: other }, peerAt()),
  ).rejects.toMatchObject({
    message: expect.stringMatching(/found URI:.*,DNS:a.example,IP:192.0.2.1/) as string,
  });
});

test('other refusals are not asked again', async () => {
  const { key, csr } = await nodeKey();
  for (const error of [new Error('other'), new JoineryError('ERR_CSR_NAMES', 'without names')])
    await expect(askNaming(key, csr, () => Promise.reject(error))).rejects.toBe(error);
});

test('a serial number that was made elsewhere is found as tools show it, without the zero octet of DER', async () => {
  const { serialNumber: serial } = certificateIn((await join()).certificate_pem);
  const { store } = world.realm;
  const stored = (await store.get(`cert/${serial}`))?.value as JsonObject;
  const writes = [
    { key: `cert/${serial}`, delete: true as const },
    { key: `cert/00${serial}`, value: { ...stored, serial: `00${serial}` } },
  ];
  await store.commit({ checks: [], writes, audit: [] });
  expect(await revokeCertificate(world.realm, { serial, reason: 'certificateHold' })).toMatchObject({
    serial: `00${serial}`,
    already: false,
  });
  expect(Object.keys(store.dump())).toContain(`revocation/node-issuing/00${serial}`);
  expect(await undoCertificateHold(world.realm, { serial })).toMatchObject({ serials: [`00${serial}`] });
});

test('what is revoked is told to the provider, in its own time, and recorded', async () => {
  const reply = await join();
  const { serialNumber: serial } = certificateIn(reply.certificate_pem);
  await revokeNode(world.realm, { cluster: 'prod', node: 'n1', reason: 'keyCompromise' });
  expect(Object.keys(world.realm.store.dump())).toContain(`${PROVIDER_REVOCATIONS}${serial}`);
  down = 'ERR_PROVIDER_UNAVAILABLE';
  const providerOf = () => Promise.resolve(provider);
  expect(await tellProviders(world.realm, providerOf)).toMatchObject({ told: [], pending: [{ serial, error: { code: down } }] });
  down = undefined;
  expect(await tellProviders(world.realm, providerOf)).toMatchObject({ told: [serial], pending: [], dropped: [] });
  expect(revoked.at(-1)).toEqual({ serial, certificate_pem: reply.certificate_pem, reason: 'keyCompromise' });
  expect(await tellProviders(world.realm, providerOf)).toEqual({ told: [], pending: [], dropped: [] });
  expect((await auditEvents(world.realm)).at(-1)).toMatchObject({ event: 'cert.provider_revoke', subject: serial, result: 'ok' });
});

test('a provider that revokes nothing is not asked for ever, nor is one of a certificate that has ended', async () => {
  const revoke = async (node: string): Promise<string> => {
    const request = { token: await world.mint({ node }), csr: (await nodeKey()).csr };
    const { serialNumber: serial } = certificateIn((await acceptJoin(world.service, request, peerAt())).certificate_pem);
    await revokeCertificate(world.realm, { serial });
    return serial;
  };
  const providerOf = () => Promise.resolve(provider);
  const first = await revoke('n1');
  down = 'ERR_PROVIDER_CANNOT_REVOKE';
  expect((await tellProviders(world.realm, providerOf)).dropped).toEqual([{ serial: first, reason: down }]);
  expect((await auditEvents(world.realm)).at(-1)).toMatchObject({ result: 'failed', reason: down });
  down = undefined;
  const serials = [await revoke('n2'), await revoke('n3')];
  down = 'ERR_PROVIDER_UNAVAILABLE';
  revoked = [];
  // The second is not even asked in this round.
  expect((await tellProviders(world.realm, providerOf)).pending.map(({ serial }) => serial).sort()).toEqual(serials.toSorted());
  expect(revoked).toHaveLength(1);
  world.realm.clock.advance(86_401);
  expect((await tellProviders(world.realm, providerOf)).dropped).toHaveLength(2);
});

test('a hold, which may end, is no matter of the provider; what another process has recorded is not recorded again; bugs are not hidden', async () => {
  const reply = await join();
  const { serialNumber: serial } = certificateIn(reply.certificate_pem);
  await revokeCertificate(world.realm, { serial, reason: 'certificateHold' });
  const providerOf = () => Promise.resolve(provider);
  expect(await tellProviders(world.realm, providerOf)).toMatchObject({ told: [], pending: [] });
  await revokeCertificate(world.realm, { serial, reason: 'keyCompromise' });
  await expect(tellProviders(world.realm, () => Promise.reject(new Error('bug')))).rejects.toThrow('bug');
  const { store } = world.realm;
  const broken = { ...world.realm, store: { ...store, commit: () => Promise.reject(new Error('disk')) } };
  await expect(tellProviders(broken, providerOf)).rejects.toThrow('disk');
  const late = { ...world.realm, store: { ...store, commit: () => Promise.resolve({ ok: false as const, conflict: 'x' }) } };
  expect((await tellProviders(late, providerOf)).told).toEqual([serial]);
});

test('a cluster that has no provider any more cannot tell it: what is to be told waits', async () => {
  const { serialNumber: serial } = certificateIn((await join()).certificate_pem);
  await revokeCertificate(world.realm, { serial });
  const config = { ...world.realm.config, clusters: [{ name: 'prod', roles: ['worker'] }] };
  const told = await tellProviders({ ...world.realm, config }, () => Promise.resolve(provider));
  expect(told.pending).toMatchObject([{ serial, error: { code: 'ERR_PROVIDER_NONE' } }]);
});

test('the authorities of a provider, and which of them nodes and realm do not know', async () => {
  const open = () => Promise.resolve(provider);
  const [root, issuing, web] = await Promise.all(['node-root', 'node-issuing', 'web-root'].map((name) => readCa(world.realm, name, 'ca')));
  const pemOf = (...cas: readonly (typeof root)[]) => cas.map((ca) => ca?.record.certificate_pem).join('');
  provider = { ...provider, trustBundle: () => Promise.resolve(pemOf(root, issuing, web)) };
  const trust = await providerTrust(world.realm, 'prod', open);
  expect(trust).toMatchObject({
    cluster: 'prod',
    kind: 'exec',
    authorities: [
      { ca: 'node-root', configured: false, phase: 'active' },
      { ca: 'node-issuing', configured: true, phase: undefined },
      { ca: 'web-root', configured: false, phase: undefined },
    ],
  });
  expect(unknownAuthorities(trust).map(({ ca }) => ca)).toEqual(['web-root']);
  provider = { ...provider, trustBundle: () => Promise.resolve(pemOf(root) + toPem('CERTIFICATE', make({ ca: true }).certificate.der)) };
  expect(unknownAuthorities(await providerTrust(world.realm, 'prod', open)).map(({ ca }) => ca)).toEqual(['node-root', undefined]);
  provider = { ...provider, trustBundle: () => Promise.resolve('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n') };
  await expect(providerTrust(world.realm, 'prod', open)).rejects.toMatchObject({ code: 'ERR_PROVIDER_CERTIFICATE' });
  const config = { ...world.realm.config, clusters: [{ name: 'prod', roles: ['worker'] }] };
  await expect(providerTrust({ ...world.realm, config }, 'prod', open)).rejects.toMatchObject({ code: 'ERR_PROVIDER_NONE' });
});

test('the authorities of a provider before any trust is in force', async () => {
  const realm = { ...world.realm, store: memoryStore() };
  expect((await providerTrust(realm, 'prod', () => Promise.resolve(provider))).authorities[0]).toMatchObject({
    ca: undefined,
    phase: undefined,
  });
});
