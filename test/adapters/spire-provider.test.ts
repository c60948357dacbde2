import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Code, ConnectError } from '@connectrpc/connect';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { type SpireProvider, spireProvider } from '../../src/adapters/spire-provider.ts';
import { csrNaming } from '../../src/app/named-request.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { SigningRequest } from '../../src/core/join/provider.ts';
import type { SpireConfig } from '../../src/core/realm/provider-config.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { make } from '../core/x509/make.ts';
import { keyPemOf } from '../fakes/grpc-listener.ts';
import { nodeKey } from '../fakes/join-realm.ts';
import { pemOf } from '../fakes/provider-ca.ts';
import { spireStandIn, type SpireStandIn, TRUST_DOMAIN } from '../fakes/spire.ts';
import { type Identity, identity } from '../fakes/tls-server.ts';

const root = make({ name: 'spire root', ca: true });
const issuer = make({ name: 'spire issuing', ca: true, issuer: root });
const tlsRoot = identity({ name: 'spire tls root', ca: true });
const ID = `spiffe://${TRUST_DOMAIN}/prod/worker/n1`;

let place: string;
let spire: SpireStandIn;
let request: SigningRequest;
const now = () => systemClock.now();
beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'joinery-spire-'));
  spire = await spireStandIn({ root, issuer, now, listen: { socket: join(place, 'api.sock') } });
  const { key } = await nodeKey();
  const csr = await csrNaming(key, [
    { kind: 'uri', value: ID },
    { kind: 'dns', value: 'n1.example.org' },
  ]);
  request = {
    csr_pem: csr,
    uris: [ID],
    dns_names: ['n1.example.org'],
    ip_addresses: [],
    not_after: '2026-11-23T10:00:00Z',
    lifetime: 3600,
  };
});
afterEach(async () => {
  await spire.close();
  rmSync(place, { recursive: true, force: true });
});

const provider = (config: SpireConfig = { socket: join(place, 'api.sock') }, timeoutMs = 5000): SpireProvider =>
  spireProvider(config, { timeoutMs, what: 'identity_provider of cluster prod', path: (name) => resolve(place, name) });

test('mints an X509-SVID over the admin socket: the leaf first, then what is between it and the bundle', async () => {
  const before = now();
  const given = await provider().issue(request);
  const [leaf] = parsePem(given.certificatePem).map(({ der }) => parseCertificate(der));
  expect((leaf?.extensions.subjectAltName ?? []).map(generalNameText)).toEqual([`URI:${ID}`, 'DNS:n1.example.org']);
  expect((leaf?.notAfter as number) - before).toBeGreaterThanOrEqual(3600);
  expect(given.chainPem).toBe(pemOf(issuer));
  expect((await provider().renew(request)).certificatePem).not.toBe(given.certificatePem);
  spire.more.tainted = make({ name: 'tainted', ca: true });
  expect(await provider().trustBundle()).toBe(pemOf(root));
  expect(spire.asked).toEqual(['MintX509SVID', 'MintX509SVID', 'GetBundle']);
});

test('has a join token made for an agent of SPIRE', async () => {
  const { value, expiresAt } = await provider().createJoinToken({ ttl: 600, agentId: `spiffe://${TRUST_DOMAIN}/agent/n7` });
  expect(value.reveal()).toBe('5f0c6e2d-token');
  expect(expiresAt).toBeGreaterThanOrEqual(now() + 598);
  await provider().createJoinToken({ ttl: 600 });
  expect(spire.asked).toEqual([`CreateJoinToken ${TRUST_DOMAIN}/agent/n7`, 'CreateJoinToken ']);
  await expect(provider().createJoinToken({ ttl: 0 })).rejects.toMatchObject({ code: 'ERR_PROVIDER_REFUSED' });
});

test('says what it cannot: revoke, addresses, and a request that names nobody', async () => {
  await expect(provider().revoke({ serial: '5f', certificate_pem: '', reason: 'keyCompromise' })).rejects.toMatchObject({
    code: 'ERR_PROVIDER_CANNOT_REVOKE',
  });
  await expect(provider().issue({ ...request, ip_addresses: ['192.0.2.1'] })).rejects.toMatchObject({
    code: 'ERR_PROVIDER_REFUSED',
    hint: /ipAddresses/,
  });
  expect(spire.asked).toEqual([]);
  const { csr } = await nodeKey();
  await expect(provider().issue({ ...request, csr_pem: csr })).rejects.toMatchObject({
    code: 'ERR_PROVIDER_REFUSED',
    message: 'identity_provider of cluster prod: expected an answer of SPIRE, found InvalidArgument: CSR URI SAN is required',
  });
});

