/** Policies where they count: on a server that runs, looked at from four sides, while they change under it. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { generatePrivateKey } from '../../src/adapters/signatures.ts';
import type { Attestor } from '../../src/app/join-peer.ts';
import type { BootstrapClient } from '../../src/client/client.ts';
import { digestOf } from '../../src/core/digest.ts';
import { parsePem, utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { JoinReply, JoinRequest } from '../../src/core/join/messages.ts';
import type { Instant } from '../../src/core/time.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { type LiveServer, liveServer } from './live-server.ts';
import { clientOf, newNode, type TestNode, type TestRealm, testRealm } from './server-world.ts';

let realm: TestRealm;
let server: LiveServer;
let client: BootstrapClient;
let version = 0;
const at = (name: string): string => join(realm.directory, name);

/** Evidence is what it says, unless it says that it is false. */
const attestor: Attestor = {
  attest: (evidence, { now }) => {
    if (evidence['false'] === true) return Promise.reject(new JoineryError('ERR_ATTESTATION_FAILED', 'evidence: expected it to hold'));
    const issuedAt = (now - Number(evidence['age'] ?? 0)) as Instant;
    return Promise.resolve({ provider: 'tpm', claims: evidence, issuedAt, digest: digestOf(utf8(JSON.stringify(evidence))) });
  },
};

/** Writes the next version of the policy. */
function policy(spec: string, of = ++version): void {
  writeFileSync(
    at('policy.yaml'),
    `apiVersion: joinery.dev/v1\nkind: JoinPolicy\nmetadata: { name: prod, version: ${of} }\nspec:\n${spec}\n`,
  );
}

const reloads = (result: string) => server.metric('joinery_bootstrap_policy_reload_total', { result });

beforeAll(async () => {
  realm = await testRealm();
  policy('  rules: [{ allow: true }]');
  realm.configure(
    (config) => (((config['clusters'] as Record<string, unknown>[])[0] as Record<string, unknown>)['policy'] = 'policy.yaml'),
  );
  server = await liveServer(realm, new Map([['tpm', attestor]]));
  client = clientOf(realm, server);
}, 60_000);
afterAll(async () => {
  await client.close();
  await server.stop();
  realm.remove();
});

interface Joined {
  readonly node: TestNode;
  readonly reply: JoinReply;
}

async function joinNode(change: Partial<JoinRequest> = {}, ...mint: string[]): Promise<Joined> {
  const node = await newNode();
  return { node, reply: await client.join({ token: await realm.mint(...mint), csr: node.csr, ...change }) };
}

const certificateOf = ({ certificate_pem }: JoinReply) => parseCertificate(parsePem(certificate_pem)[0]?.der as Uint8Array);

/** Puts a policy in force. */
async function inForce(spec: string): Promise<void> {
  policy(spec);
  await server.reload();
}

it('a cluster without a policy is warned of, one with a policy is not', () => {
  const warned = server.log().filter(({ msg }) => String(msg).startsWith('cluster without a policy'));
  expect(warned.map(({ cluster }) => cluster)).toEqual(['edge']);
});

it('what a rule gives is in the certificate and in the reply', async () => {
  await inForce(`  rules:
    - { allow: true, roles: [worker], identityTemplate: 'spiffe://{trustDomain}/w/{cluster}/{nodeId}', lifetime: 10m, dnsNames: ['{nodeId}.n.lab.example'], ipAddresses: [10.9.8.7], metadata: { pool: gold } }`);
  const { reply } = await joinNode({}, '--node', 'p1');
  expect(reply).toMatchObject({ identity: 'spiffe://lab.example/w/prod/p1', metadata: { pool: 'gold' } });
  const { extensions, notAfter, notBefore } = certificateOf(reply);
  const names = (extensions.subjectAltName ?? []).map((name) =>
    'value' in name ? name.value : [...(name as { bytes: Uint8Array }).bytes].join('.'),
  );
  expect(names).toEqual(['spiffe://lab.example/w/prod/p1', 'p1.n.lab.example', '10.9.8.7']);
  expect(notAfter - notBefore).toBeLessThanOrEqual(660);
});

