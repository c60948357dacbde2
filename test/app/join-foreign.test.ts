import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { type EnrolledMember, listEnrolled } from '../../src/app/cluster-enrolled.ts';
import { type ClusterStatus, clusterStatus } from '../../src/app/cluster-status.ts';
import { enrollShared, type EnrollSharedInput } from '../../src/app/enroll-shared.ts';
import { initCluster } from '../../src/app/init-cluster.ts';
import { issueOmnirelayToken, type IssueOmnirelayTokenInput } from '../../src/app/issue-omnirelay-token.ts';
import { joinOmnirelay } from '../../src/app/join-omnirelay.ts';
import type { OmnirelayService } from '../../src/app/join-service.ts';
import { openLeafIssuer } from '../../src/app/leaf-issuer.ts';
import { mintSecretToken } from '../../src/app/mint-secret-token.ts';
import { rotateClusterToken } from '../../src/app/rotate-cluster-token.ts';
import { statusData, statusText } from '../../src/cli/render/clusters.ts';
import { pkcs12Writer } from '../../src/cli/certificate-world.ts';
import { parsePem, toBase64, toPem, utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { readCsrPem } from '../../src/core/join/node-key.ts';
import type { IdentityProvider } from '../../src/core/join/provider.ts';
import { parseAlternativeName } from '../../src/core/x509/alternative-names.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { PROFILES } from '../../src/core/x509/profiles.ts';
import { omnirelayProblem } from '../../src/core/join/omnirelay.ts';
import { OMNIRELAY_FAILURES } from '../../src/core/token/omnirelay.ts';
import type { Seconds } from '../../src/core/time.ts';
import { createHmac } from 'node:crypto';
import { auditEvents, JOIN_DOMAIN, joinWorld, type JoinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';
import { codeOf } from './token-realm.ts';

const mac = (data: Uint8Array) => new Uint8Array(createHmac('sha256', 'a key that both sides share, long enough').update(data).digest());
const omnirelay: OmnirelayService = { mac, issuers: ['omnirelay-bootstrap', 'omnirelay-cli'], portableKeys, writePkcs12: pkcs12Writer };

describe('OmniRelay’s endpoint', () => {
  let world: JoinWorld;
  beforeEach(async () => {
    world = await joinWorld({ omnirelay });
  });

  const token = async (input: Partial<IssueOmnirelayTokenInput> = {}) =>
    (await issueOmnirelayToken(world.realm, { mac, cluster: 'PROD', role: 'worker', ...input })).token.reveal();
  const join = (request: { token: string; nodeId?: string }) => joinOmnirelay(world.service, request, peerAt());
  const answerOf = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (error: unknown) => omnirelayProblem(error),
    );
  const refused = (message: string) => ({ status: 400, body: { code: 'error.validation', message } });

  test('names the node in the request, where the identity provider of the cluster signs nothing else', async () => {
    const named: string[] = [];
    const issue: IdentityProvider['issue'] = async ({ csr_pem: pem, uris }) => {
      const csr = readCsrPem(pem);
      named.push(...(csr.extensions.subjectAltName ?? []).map(generalNameText));
      const issuer = await openLeafIssuer(world.realm, 'node-issuing');
      const names = [parseAlternativeName('uri', uris[0] as string, 'uri')];
      const leaf = await issuer.issue({ profile: PROFILES.node, names, publicKey: csr.publicKey, what: 'csr' });
      return { certificatePem: toPem('CERTIFICATE', leaf.der), chainPem: '' };
    };
    const unused = () => Promise.reject(new Error('not asked'));
    const provider: IdentityProvider = { namesFromRequest: true, issue, renew: issue, revoke: unused, trustBundle: unused };
    const clusters = [{ name: 'prod', roles: ['worker'], identity_provider: { ca: 'node-issuing', exec: ['/bin/sign'] } }];
    world = await joinWorld({ omnirelay, clusters, openProvider: () => Promise.resolve(provider) });
    const reply = await join({ token: await token(), nodeId: 'n1' });
    expect(reply.identity).toBe(`spiffe://${JOIN_DOMAIN}/prod/worker/n1`);
    expect(named).toEqual([`URI:${reply.identity}`]);
  });

  test('gives a PKCS #12 file that OpenSSL opens with its password, and keeps neither', async () => {
    const reply = await join({ token: await token(), nodeId: 'n1' });
    expect(reply).toMatchObject({
      clusterId: 'PROD',
      role: 'worker',
      identity: `spiffe://${JOIN_DOMAIN}/prod/worker/n1`,
      identityProvider: 'joinery',
      seedPeers: [`n1.${JOIN_DOMAIN}:9443`],
      metadata: {},
      issuedAt: '2026-11-22T10:00:00+00:00',
      renewAfter: '2026-11-23T02:00:00+00:00',
      expiresAt: '2026-11-23T10:00:00+00:00',
    });
    expect(reply.auditId).toMatch(/^[0-9a-f]{32}$/);
    expect(parsePem(reply.trustBundleData)).toHaveLength(1);
    const file = joinPath(mkdtempSync(joinPath(tmpdir(), 'joinery-omnirelay-')), 'bundle.p12');
    writeFileSync(file, Buffer.from(reply.certificateData, 'base64'));
    const out = execFileSync('openssl', ['pkcs12', '-in', file, '-nodes', '-passin', `pass:${reply.certificatePassword}`], {
      encoding: 'utf8',
    });
    expect(out).toContain('-----BEGIN PRIVATE KEY-----');
    expect(out.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    const kept = JSON.stringify([world.realm.store.dump(), await auditEvents(world.realm), world.watched.outcomes]);
    expect(kept).not.toContain(reply.certificatePassword);
    expect(kept).not.toContain(reply.certificateData.slice(0, 60));
    expect(kept).not.toContain('PRIVATE KEY');
    expect(world.watched.outcomes).toMatchObject([{ operation: 'join', transport: 'omnirelay', result: 'accepted' }]);
  });

  test('takes every request as a new use', async () => {
    const two = await token({ maxUses: 2 });
    const [one, other] = [await join({ token: two }), await join({ token: two })];
    expect(one.identity).not.toBe(other.identity);
    expect(await answerOf(join({ token: two }))).toEqual(refused(OMNIRELAY_FAILURES.consumed));
  });

  test('says what its service says', async () => {
    expect(await answerOf(join({ token: '' }))).toEqual(refused('A join token must be supplied.'));
    expect(await answerOf(join({ token: 'a.b.c' }))).toEqual(refused(OMNIRELAY_FAILURES.format));
    expect(await answerOf(join({ token: '!.!' }))).toEqual(refused(OMNIRELAY_FAILURES.encoding));
    expect(await answerOf(join({ token: '.' }))).toEqual(refused(OMNIRELAY_FAILURES.format));
    const good = await token();
    expect(await answerOf(join({ token: `${good.slice(0, -4)}AAA=` }))).toEqual(refused(OMNIRELAY_FAILURES.signature));
    const odd = utf8('{}');
    expect(await answerOf(join({ token: `${toBase64(odd)}.${toBase64(mac(odd))}` }))).toEqual(refused(OMNIRELAY_FAILURES.payload));
    expect(await answerOf(join({ token: await token({ issuer: 'somebody' }) }))).toEqual(refused(OMNIRELAY_FAILURES.issuer));
    expect(await answerOf(join({ token: await token({ cluster: 'other' }) }))).toEqual(refused(OMNIRELAY_FAILURES.cluster));
    const short = await token({ lifetime: 60 as Seconds });
    const early = await token();
    world.realm.clock.advance(-600);
    expect(await answerOf(join({ token: early }))).toEqual(refused(OMNIRELAY_FAILURES.early));
    world.realm.clock.advance(1200);
    expect(await answerOf(join({ token: short }))).toEqual(refused(OMNIRELAY_FAILURES.expired));
    expect(await answerOf(join({ token: await token(), nodeId: 'a b' }))).toMatchObject({ status: 400 });
  });

  test('has tokens that a node with a key of its own may use, whatever the case of its cluster', async () => {
    const { csr } = await nodeKey();
    const ask = async (cluster: string) => acceptJoin(world.service, { token: await token(), csr, cluster }, peerAt());
    expect((await ask('Prod')).cluster).toBe('prod');
    expect(await codeOf(ask('Edge'))).toBe('ERR_TOKEN_AUDIENCE');
  });

  test('is off without the shared key', async () => {
    const off = await joinWorld();
    expect(await codeOf(joinOmnirelay(off.service, { token: await token() }, peerAt()))).toBe('ERR_ROUTE_NOT_FOUND');
  });
});

describe('GastroLog’s enrollment', () => {
  let world: JoinWorld;
  let secret: string;
  beforeEach(async () => {
    world = await joinWorld();
    const { token } = await initCluster(world.realm, { name: 'prod', names: [], role: 'worker' });
    secret = token.reveal().split(':')[0] as string;
  });

  const enroll = (input: Partial<EnrollSharedInput> = {}, { service } = world) =>
    enrollShared(service, { tokenSecret: secret, nodeId: 'node-1', nodeAddress: '10.0.0.1:4565', ...input }, peerAt());

  test('gives every node the shared certificate and key, and records who has them', async () => {
    const size = await world.realm.store.auditSize();
    const one = await enroll();
    const two = await enroll({ nodeId: utf8('node-2') });
    expect(one).toEqual(two);
    expect(parsePem(one.caPem)).toHaveLength(1);
    expect(parsePem(one.keyPem.reveal())[0]?.label).toBe('PRIVATE KEY');
    expect((await auditEvents(world.realm)).slice(size).map(({ event }) => event)).toEqual([
      'token.use',
      'join.enroll',
      'token.use',
      'join.enroll',
    ]);
    expect(await listEnrolled(world.realm, 'prod')).toMatchObject([
      { node: 'node-1', address: '10.0.0.1:4565', sequence: 1 },
      { node: 'node-2' },
    ]);
    const [status] = await clusterStatus(world.realm, 'prod');
    const data = statusData(status as ClusterStatus);
    expect(data['enrolled']).toMatchObject([{ node: 'node-1', at: '2026-11-22T10:00:00Z' }, { node: 'node-2' }]);
    expect(statusText(status as ClusterStatus)).toMatch(/^node-1 +10.0.0.1:4565 +\S+ +up to date$/m);
    const [other] = (status as ClusterStatus).enrolled as [EnrolledMember];
    const late = { ...(status as ClusterStatus), enrolled: [{ ...other, serial: 'aa' }] };
    expect(statusText(late)).toMatch(/^node-1 .* has an older certificate$/m);
    expect(JSON.stringify(world.realm.store.dump())).not.toContain('PRIVATE KEY');
    expect(world.watched.outcomes).toMatchObject([
      { operation: 'enroll', transport: 'gastrolog', result: 'accepted', cluster: 'prod', node: 'node-1' },
      {},
    ]);
  });

  test('knows a node by its bytes', async () => {
    const id = Uint8Array.from({ length: 16 }, (_, index) => index + 200);
    await enroll({ nodeId: id });
    await enroll({ nodeId: 'a name with blanks' });
    expect((await listEnrolled(world.realm, 'prod')).map(({ node }) => node)).toEqual([
      Buffer.from('a name with blanks').toString('hex'),
      Buffer.from(id).toString('hex'),
    ]);
    expect(await codeOf(enroll({ nodeId: new Uint8Array(40) }))).toBe('ERR_REQUEST_MALFORMED');
    expect(await codeOf(enroll({ nodeId: '' }))).toBe('ERR_REQUEST_MALFORMED');
  });

  test('refuses wrong secrets as one, and those that were replaced', async () => {
    expect(await codeOf(enroll({ tokenSecret: 'x' }))).toBe('ERR_JOIN_UNAUTHENTICATED');
    expect(await codeOf(enroll({ tokenSecret: '0'.repeat(64) }))).toBe('ERR_JOIN_UNAUTHENTICATED');
    await rotateClusterToken(world.realm, { cluster: 'prod' });
    expect(await codeOf(enroll())).toBe('ERR_TOKEN_REVOKED');
  });

  test('counts the uses of a token that is limited, and each request is one', async () => {
    const caFingerprint = 'f'.repeat(64) as never;
    const foreign = await mintSecretToken(world.realm, { dialect: { format: 'secure', caFingerprint }, cluster: 'prod', role: 'worker' });
    expect(await codeOf(enroll({ tokenSecret: foreign.token.reveal() }))).toBe('ERR_JOIN_UNAUTHENTICATED');
    const { token } = await rotateClusterToken(world.realm, { cluster: 'prod', maxUses: 1 });
    const tokenSecret = token.reveal();
    await enroll({ tokenSecret });
    expect(await codeOf(enroll({ tokenSecret }))).toBe('ERR_TOKEN_REPLAYED');
  });

  test('needs a shared certificate', async () => {
    const caFingerprint = 'f'.repeat(64) as never;
    const { token } = await mintSecretToken(world.realm, { dialect: { format: 'secure', caFingerprint }, cluster: 'Edge', role: 'worker' });
    expect(await codeOf(enroll({ tokenSecret: token.reveal() }))).toBe('ERR_JOIN_UNAUTHENTICATED');
    expect(world.watched.outcomes.at(-1)).toMatchObject({ reason: 'ERR_CLUSTER_NOT_INITIALIZED' });
  });

  test('is limited by token, and starts again when the cluster changed meanwhile', async () => {
    let admitted = 0;
    world = await joinWorld({ admitToken: () => void (admitted += 1) });
    const { token } = await initCluster(world.realm, { name: 'prod', names: [], role: 'worker' });
    const { store } = world.realm;
    store.beforeCommit = async () => {
      store.beforeCommit = undefined;
      await store.commit({ checks: [], writes: [{ key: 'cluster/prod', value: store.dump()['cluster/prod'] as never }], audit: [] });
    };
    expect((await enroll({ tokenSecret: token.reveal() })).certificatePem).toContain('CERTIFICATE');
    expect(admitted).toBe(1);
  });
});

test('problems of OmniRelay cover what is not the token’s fault', () => {
  const of = (error: unknown) => omnirelayProblem(error);
  expect(of(new TypeError('x'))).toEqual({
    status: 500,
    body: { code: 'bootstrap.join.bundle_failed', message: 'Unable to create bootstrap bundle.' },
  });
  expect(of(new JoineryError('ERR_STORE_BUSY', 'busy')).status).toBe(500);
  expect(of(new JoineryError('ERR_INTERRUPTED', 'stop'))).toMatchObject({ status: 499, body: { code: 'error.canceled' } });
  expect(of(new JoineryError('ERR_REQUEST_TIMEOUT', 'late'))).toMatchObject({ status: 504, body: { code: 'error.timeout' } });
  expect(of(new JoineryError('ERR_REPLY_TIMEOUT', 'late'))).toMatchObject({ status: 504 });
  expect(of(new JoineryError('ERR_RATE_LIMITED', 'too many'))).toEqual({
    status: 429,
    body: { code: 'error.validation', message: 'too many' },
  });
  expect(of(new JoineryError('ERR_JOIN_UNAUTHENTICATED', 'no', { cause: new JoineryError('ERR_TOKEN_REVOKED', 'x') })).body.message).toBe(
    OMNIRELAY_FAILURES.consumed,
  );
});