describe('fails with a code', () => {
  test.each<[string, SpireStandIn['failure'], string]>([
    ['down', new ConnectError('starting', Code.Unavailable), 'ERR_PROVIDER_UNAVAILABLE'],
    ['too much to do', new ConnectError('rate', Code.ResourceExhausted), 'ERR_PROVIDER_UNAVAILABLE'],
    ['too slow', 'silence', 'ERR_PROVIDER_UNAVAILABLE'],
    ['not an admin', new ConnectError('authorization denied', Code.PermissionDenied), 'ERR_PROVIDER_REFUSED'],
  ])('%s', async (_, failure, code) => {
    spire.failure = failure;
    await expect(provider(undefined, failure === 'silence' ? 300 : 5000).issue(request)).rejects.toMatchObject({ code, family: 'network' });
  });

  test('nobody on the socket', async () => {
    await expect(provider({ socket: join(place, 'none.sock') }).issue(request)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
  });
});

describe('over TLS with an admin SVID', () => {
  const admin = (name: string, issuedBy = tlsRoot): Identity =>
    identity({ name, issuer: issuedBy, names: [{ kind: 'uri', value: `spiffe://${TRUST_DOMAIN}/admin` }], purposes: [OID.clientAuth] });
  const files = (svid: Identity): SpireConfig => {
    writeFileSync(join(place, 'admin.crt'), pemOf(svid));
    writeFileSync(join(place, 'admin.key'), keyPemOf(svid), { mode: 0o600 });
    writeFileSync(join(place, 'bundle.pem'), pemOf(tlsRoot));
    return { address: spire.address, cert_file: 'admin.crt', key_file: 'admin.key', bundle_file: 'bundle.pem' };
  };
  const over = async (serverId?: string): Promise<void> => {
    await spire.close();
    spire = await spireStandIn({ root, issuer: root, now, listen: { tls: tlsRoot, ...(serverId !== undefined && { serverId }) } });
  };

  test('the server is SPIRE itself, and both sides are of the trust domain', async () => {
    await over();
    const config = files(admin('admin'));
    expect((await provider(config).issue(request)).chainPem).toBe('');
    // Files are read for every request.
    files(admin('next admin'));
    expect(await provider(config).trustBundle()).toBe(pemOf(root));
  });

  test('another identity in the place of the server is asked nothing', async () => {
    await over(`spiffe://${TRUST_DOMAIN}/prod/worker/n1`);
    await expect(provider(files(admin('admin'))).issue(request)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
    expect(spire.asked).toEqual([]);
  });

  test('an SVID that the server does not know, no SVID at all, and files that are missing', async () => {
    await over();
    const other = identity({ name: 'other', ca: true });
    await expect(provider(files(admin('admin', other))).issue(request)).rejects.toMatchObject({ family: 'network' });
    await expect(provider(files(identity({ name: 'plain', issuer: tlsRoot }))).issue(request)).rejects.toMatchObject({
      code: 'ERR_PROVIDER_UNAVAILABLE',
    });
    writeFileSync(join(place, 'admin.crt'), '');
    await expect(provider({ ...files(admin('admin')), cert_file: 'none.crt' }).issue(request)).rejects.toMatchObject({
      code: 'ERR_PROVIDER_UNAVAILABLE',
    });
    expect(spire.asked).toEqual([]);
  });
});

test('the messages on the wire are those that a client with no code in common reads', async () => {
  const definition = protoLoader.loadSync('spire/api/server/svid/v1/svid.proto', {
    includeDirs: [fileURLToPath(new URL('../../src/proto', import.meta.url))],
    keepCase: true,
  });
  const loaded = grpc.loadPackageDefinition(definition) as unknown as {
    spire: { api: { server: { svid: { v1: { SVID: grpc.ServiceClientConstructor } } } } };
  };
  const client = new loaded.spire.api.server.svid.v1.SVID(`unix:${join(place, 'api.sock')}`, grpc.credentials.createInsecure());
  const mint = client['MintX509SVID']?.bind(client) as unknown as (
    sent: object,
    done: (error: Error | null, reply: { svid: { cert_chain: Buffer[]; id: { trust_domain: string; path: string } } }) => void,
  ) => void;
  const csr = parsePem(request.csr_pem)[0]?.der as Uint8Array;
  const reply = await new Promise<{ svid: { cert_chain: Buffer[]; id: object } }>((done, fail) =>
    mint({ csr: Buffer.from(csr), ttl: 60 }, (error, answer) => (error === null ? done(answer) : fail(error))),
  );
  client.close();
  expect(reply.svid.cert_chain).toHaveLength(2);
  expect(reply.svid.id).toEqual({ trust_domain: TRUST_DOMAIN, path: '/prod/worker/n1' });
});