describe('a refusal', () => {
  const rows: readonly (readonly [string, string, string, readonly string[], Partial<JoinRequest>, RegExp])[] = [
    [
      'by a rule',
      "  rules: [{ description: debug, labels: { debug: 'yes' }, allow: false }, { allow: true }]",
      'ERR_POLICY_DENIED',
      ['--label', 'debug=yes'],
      {},
      /a rule refuses it/,
    ],
    [
      'for want of a rule',
      '  rules: [{ allow: true, roles: [control-plane] }]',
      'ERR_POLICY_DENIED',
      [],
      {},
      /roles: expected control-plane, found worker/,
    ],
    [
      'for want of evidence',
      '  requireAttestation: true\n  rules: [{ allow: true }]',
      'ERR_POLICY_DENIED',
      [],
      {},
      /requireAttestation: expected evidence/,
    ],
    [
      'of a token that lives too long',
      '  maxTokenLifetime: 1m\n  rules: [{ allow: true }]',
      'ERR_POLICY_DENIED',
      ['--ttl', '10m'],
      {},
      /maxTokenLifetime: expected 1m, found 10m/,
    ],
    [
      'of old evidence',
      '  rules: [{ allow: true, attestationProviders: [tpm], maxEvidenceAge: 5m }]',
      'ERR_POLICY_DENIED',
      [],
      { attestation: { provider: 'tpm', evidence: { age: 600 } } },
      /maxEvidenceAge: .* found 10m/,
    ],
    [
      'of evidence that does not hold',
      '  rules: [{ allow: true }]',
      'ERR_ATTESTATION_FAILED',
      [],
      { attestation: { provider: 'tpm', evidence: { false: true } } },
      /evidence/,
    ],
    [
      'of the address of the server',
      '  rules: [{ allow: true, ipAddresses: [127.0.0.1] }]',
      'ERR_POLICY_DENIED',
      [],
      {},
      /no host of a join URL, found 127\.0\.0\.1/,
    ],
  ];
  it.each(rows)('%s is in the answer, the audit log, the metrics and the log', async (_name, spec, code, mint, change, detail) => {
    await inForce(spec);
    const refused = { result: 'refused', reason: code };
    const before = await server.metric('joinery_bootstrap_attempts_total', refused);
    const token = await realm.mint(...mint);
    const { csr } = await newNode();
    await expect(client.join({ token, csr, ...change })).rejects.toMatchObject({ code, message: expect.stringMatching(detail) as string });
    expect((await realm.audit('join.refuse')).at(-1)).toMatchObject({ result: 'refused', reason: code });
    expect(await server.metric('joinery_bootstrap_attempts_total', refused)).toBe(before + 1);
    expect(server.log().findLast(({ msg }) => msg === 'join refused')).toMatchObject({ reason: code });
    // A refused request never burns a use: the same token is good once the policy is.
    await inForce('  rules: [{ allow: true }]');
    const { attestation: _evidence, ...again } = change;
    expect((await client.join({ token, csr, ...again })).cluster).toBe('prod');
  });
});

it('evidence of the join counts at a renewal, by the policy of that day', async () => {
  await inForce(
    '  requireAttestation: true\n  rules: [{ allow: true, attestationProviders: [tpm], claims: { model: x1 }, maxEvidenceAge: 1m }]',
  );
  const evidence = { provider: 'tpm', evidence: { model: 'x1' } };
  const joined = await joinNode({ attestation: evidence }, '--node', 'tpm1');
  const as = clientOf(realm, server, joined);
  const renewed = await as.renew({ csr: (await newNode()).csr });
  expect(renewed.identity).toBe(joined.reply.identity);
  await as.close();
  const other = await joinNode({ attestation: { provider: 'tpm', evidence: { model: 'x1', n: 2 } } }, '--node', 'tpm2');
  await inForce('  rules: [{ allow: true, claims: { model: x2 } }]');
  const refused = clientOf(realm, server, other);
  await expect(refused.renew({ csr: (await newNode()).csr })).rejects.toMatchObject({ code: 'ERR_POLICY_DENIED' });
  await refused.close();
});

describe('a policy that fails to load', () => {
  beforeEach(() => inForce('  rules: [{ allow: true }]'));
  afterEach(() => inForce('  rules: [{ allow: true }]'));

  it.each([
    ['ERR_POLICY_MALFORMED', () => writeFileSync(at('policy.yaml'), 'nonsense: [')],
    ['ERR_POLICY_ROLLBACK', () => policy('  rules: [{ allow: false }]', 1)],
    ['ERR_FILE_NOT_FOUND', () => rmSync(at('policy.yaml'))],
  ])('leaves the last good one in force, and says so: %s', async (reason, spoil) => {
    const before = await reloads('failed');
    spoil();
    await server.reload();
    expect(await reloads('failed')).toBeGreaterThan(before);
    expect((await realm.audit('policy.reload')).at(-1)).toMatchObject({
      subject: 'prod',
      result: 'failed',
      reason,
      details: { version: version },
    });
    expect(server.log().some(({ msg, reason: said }) => msg === 'policy reload failed' && said === reason)).toBe(true);
    expect((await joinNode()).reply.cluster).toBe('prod');
  });
});

it('where signatures are required an unsigned change is not loaded, and a signed one is', async () => {
  writeFileSync(at('signer.pem'), generatePrivateKey('ed25519').export({ type: 'pkcs8', format: 'pem' }));
  policy('  rules: [{ allow: true, metadata: { signed: one } }]');
  const sign = () => realm.run('policy', 'sign', at('policy.yaml'), '--key', at('signer.pem'));
  const { jwk } = await sign();
  realm.configure((config) => Object.assign(config, { policy: { require_signed: true, signers: [jwk] } }));
  await expect.poll(async () => (await joinNode()).reply.metadata, { timeout: 10_000 }).toEqual({ signed: 'one' });
  const before = await reloads('failed');
  // Seen by itself, as a change of the file.
  policy('  rules: [{ allow: true, metadata: { signed: two } }]');
  await expect.poll(() => reloads('failed'), { timeout: 10_000 }).toBeGreaterThan(before);
  expect((await joinNode()).reply.metadata).toEqual({ signed: 'one' });
  await sign();
  await expect.poll(async () => (await joinNode()).reply.metadata, { timeout: 10_000 }).toEqual({ signed: 'two' });
  realm.configure((config) => delete config['policy']);
}, 60_000);
