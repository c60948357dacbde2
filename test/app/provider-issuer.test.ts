import { beforeEach, expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { readCa } from '../../src/app/ca-records.ts';
import { openLeafIssuer } from '../../src/app/leaf-issuer.ts';
import { renewNode } from '../../src/app/renew-node.ts';
import { parsePem, toPem } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { readCsrPem } from '../../src/core/join/node-key.ts';
import { checkProvided, type ProviderRequest } from '../../src/core/join/provider.ts';
import { plus, type Seconds } from '../../src/core/time.ts';
import { parseAlternativeName } from '../../src/core/x509/alternative-names.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { PROFILES } from '../../src/core/x509/profiles.ts';
import { JOIN_DOMAIN, joinWorld, type JoinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';

/** What is changed of the request before the stand-in signs. */
interface Whim {
  readonly ca?: string;
  readonly ttl?: number;
  readonly uri?: string;
  readonly otherKey?: boolean;
  readonly answer?: string;
}

const CLUSTERS = [{ name: 'prod', roles: ['worker'], identity_provider: { ca: 'node-issuing', exec: ['/bin/sign'] } }];

let world: JoinWorld;
let whim: Whim;
let down: boolean;
let asked: ProviderRequest[];
beforeEach(async () => {
  whim = {};
  down = false;
  asked = [];
  world = await joinWorld({ clusters: CLUSTERS, openProvider: () => ({ issue: sign }) });
});

async function sign(request: ProviderRequest): Promise<string> {
  asked.push(request);
  if (down) throw new JoineryError('ERR_PROVIDER_UNAVAILABLE', 'down');
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
  return whim.answer ?? toPem('CERTIFICATE', leaf.der);
}

const certificateIn = (pem: string): Certificate => parseCertificate(parsePem(pem)[0]?.der as Uint8Array);

test('a join and a renewal: the provider signs what joinery decided, and joinery records it', async () => {
  const reply = await acceptJoin(world.service, { token: await world.mint({ node: 'n1' }), csr: (await nodeKey()).csr }, peerAt());
  const certificate = certificateIn(reply.certificate_pem);
  expect(reply.identity).toBe(`spiffe://${JOIN_DOMAIN}/prod/worker/n1`);
  expect(parsePem(reply.chain_pem).length).toBeGreaterThan(0);
  expect(asked[0]).toMatchObject({
    operation: 'issue',
    uris: [reply.identity],
    dns_names: [],
    ip_addresses: [],
    lifetime: 86_400,
    not_after: reply.expires_at,
  });
  const renewed = await renewNode(world.service, { csr: (await nodeKey()).csr }, peerAt('192.0.2.2', { certificate }));
  expect(asked[1]).toMatchObject({ operation: 'renew', renews: certificate.serialNumber });
  expect(certificateIn(renewed.certificate_pem).serialNumber).not.toBe(certificate.serialNumber);
  expect(Object.keys(world.realm.store.dump()).filter((key) => key.startsWith('node-cert/'))).toHaveLength(2);
});

test('a provider that is down burns no use: the same token lets the node in afterwards', async () => {
  down = true;
  const request = { token: await world.mint({ node: 'n1' }), csr: (await nodeKey()).csr };
  await expect(acceptJoin(world.service, request, peerAt())).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE', family: 'network' });
  down = false;
  expect((await acceptJoin(world.service, { ...request, csr: (await nodeKey()).csr }, peerAt())).node_id).toBe('n1');
});

test.each<[string, Whim, RegExp]>([
  ['another key', { otherKey: true }, /expected the key of the request/],
  ['another identity', { uri: `spiffe://${JOIN_DOMAIN}/prod/worker/other` }, /expected the names URI:.*n1, found URI:.*other/],
  ['a longer life', { ttl: 90_000 }, /expected an end by/],
  ['another authority', { ca: 'web-issuing' }, /identity_provider of cluster prod/],
  ['no certificate', { answer: 'hello' }, /expected one certificate, found something else/],
  ['a damaged one', { answer: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' }, /identity_provider of cluster prod/],
])('refuses %s, and the token is not used', async (_, given, message) => {
  whim = given;
  const request = { token: await world.mint({ node: 'n1' }), csr: (await nodeKey()).csr };
  const refused = acceptJoin(world.service, request, peerAt());
  await expect(refused).rejects.toMatchObject({ code: 'ERR_PROVIDER_CERTIFICATE', message: expect.stringMatching(message) as string });
  whim = {};
  expect((await acceptJoin(world.service, request, peerAt())).node_id).toBe('n1');
});

test('refuses an authority in place of a node, and one that is not valid yet', async () => {
  const { realm } = world;
  const { certificate: issuer } = await readCa(realm, 'node-issuing', 'ca');
  const root = await readCa(realm, 'node-root', 'ca');
  const expected = {
    what: 'provider',
    spki: root.certificate.spki,
    names: ['URI:spiffe://x.example/a'],
    notAfter: plus(realm.clock.now(), 60),
    now: realm.clock.now(),
    issuer,
    verifySignature: realm.verifySignature,
  };
  expect(() => checkProvided(root.record.certificate_pem, expected)).toThrow(/found none; expected no authority, found one/);
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
  expect(() => checkProvided(toPem('CERTIFICATE', leaf.der), early)).toThrow(/expected it to be valid now, found from/);
});

test('a service that can run no provider says so', async () => {
  const bare = await joinWorld({ clusters: CLUSTERS });
  const request = { token: await bare.mint({ node: 'n1' }), csr: (await nodeKey()).csr };
  await expect(acceptJoin(bare.service, request, peerAt())).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
});
