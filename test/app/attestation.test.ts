/** Evidence on its way through a join: what it is checked by, what is kept of it, and what a refusal leaves as it was. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { checkPolicyFile } from '../../src/app/check-policy.ts';
import { collectEnrollments } from '../../src/app/collect-enrollments.ts';
import { openAttestors } from '../../src/app/open-attestors.ts';
import { openPolicies } from '../../src/app/load-policy.ts';
import { openJoinService } from '../../src/app/join-service.ts';
import { renewNode } from '../../src/app/renew-node.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import type { HttpsRequest } from '../../src/core/attest/context.ts';
import { type JsonObject, parseStrictJson } from '../../src/core/canonical-json.ts';
import { pinOf } from '../../src/core/digest.ts';
import { parsePem, toPem } from '../../src/core/encoding.ts';
import { isJoineryError } from '../../src/core/errors.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { testCa } from '../fakes/anchors.ts';
import { auditEvents, joinWorld, type JoinWorld, type NodeKey, nodeKey, peerAt } from '../fakes/join-realm.ts';
import { jws, NONCE, pemOf, rsa } from '../core/attest/attest-world.ts';

const issuer = rsa();
const image = generateKeyPairSync('ed25519');
const jwks = JSON.stringify({ keys: [{ ...(issuer.publicKey.export({ format: 'jwk' }) as JsonObject), kid: 'k1' }] });
const ISSUER = 'https://ci.example';
const DIGEST = 'ab'.repeat(32);
const signature = sign(null, Buffer.from(DIGEST), image.privateKey).toString('base64');
const accounts = ['123456789012'];
const oidc = { name: 'ci', type: 'oidc', issuer: ISSUER, audiences: ['joinery'] };
const attestation = [
  { ...oidc, jwks_file: 'jwks.json' },
  { name: 'peers', type: 'joinery-peer', roles: ['worker'] },
  { name: 'images', type: 'signed-digest', key_files: ['image.pub', 'ca.pem'] },
  { name: 'once', type: 'signed-digest', key_files: ['image.pub'], single_use: true },
  { name: 'pop', type: 'x509pop', ca_files: ['ca.pem'] },
  { name: 'iid', type: 'aws-iid', certificates: { 'eu-west-1': ['ca.pem'] }, accounts },
  { name: 'iam', type: 'aws-iam', accounts },
];

let world: JoinWorld;
let requests: HttpsRequest[];
let answer: { status: number; body: Uint8Array };

const fetch = (request: HttpsRequest) => {
  requests.push(request);
  return Promise.resolve(answer);
};

async function serve(config: readonly JsonObject[] = attestation): Promise<JoinWorld> {
  const made = await joinWorld({ config: { attestation: config } });
  const { realm } = made;
  writeFileSync(`${realm.directory}/jwks.json`, jwks);
  writeFileSync(`${realm.directory}/image.pub`, pemOf(image.publicKey));
  writeFileSync(`${realm.directory}/ca.pem`, (await testCa('device root')).pem);
  const attestors = await openAttestors({ ...realm, fetch }, realm.config);
  const policies = await openPolicies(realm, (text, what) => Promise.resolve(parseStrictJson(text, what)));
  return {
    ...made,
    service: openJoinService(realm, { policies, attestors, observe: made.watched, verifyChallenge: (nonce) => nonce === NONCE }),
  };
}

beforeEach(async () => {
  requests = [];
  answer = { status: 200, body: Buffer.from(jwks) };
  world = await serve();
});

const now = () => world.realm.clock.now();
const token = (change: JsonObject = {}): string =>
  jws(
    issuer.privateKey,
    { alg: 'RS256', kid: 'k1' },
    { iss: ISSUER, aud: 'joinery', iat: now(), exp: now() + 300, jti: 'j1', ref: 'main', ...change },
  );
const ci = (change: JsonObject = {}) => ({ provider: 'ci', evidence: { token: token(change) } });

async function join(
  node: NodeKey,
  join: string,
  attested?: { provider: string; evidence: JsonObject },
  more: JsonObject = {},
): Promise<JoinReply> {
  return acceptJoin(
    world.service,
    { token: join, csr: node.csr, ...more, ...(attested !== undefined && { attestation: attested }) },
    peerAt(),
  );
}
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'ok',
    (error: unknown) => (isJoineryError(error) ? error.code : String(error)),
  );

describe('evidence of a join', () => {
  test('counts for the key that it came with: again for the same, never for another, who keeps his token', async () => {
    const [node, thief] = [await nodeKey(), await nodeKey()];
    const evidence = ci();
    const first = await world.mint();
    const reply = await join(node, first, evidence);
    // The reply was lost: the same again.
    expect(await join(node, first, evidence)).toEqual(reply);
    expect(await codeOf(join(node, await world.mint(), evidence))).toBe('ok');
    const stolen = await world.mint();
    expect(await codeOf(join(thief, stolen, evidence))).toBe('ERR_ATTESTATION_REPLAYED');
    expect(world.watched.alerts).toMatchObject([{ kind: 'replay' }]);
    // Written otherwise it is still the same token.
    expect(await codeOf(join(thief, stolen, ci({ iat: now() - 1 })))).toBe('ERR_ATTESTATION_REPLAYED');
    expect(await codeOf(join(thief, stolen, ci({ jti: 'j2' })))).toBe('ok');
  });

  test('that two keys show at the same moment counts for one of them', async () => {
    const evidence = ci();
    const rivals = await Promise.all([1, 2, 3, 4].map(async () => [await nodeKey(), await world.mint()] as const));
    const outcomes = await Promise.all(rivals.map(([node, mint]) => codeOf(join(node, mint, evidence))));
    expect(outcomes.toSorted()).toEqual(['ERR_ATTESTATION_REPLAYED', 'ERR_ATTESTATION_REPLAYED', 'ERR_ATTESTATION_REPLAYED', 'ok']);
  });

  test('that is refused leaves nothing but a record, and the token good', async () => {
    const node = await nodeKey();
    const mint = await world.mint();
    const dump = () => Object.keys(world.realm.store.dump()).filter((key) => /^(evidence|node|token-use)/.test(key));
    const before = dump();
    for (const [given, code] of [
      [ci({ aud: 'x' }), 'ERR_ATTESTATION_FAILED'],
      [ci({ exp: now() - 100 }), 'ERR_ATTESTATION_STALE'],
      [{ provider: 'ci', evidence: {} }, 'ERR_ATTESTATION_MALFORMED'],
      [{ provider: 'ci', evidence: { ...ci().evidence, claims: 'admin' } }, 'ERR_ATTESTATION_MALFORMED'],
      [{ provider: 'ci', evidence: { ...ci().evidence, claims: { text: 'x'.repeat(5000) } } }, 'ERR_ATTESTATION_MALFORMED'],
      [{ provider: 'nobody', evidence: {} }, 'ERR_ATTESTATION_UNKNOWN'],
    ] as const)
      expect(await codeOf(join(node, mint, given))).toBe(code);
    expect(dump()).toEqual(before);
    expect(await codeOf(join(node, mint, ci()))).toBe('ok');
  });

  test('gives the policy what was verified; what the node says of itself goes to the audit log, as such', async () => {
    const said = { ref: 'release', admin: true };
    const evidence = { ...ci().evidence, claims: said };
    const node = await nodeKey();
    await join(node, await world.mint(), { provider: 'ci', evidence }, { node_id: 'n1' });
    const accepted = (await auditEvents(world.realm)).at(-1);
    expect(accepted).toMatchObject({ event: 'join.accept', details: { attestation: 'ci', unverified_claims: said } });
    const record = world.realm.store.dump()['node/prod/n1'] as { attestation: { claims: JsonObject } };
    expect(record.attestation.claims).toMatchObject({ ref: 'main' });
    expect(record.attestation.claims).not.toHaveProperty('admin');
    expect(await codeOf(join(node, await world.mint(), { provider: 'ci', evidence: { token: token({ aud: 'x' }), claims: said } }))).toBe(
      'ERR_ATTESTATION_FAILED',
    );
    expect((await auditEvents(world.realm)).at(-1)).toMatchObject({ event: 'join.refuse', details: { unverified_claims: said } });
  });

  test('is remembered until nobody could use it again, so that what is remembered stays bounded', async () => {
    const { realm } = world;
    const [first, second] = [await nodeKey(), await nodeKey()];
    const remembered = () => Object.keys(realm.store.dump()).filter((key) => key.startsWith('evidence/')).length;
    const used = ci({ jti: 'first' });
    await join(first, await world.mint(), used);
    await join(first, await world.mint(), { provider: 'once', evidence: { digest: DIGEST, signature } });
    const sizes: number[] = [];
    for (let day = 0; day < 30; day++) {
      for (const jti of ['a', 'b']) await join(first, await world.mint(), ci({ jti: `${day}-${jti}` }));
      // Of the key that shows it: for nobody else.
      await join(first, await world.mint(), { provider: 'images', evidence: { digest: DIGEST, signature } });
      await collectEnrollments(realm);
      sizes.push(remembered());
      realm.clock.advance(86400);
    }
    // Eight days with two tokens each, one image, what counts once and for ever, and the first one.
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * 2 + 3);
    expect(sizes.at(-1)).toBe(sizes.at(10));
    // What was forgotten is of no use to anybody, and what may not be forgotten is not.
    expect(await codeOf(join(second, await world.mint(), used))).toBe('ERR_ATTESTATION_STALE');
    expect(await codeOf(join(second, await world.mint(), { provider: 'once', evidence: { digest: DIGEST, signature } }))).toBe(
      'ERR_ATTESTATION_REPLAYED',
    );
  });

  test('may be newer at a renewal', async () => {
    const [node, next] = [await nodeKey(), await nodeKey()];
    const reply = await join(node, await world.mint(), ci(), { node_id: 'n1' });
    const certificate = parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array);
    const evidence = { ...ci({ jti: 'j2', ref: 'next' }).evidence, claims: { by: 'cron' } };
    await renewNode(world.service, { csr: next.csr, attestation: { provider: 'ci', evidence } }, peerAt('192.0.2.1', { certificate }));
    expect((await auditEvents(world.realm)).at(-1)).toMatchObject({
      event: 'renew.accept',
      details: { attestation: 'ci', unverified_claims: { by: 'cron' } },
    });
  });
});

describe('a node that vouches', () => {
  const vouch = async (host: NodeKey, reply: JoinReply, guest: NodeKey, node = 'guest') => {
    const lines = `joinery/attestation/1\njoinery-peer\n${NONCE}\n${pinOf(guest.key.spki)}\n${node}\n`;
    const text = Buffer.from(await host.key.sign(Buffer.from(lines), 'der')).toString('base64');
    return { provider: 'peers', evidence: { nonce: NONCE, node, certificate: reply.certificate_pem, signature: text } };
  };

  test('is believed while it is in force, and no longer', async () => {
    const [host, guest] = [await nodeKey(), await nodeKey()];
    const reply = await join(host, await world.mint(), undefined, { node_id: 'host' });
    const evidence = await vouch(host, reply, guest);
    await join(guest, await world.mint(), evidence, { node_id: 'guest' });
    expect(world.realm.store.dump()['node/prod/guest']).toMatchObject({
      attestation: { provider: 'peers', claims: { voucher_node: 'host', voucher_role: 'worker' } },
    });
    await revokeNode(world.realm, { cluster: 'prod', node: 'host', reason: 'keyCompromise' });
    const third = await nodeKey();
    const mint = await world.mint();
    expect(await codeOf(join(third, mint, await vouch(host, reply, third, 'third'), { node_id: 'third' }))).toBe('ERR_ATTESTATION_FAILED');
    expect(await codeOf(join(third, mint, undefined, { node_id: 'third' }))).toBe('ok');
  });
});

describe('attestors', () => {
  test('are those of the configuration', () => {
    expect([...world.service.attestors.keys()]).toEqual(['ci', 'peers', 'images', 'once', 'pop', 'iid', 'iam']);
  });

  test('are known to the check of policies', async () => {
    const text = JSON.stringify({
      apiVersion: 'joinery.dev/v1',
      kind: 'JoinPolicy',
      metadata: { name: 'p', version: 1 },
      spec: { rules: [{ attestationProviders: ['ci', 'c1'], allow: true }] },
    });
    const policies = {
      clock: world.realm.clock,
      readDocument: (json: string, what: string) => Promise.resolve(parseStrictJson(json, what)),
    };
    const { findings } = await checkPolicyFile(policies, { bytes: Buffer.from(text), what: 'p' }, world.realm.config);
    expect(findings.map(({ message }) => message)).toEqual([
      'expected an attestor of joinery.yaml (ci, peers, images, once, pop, iid, iam), found c1',
    ]);
  });

  test('need no configuration', async () => {
    expect((await serve([])).service.attestors.size).toBe(0);
    const { realm } = await joinWorld();
    expect((await openAttestors({ ...realm, fetch }, realm.config)).size).toBe(0);
  });

  test('know the keys in files', async () => {
    const evidence = { provider: 'images', evidence: { digest: DIGEST, signature } };
    await join(await nodeKey(), await world.mint(), evidence, { node_id: 'a' });
    await join(await nodeKey(), await world.mint(), evidence, { node_id: 'b' });
    expect(world.realm.store.dump()['node/prod/b']).toMatchObject({ attestation: { provider: 'images', claims: { digest: DIGEST } } });
  });

  test('get the keys of an issuer, over TLS that anchors of the configuration prove', async () => {
    world = await serve([{ ...oidc, jwks_url: 'https://ci.example/jwks', ca_file: 'ca.pem' }]);
    expect(requests).toEqual([]);
    await join(await nodeKey(), await world.mint(), ci());
    expect(requests).toMatchObject([
      { method: 'GET', url: 'https://ci.example/jwks', anchors: expect.stringContaining('BEGIN CERTIFICATE') as string },
    ]);
    world = await serve([{ ...oidc, jwks_url: 'https://ci.example/jwks' }]);
    answer = { status: 500, body: Buffer.from('') };
    const mint = await world.mint();
    const node = await nodeKey();
    expect(await codeOf(join(node, mint, ci()))).toBe('ERR_ATTESTATION_UNAVAILABLE');
    world.realm.clock.advance(31);
    answer = { status: 200, body: Buffer.from(jwks) };
    expect(await codeOf(join(node, mint, ci()))).toBe('ok');
  });

  test('look at revocation lists and at what the configuration names, wherever it is', async () => {
    const directory = world.realm.directory;
    mkdirSync(`${directory}/x`);
    writeFileSync(`${directory}/x/list.crl`, toPem('X509 CRL', Uint8Array.of(0x30, 0)));
    await expect(
      serve([{ name: 'pop', type: 'x509pop', ca_files: ['ca.pem'], crl_files: [`${directory}/x/list.crl`] }]),
    ).rejects.toMatchObject({ code: 'ERR_CRL_MALFORMED' });
    await expect(serve([{ name: 'images', type: 'signed-digest', key_files: ['jwks.json'] }])).rejects.toMatchObject({
      code: 'ERR_INPUT_MALFORMED',
    });
    writeFileSync(`${directory}/key.pem`, pemOf(image.privateKey));
    await expect(serve([{ name: 'images', type: 'signed-digest', key_files: [`${directory}/key.pem`] }])).rejects.toMatchObject({
      code: 'ERR_KEY_MALFORMED',
    });
    await expect(serve([{ ...oidc, jwks_file: 'gone.json' }])).rejects.toMatchObject({ code: 'ERR_ATTESTATION_UNAVAILABLE' });
    await expect(serve([{ name: 'iam', type: 'aws-iam', accounts, ca_file: 'jwks.json' }])).rejects.toMatchObject({
      code: 'ERR_PEM_MALFORMED',
    });
  });

  test('ask the STS of AWS, unless another is configured', async () => {
    const evidence = { host: 'sts.eu-west-1.amazonaws.com', headers: {} };
    await expect(join(await nodeKey(), await world.mint(), { provider: 'iam', evidence })).rejects.toThrow('expected sts.amazonaws.com');
  });
});
