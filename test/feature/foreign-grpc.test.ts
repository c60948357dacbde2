/** A gRPC client that shares nothing with joinery but the .proto, against a real server with real keys, over mTLS. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join as inDirectory } from 'node:path';
import grpc from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { Secret } from '../../src/core/secret.ts';
import { type Fields, grpcJsClient, type GrpcJsClient, type GrpcStatus, statusOf } from '../fakes/grpc-js.ts';
import { liveServer, type LiveServer } from './live-server.ts';
import { newNode, type TestNode, testRealm, type TestRealm } from './server-world.ts';

let realm: TestRealm;
let server: LiveServer;
const clients: GrpcJsClient[] = [];
/** Tokens and keys that were used: none may be in a log. */
const secrets: string[] = [];

const mint = async (...flags: string[]): Promise<string> => {
  const token = await realm.mint(...flags);
  secrets.push(token, ...token.split('.'));
  return token;
};

const newKey = async (): Promise<TestNode> => {
  const node = await newNode();
  secrets.push(
    ...node.key
      .reveal()
      .split('\n')
      .filter((line) => line.length > 20 && !line.startsWith('-----')),
  );
  return node;
};

beforeAll(async () => {
  realm = await testRealm();
  const alerts = { exec: ['/bin/sh', '-c', 'cat >> "$0"', inDirectory(realm.directory, 'alerts')] };
  realm.configure((config) => Object.assign(config['server'] as object, { tokens: true, alerts }));
  server = await liveServer(realm);
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(async () => {
  await server.stop();
  realm.remove();
});

interface Joined {
  readonly node: TestNode;
  readonly reply: Fields;
}

function client(as?: Joined, metadata?: Record<string, string>): GrpcJsClient {
  const identity = as && {
    key: as.node.key.reveal(),
    certificates: `${String(as.reply['certificate_pem'])}${String(as.reply['chain_pem'])}`,
  };
  const made = grpcJsClient('joinery/v1/bootstrap.proto', 'joinery.v1.Bootstrap', {
    port: server.port,
    anchors: realm.webRoot,
    ...(identity && { identity }),
    ...(metadata && { metadata }),
  });
  clients.push(made);
  return made;
}

async function join(nodeId: string, ...flags: string[]): Promise<Joined> {
  const node = await newKey();
  const reply = await client().call('Join', { token: await mint(...flags), csr: node.csr, node_id: nodeId });
  return { node, reply };
}

const refused = (work: Promise<unknown>): Promise<GrpcStatus> => work.then(() => expect.unreachable('it was answered'), statusOf);

describe('a whole life over gRPC', () => {
  test('join, renew, peers, trust, documents, report', async () => {
    const joined = await join('grpc-1');
    const { reply } = joined;
    expect(reply).toMatchObject({
      cluster: 'prod',
      role: 'worker',
      node_id: 'grpc-1',
      identity: 'spiffe://lab.example/prod/worker/grpc-1',
    });
    const leaf = new X509Certificate(String(reply['certificate_pem']));
    const issuing = new X509Certificate(String(reply['chain_pem']));
    expect(leaf.verify(issuing.publicKey)).toBe(true);
    expect(leaf.subjectAltName).toContain('spiffe://lab.example/prod/worker/grpc-1');
    const trust = reply['trust'] as Record<string, string>;
    expect(Object.keys(trust).toSorted()).toEqual(['control-plane-https', 'node-cert-lifecycle']);
    expect(JSON.parse(trust['node-cert-lifecycle'] as string)).toMatchObject({ schema: 'joinery/trust-chain/1' });

    const node = client(joined);
    const renewed = await node.call('Renew', { csr: (await newKey()).csr });
    expect(renewed['identity']).toBe(reply['identity']);
    const state = { version: 1, fingerprint: 'ab'.repeat(32), updated_at: '2026-11-22T10:00:00Z' };
    expect(await node.call('ReportTrust', { purposes: { 'control-plane-https': state } })).toHaveProperty('recorded_at');
    const peers = await node.call('ListPeers', {});
    expect(peers).toMatchObject({ cluster: 'prod', nodes: [{ node: 'grpc-1', role: 'worker', trust: { 'control-plane-https': state } }] });
    expect(await node.call('ListPeers', { if_none_match: peers['etag'] })).toMatchObject({ unmodified: true });

    const anyone = client();
    const document = await anyone.call('GetTrust', { purpose: 'node-cert-lifecycle' });
    expect(JSON.parse(document['document'] as string)).toEqual(JSON.parse(trust['node-cert-lifecycle'] as string));
    expect(await anyone.call('GetTrust', { purpose: 'node-cert-lifecycle', if_none_match: document['etag'] })).toMatchObject({
      unmodified: true,
    });
    const { anchors } = (await anyone.call('GetCa', {})) as { anchors: Fields[] };
    expect(anchors.map(({ certificate_pem }) => certificate_pem)).toContain(realm.webRoot);
    expect(JSON.parse((await anyone.call('GetSpiffeBundle', {}))['document'] as string)).toHaveProperty('keys');
    await expect.poll(async () => ((await anyone.call('GetCrl', { issuer: 'node-issuing' }))['der'] as Buffer)[0]).toBe(0x30);
    expect(await anyone.call('CreateChallenge', {})).toHaveProperty('nonce');
  });

  test('the same key asks again after a lost reply and gets the same certificate', async () => {
    const node = await newKey();
    const request = { token: await mint(), csr: node.csr, node_id: 'grpc-again' };
    const first = await client().call('Join', request);
    expect((await client().call('Join', request))['certificate_pem']).toBe(first['certificate_pem']);
    expect(await server.metric('joinery_bootstrap_attempts_total', { result: 'same-request', transport: 'grpc' })).toBe(1);
  });

  test('a revocation reaches the stream of a control plane, and ends the session of the node', async () => {
    const [plane, victim] = [await join('plane'), await join('victim')];
    const own = client(victim);
    await own.call('ListPeers', {});
    const { next } = (await client(plane).call('ListRevocations', {})) as { next: number };
    const started = Date.now();
    let told = 0;
    const watching = client(plane).stream('WatchRevocations', { since: next ?? 0 }, () => {
      told = Date.now();
      return false;
    });
    const ended = refused(client(victim).stream('WatchRevocations', {}, () => true));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await revokeNode(server.realm(), { cluster: 'prod', node: 'victim', reason: 'keyCompromise' });
    const [revoked] = await watching;
    expect(revoked).toMatchObject({
      node: 'victim',
      cluster: 'prod',
      reason: 'keyCompromise',
      spiffe_id: 'spiffe://lab.example/prod/worker/victim',
    });
    expect(told - started).toBeLessThan(5000);
    expect([grpc.status.UNAVAILABLE, grpc.status.UNAUTHENTICATED, grpc.status.PERMISSION_DENIED, grpc.status.INTERNAL]).toContain(
      (await ended).code,
    );
    const after = await refused(client(victim).call('ListPeers', {}));
    expect(after).toMatchObject({ code: grpc.status.PERMISSION_DENIED, reason: 'ERR_CERTIFICATE_REVOKED' });
  });
});

describe('admins', () => {
  test('mint and revoke with the certificate that admin issue gave them, as far as they are allowed to', async () => {
    const admin = async (name: string): Promise<Joined> => {
      const files = await realm.run('admin', 'issue', name, '--ca', 'node-issuing', '--out-dir', realm.directory);
      const [key, certificate] = [files['key_file'], files['certificate_file']].map((file) => readFileSync(String(file), 'utf8'));
      return { node: { csr: '', key: new Secret(key as string) }, reply: { certificate_pem: certificate, chain_pem: '' } };
    };
    const root = client(await admin('root'));
    const minted = await root.call('MintToken', { cluster: 'prod', role: 'worker', ttl: 120 });
    const node = await newKey();
    const reply = await client().call('Join', { token: minted['token'], csr: node.csr, node_id: 'by-admin' });
    expect(reply['node_id']).toBe('by-admin');
    const { serials } = (await root.call('Revoke', { node: 'by-admin', cluster: 'prod', reason: 'superseded' })) as { serials: string[] };
    expect(serials).toHaveLength(1);
    const looker = client(await admin('looker'));
    expect(await refused(looker.call('Revoke', { node: 'by-admin', cluster: 'prod' }))).toMatchObject({
      code: grpc.status.PERMISSION_DENIED,
      reason: 'ERR_ADMIN_DENIED',
    });
    expect(await refused(client().call('MintToken', { cluster: 'prod', role: 'worker' }))).toMatchObject({
      code: grpc.status.UNAUTHENTICATED,
      reason: 'ERR_JOIN_UNAUTHENTICATED',
    });
  });
});

/** What is asked, and the four things that every refusal shows: answer, metric, audit record, and alert where one is due. */
interface Row {
  readonly what: string;
  ask(): Promise<unknown>;
  readonly code: grpc.status;
  /** What the caller is told. */
  readonly reason: string;
  /** What happened. */
  readonly exact?: string;
  readonly counter?: string;
  readonly alert?: string;
}

const joinWith = async (token: string, more: Fields = {}, to: GrpcJsClient = client()) =>
  to.call('Join', { token, csr: (await newKey()).csr, ...more });

const ROWS: readonly Row[] = [
  {
    what: 'a token with a wrong signature',
    ask: async () => joinWith(`${(await mint()).slice(0, -6)}AAAAAA`),
    code: grpc.status.UNAUTHENTICATED,
    reason: 'ERR_JOIN_UNAUTHENTICATED',
    exact: 'ERR_TOKEN_SIGNATURE',
  },
  {
    what: 'something that is no token',
    ask: () => joinWith('not-a-token'),
    code: grpc.status.UNAUTHENTICATED,
    reason: 'ERR_JOIN_UNAUTHENTICATED',
    exact: 'ERR_TOKEN_MALFORMED',
  },
  {
    what: 'a token that another key has used',
    ask: async () => {
      const token = await mint();
      await joinWith(token, { node_id: 'first' });
      return joinWith(token, { node_id: 'second' });
    },
    code: grpc.status.PERMISSION_DENIED,
    reason: 'ERR_TOKEN_REPLAYED',
    alert: 'replay',
  },
  {
    what: 'another role than the token grants',
    ask: async () => joinWith(await mint(), { requested_role: 'control-plane' }),
    code: grpc.status.PERMISSION_DENIED,
    reason: 'ERR_TOKEN_ROLE',
  },
  {
    what: 'another node than the token names',
    ask: async () => joinWith(await mint('--node', 'n-7'), { node_id: 'n-8' }),
    code: grpc.status.PERMISSION_DENIED,
    reason: 'ERR_TOKEN_NODE',
  },
  {
    what: 'another cluster than the token names',
    ask: async () => joinWith(await mint(), { cluster: 'edge' }),
    code: grpc.status.PERMISSION_DENIED,
    reason: 'ERR_TOKEN_AUDIENCE',
  },
  {
    what: 'a revoked token',
    ask: async () => {
      const token = await mint();
      await realm.run(
        'token',
        'revoke',
        (JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { jti: string }).jti,
      );
      return joinWith(token);
    },
    code: grpc.status.PERMISSION_DENIED,
    reason: 'ERR_TOKEN_REVOKED',
  },
  {
    what: 'a name that a node with another key has',
    ask: async () => {
      await join('taken');
      return joinWith(await mint(), { node_id: 'taken' });
    },
    code: grpc.status.ALREADY_EXISTS,
    reason: 'ERR_NODE_EXISTS',
  },
  {
    what: 'the name of a revoked node',
    ask: async () => {
      await join('banned');
      await revokeNode(server.realm(), { cluster: 'prod', node: 'banned', reason: 'keyCompromise' });
      // Tokens of the same second and before are superseded.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      return joinWith(await mint(), { node_id: 'banned' });
    },
    code: grpc.status.PERMISSION_DENIED,
    reason: 'ERR_NODE_REVOKED',
    alert: 'revoked-node',
  },
  {
    what: 'a CSR that is none',
    ask: async () =>
      client().call('Join', {
        token: await mint(),
        csr: '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      }),
    code: grpc.status.INVALID_ARGUMENT,
    reason: 'ERR_CSR_MALFORMED',
  },
  {
    what: 'renewing without a certificate',
    ask: async () => client().call('Renew', { csr: (await newKey()).csr }),
    code: grpc.status.UNAUTHENTICATED,
    reason: 'ERR_JOIN_UNAUTHENTICATED',
    counter: 'joinery_bootstrap_renewals_total',
  },
  {
    what: 'a second renewal of one certificate with another key',
    ask: async () => {
      const node = client(await join('renews-twice'));
      await node.call('Renew', { csr: (await newKey()).csr });
      return node.call('Renew', { csr: (await newKey()).csr });
    },
    code: grpc.status.ALREADY_EXISTS,
    reason: 'ERR_RENEW_KEY',
    counter: 'joinery_bootstrap_renewals_total',
    alert: 'second-renewal-key',
  },
];

describe('refusals', () => {
  test.each(ROWS)('$what', async ({ ask, code, reason, exact = reason, counter = 'joinery_bootstrap_attempts_total', alert }) => {
    const labels = { result: 'refused', transport: 'grpc', reason: exact };
    const before = await server.metric(counter, labels);
    const alerts = await server.metric('joinery_alerts_total', alert === undefined ? {} : { kind: alert });
    const status = await refused(ask());
    expect(status).toMatchObject({ code, reason });
    expect(status.info['correlation_id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(await server.metric(counter, labels)).toBe(before + 1);
    expect(await server.metric('joinery_alerts_total', alert === undefined ? {} : { kind: alert })).toBe(
      alerts + (alert === undefined ? 0 : 1),
    );
    const [line] = server
      .log()
      .filter(({ correlation_id, result }) => correlation_id === status.info['correlation_id'] && result === 'refused');
    expect(line).toMatchObject({ reason: exact, transport: 'grpc', level: 'warn' });
    const told = (await realm.audit()).filter(({ correlation_id }) => correlation_id === status.info['correlation_id']);
    if (reason === 'ERR_JOIN_UNAUTHENTICATED') expect(told).toEqual([]);
    else if (code !== grpc.status.INVALID_ARGUMENT) expect(told).toEqual([expect.objectContaining({ result: 'refused', reason: exact })]);
  });
});

test('each alert was given to the program of the configuration, once', async () => {
  const read = (): readonly Fields[] =>
    readFileSync(inDirectory(realm.directory, 'alerts'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Fields);
  const kinds = (): string =>
    read()
      .map(({ kind }) => String(kind))
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join(' ');
  await expect.poll(kinds).toBe('replay revoked-node second-renewal-key');
  expect(read().find(({ kind }) => kind === 'replay')).toMatchObject({
    schema: 'joinery/alert/1',
    environment: 'lab',
    details: { reason: 'ERR_TOKEN_REPLAYED', transport: 'grpc', cluster: 'prod', node: 'second' },
  });
});

const METHODS = [
  'CreateChallenge',
  'Join',
  'Renew',
  'ListPeers',
  'GetTrust',
  'GetCa',
  'GetSpiffeBundle',
  'GetCrl',
  'ReportTrust',
  'ListRevocations',
  'Revoke',
  'MintToken',
] as const;

const text = fc.oneof(
  fc.string({ maxLength: 80 }),
  fc.constantFrom('', '\u0000', '../..', 'a'.repeat(9000), '-----BEGIN CERTIFICATE REQUEST-----', 'eyJ.eyJ.x', '{}', 'spiffe://x'),
);
const number = fc.oneof(fc.constantFrom(0, -1, 2 ** 53 - 1, -(2 ** 53) + 1), fc.integer());
const anything = fc.record(
  {
    token: text,
    csr: text,
    cluster: text,
    node_id: text,
    requested_role: text,
    environment: text,
    labels: fc.dictionary(text, text, { maxKeys: 3 }),
    attestation: fc.record({ provider: text, evidence: fc.oneof(text, fc.json()) }),
    purpose: text,
    version: number,
    if_none_match: text,
    issuer: text,
    since: number,
    serial: text,
    fingerprint: text,
    spiffe_id: text,
    node: text,
    role: text,
    reason: text,
    ttl: number,
    max_uses: number,
    purposes: fc.dictionary(text, fc.record({ version: number, fingerprint: text, updated_at: text }), { maxKeys: 2 }),
  },
  { requiredKeys: [] },
);

test('any message to any method, with and without a certificate, has an answer or a status with a code, in time', async () => {
  const [node, nobody] = [client(await join('fuzzer')), client()];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...METHODS), anything, fc.boolean(), async (method, message, known) => {
      const started = Date.now();
      // What a call has no field for is left out by the client.
      const outcome = await (known ? node : nobody).call(method, message).then(() => undefined, statusOf);
      expect(Date.now() - started).toBeLessThan(10_000);
      if (outcome === undefined) return;
      expect(outcome.reason).toMatch(/^ERR_(?!INTERNAL)/);
      expect([grpc.status.INTERNAL, grpc.status.UNKNOWN]).not.toContain(outcome.code);
    }),
    { numRuns: 150 },
  );
  expect(server.log().filter(({ msg }) => msg === 'bug')).toEqual([]);
});

test('no token and no key is in the log, the metrics, the alerts or the audit log', async () => {
  const texts = [
    server.text(),
    await (await fetch(`${server.adminUrl}/metrics`)).text(),
    readFileSync(inDirectory(realm.directory, 'alerts'), 'utf8'),
    JSON.stringify(await realm.audit()),
  ];
  expect(secrets.length).toBeGreaterThan(50);
  // The header of a token is the same for all of them and says nothing.
  const hidden = secrets.filter((text) => text.length > 20);
  for (const text of texts) expect(hidden.filter((one) => text.includes(one))).toEqual([]);
});
