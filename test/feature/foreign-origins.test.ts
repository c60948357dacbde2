/**
 * Clients that do what those of the original projects do: GastroLog's joining node (gRPC, a pin by hash, the shared certificate) and
 * OmniRelay's bootstrap client (HTTP, camelCase JSON, PKCS #12). They share no code with joinery.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash, createHmac, createPrivateKey, randomBytes, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { connect } from 'node:tls';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBootstrapClient } from '../../src/bootstrap-client.ts';
import type { Pin } from '../../src/core/digest.ts';
import { type Fields, grpcJsClient, type GrpcStatus, statusOf } from '../fakes/grpc-js.ts';
import { liveServer, type LiveServer } from './live-server.ts';
import { clientOf, newNode, testRealm, type TestRealm } from './server-world.ts';

const OMNIRELAY_KEY = 'omnirelay-shared-key-of-the-test';
/** Everything that must not be in any log, nor in the state of the realm. */
const secrets = new Set<string>([OMNIRELAY_KEY]);
const secret = (text: string): string => {
  secrets.add(text);
  return text;
};

let realm: TestRealm;
let server: LiveServer;
let secureToken: string;

beforeAll(async () => {
  realm = await testRealm();
  const tokenFile = join(realm.directory, 'edge.token');
  await realm.run(
    'cluster',
    'init',
    'edge',
    '--dns',
    'gastrolog-cluster',
    '--token-uses',
    '3',
    '--token-ttl',
    '1h',
    '--token-out',
    tokenFile,
  );
  secureToken = secret(readFileSync(tokenFile, 'utf8').trim());
  secret(secureToken.split(':')[0] as string);
  writeFileSync(join(realm.directory, 'omnirelay.key'), OMNIRELAY_KEY, { mode: 0o600 });
  realm.configure((config) => {
    Object.assign(config['server'] as object, {
      certificate: { dns: ['localhost'], ip: ['127.0.0.1'] },
      gastrolog: true,
      omnirelay: { key_file: 'omnirelay.key' },
    });
  });
  server = await liveServer(realm);
});

afterAll(async () => {
  await server.stop();
  realm.remove();
});

describe("GastroLog's joining node", () => {
  interface Enrolled {
    readonly ca_cert_pem: Buffer;
    readonly cluster_cert_pem: Buffer;
    readonly cluster_key_pem: Buffer;
  }

  /** What the server shows, in the order of the handshake: Go's `rawCerts`. */
  async function shown(): Promise<readonly X509Certificate[]> {
    const args = ['s_client', '-connect', `127.0.0.1:${server.port}`, '-showcerts', '-tls1_3', '-alpn', 'h2'];
    // The server is in this process: it must be able to answer meanwhile.
    const client = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    client.stdin.end();
    let text = '';
    for await (const chunk of client.stdout) text += String(chunk);
    expect(text).toContain('ALPN protocol: h2');
    const chain = text.slice(text.indexOf('Certificate chain'), text.indexOf('Server certificate\n'));
    return (chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) as string[]).map((pem) => new X509Certificate(pem));
  }

  /** Its TLS check: any certificate that the server shows may have the hash, an authority first. */
  const pinned = async (hash: string): Promise<boolean> =>
    (await shown()).some(({ ca, raw }) => ca && createHash('sha256').update(raw).digest('hex') === hash);

  async function enroll(token: string, nodeId: string, address = '10.0.0.5:4565'): Promise<Enrolled> {
    const [tokenSecret, hash] = token.split(':') as [string, string];
    if (!(await pinned(hash))) throw new Error('CA fingerprint mismatch');
    return callEnroll(tokenSecret, nodeId, address);
  }

  async function callEnroll(tokenSecret: string, nodeId: string, address: string): Promise<Enrolled> {
    const client = grpcJsClient('gastrolog/v1/cluster.proto', 'gastrolog.v1.ClusterService', { port: server.port, anchors: undefined });
    try {
      const request = { token_secret: tokenSecret, node_id: Buffer.from(nodeId), node_addr: address };
      return (await client.call('Enroll', request)) as unknown as Enrolled;
    } finally {
      client.close();
    }
  }

  const refused = (work: Promise<unknown>): Promise<GrpcStatus> => work.then(() => expect.unreachable('it was enrolled'), statusOf);

  test('pins the server, shows the secret, and becomes a member that others of the cluster talk to', async () => {
    const enrolled = await enroll(secureToken, 'gastro-1');
    const [ca, cert, key] = [enrolled.ca_cert_pem, enrolled.cluster_cert_pem, enrolled.cluster_key_pem].map(String) as [
      string,
      string,
      string,
    ];
    secret(key.split('\n')[2] as string);
    // tls.X509KeyPair, and the one authority that its pool holds.
    expect(new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(createHash('sha256').update(new X509Certificate(ca).raw).digest('hex')).toBe(secureToken.split(':')[1]);

    // Its cluster port: the certificate and its authority shown, a client certificate verified, the service name expected.
    const member = createSecureServer({ cert: cert + ca, key, ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' });
    member.listen(0, '127.0.0.1');
    await once(member, 'listening');
    const { port } = member.address() as AddressInfo;
    const other = connect({
      port,
      host: '127.0.0.1',
      servername: 'gastrolog-cluster',
      cert: cert + ca,
      key,
      ca,
      minVersion: 'TLSv1.3',
      ALPNProtocols: ['h2'],
    });
    await once(other, 'secureConnect');
    expect(other.authorized).toBe(true);
    other.destroy();
    member.close();

    expect(await server.metric('joinery_bootstrap_attempts_total', { result: 'accepted', transport: 'gastrolog' })).toBe(1);
    const [record] = await realm.audit('join.enroll');
    expect(record).toMatchObject({ subject: 'gastro-1', result: 'ok', details: { cluster: 'edge', address: '10.0.0.5:4565' } });
  });

  test('shares the server with nodes of joinery: its authority is shown behind a chain that proves itself', async () => {
    const chain = await shown();
    const names = chain.map(({ subject }) => subject);
    expect(names.at(-1)).toContain('edge');
    const [leaf, ...above] = chain.slice(0, -1) as [X509Certificate, ...X509Certificate[]];
    for (const [index, certificate] of above.entries()) expect((chain[index] as X509Certificate).verify(certificate.publicKey)).toBe(true);
    expect(leaf.verify((chain.at(-1) as X509Certificate).publicKey)).toBe(false);
    const client = clientOf(realm, server);
    expect(await client.join({ token: secret(await realm.mint()), csr: (await newNode()).csr })).toMatchObject({ cluster: 'prod' });
    await client.close();
    // A pin of that authority is no way in for whoever checks what it issued.
    const pins = [
      `sha256:${createHash('sha256')
        .update((chain.at(-1) as X509Certificate).publicKey.export({ type: 'spki', format: 'der' }))
        .digest('hex')}`,
    ];
    const other = createBootstrapClient({ urls: [server.url], trust: { kind: 'pin', pin: { kind: 'key', pins: pins as Pin[] } } });
    await expect(other.status()).rejects.toMatchObject({ code: 'ERR_PIN_PATH' });
    await other.close();
  });

  test('is told one code for any wrong secret, and costs no use', async () => {
    const hash = secureToken.split(':')[1] as string;
    for (const wrong of [secret('ab'.repeat(32)), '', 'zz', 'x'.repeat(5000)]) {
      const status = await refused(enroll(`${wrong}:${hash}`, 'gastro-x'));
      expect(status).toMatchObject({ code: grpc.status.UNAUTHENTICATED, reason: 'ERR_JOIN_UNAUTHENTICATED' });
    }
    expect(
      await server.metric('joinery_bootstrap_attempts_total', { result: 'refused', transport: 'gastrolog', reason: 'ERR_TOKEN_UNKNOWN' }),
    ).toBe(4);
  });

  test('goes away from a server that does not show its authority', async () => {
    await expect(enroll(`${'ab'.repeat(32)}:${'cd'.repeat(32)}`, 'gastro-x')).rejects.toThrow('CA fingerprint mismatch');
  });

  test('raw bytes as its id are taken, and a token without uses left is refused', async () => {
    await enroll(secureToken, 'gastro-2');
    await enroll(secureToken, '\u0000\u0001\u0002');
    expect(await refused(enroll(secureToken, 'gastro-4'))).toMatchObject({
      code: grpc.status.PERMISSION_DENIED,
      reason: 'ERR_TOKEN_EXHAUSTED',
    });
    const subjects = (await realm.audit('join.enroll')).filter(({ result }) => result === 'ok').map(({ subject }) => subject);
    expect(subjects).toEqual(['gastro-1', 'gastro-2', '000102']);
  });

  test('while the authority is replaced, the first certificate of the reply is the one that vouches for the second', async () => {
    const tokenFile = join(realm.directory, 'edge-2.token');
    await realm.run('cluster', 'rotate-ca', 'trust-new', '--cluster', 'edge', '--force');
    await realm.run('cluster', 'rotate-ca', 'issue-new', '--cluster', 'edge', '--force', '--token-out', tokenFile);
    const [tokenSecret] = secret(readFileSync(tokenFile, 'utf8').trim()).split(':');
    const enrolled = await callEnroll(secret(tokenSecret as string), 'gastro-5', '10.0.0.9:4565');
    const [first, ...others] = String(enrolled.ca_cert_pem).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) as string[];
    expect(others).toHaveLength(1);
    const certificate = new X509Certificate(String(enrolled.cluster_cert_pem));
    expect(certificate.verify(new X509Certificate(first as string).publicKey)).toBe(true);
    expect(certificate.verify(new X509Certificate(others[0] as string).publicKey)).toBe(false);
  });
});

describe("OmniRelay's bootstrap client", () => {
  interface Payload {
    tokenId: string;
    clusterId: string;
    role: string;
    issuedAt: string;
    expiresAt: string;
    maxUses: number | null;
    issuer: string;
  }

  /** Its token service, from its own description: the payload in this order of members, HMAC-SHA256, both in base64. */
  function token(change: Partial<Payload> = {}, key = OMNIRELAY_KEY): string {
    const at = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString().replace('Z', '+00:00');
    const payload: Payload = {
      tokenId: randomUUID(),
      clusterId: 'prod',
      role: 'worker',
      issuedAt: at(0),
      expiresAt: at(60),
      maxUses: 1,
      issuer: 'omnirelay-bootstrap',
      ...change,
    };
    const bytes = Buffer.from(JSON.stringify(payload));
    return secret(`${bytes.toString('base64')}.${createHmac('sha256', key).update(bytes).digest('base64')}`);
  }

  function post(body: string): Promise<{ readonly status: number; readonly type: string | undefined; readonly body: Fields }> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: '127.0.0.1',
          port: server.port,
          path: '/omnirelay/bootstrap/join',
          method: 'POST',
          ca: realm.webRoot,
          headers: { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) },
          agent: false,
        },
        (response) => {
          let text = '';
          response.on('data', (chunk) => (text += String(chunk)));
          response.on('end', () =>
            resolve({ status: response.statusCode as number, type: response.headers['content-type'], body: JSON.parse(text) as Fields }),
          );
        },
      );
      request.on('error', reject);
      request.end(body);
    });
  }

  const joinWith = (joinToken: string, more: Fields = {}) =>
    post(
      JSON.stringify({
        token: joinToken,
        nodeId: `omni-${randomBytes(4).toString('hex')}`,
        requestedRole: 'worker',
        environment: null,
        labels: {},
        attestation: null,
        ...more,
      }),
    );

  test('gets what its bundle needs, and OpenSSL opens the PKCS #12 with the password', async () => {
    const tokenId = randomUUID();
    const { status, type, body } = await joinWith(token({ tokenId }), { nodeId: 'omni-1', labels: { rack: 'a' } });
    expect(status).toBe(200);
    expect(type).toContain('application/json');
    expect(Object.keys(body).toSorted()).toEqual(
      [
        'auditId',
        'certificateData',
        'certificatePassword',
        'clusterId',
        'expiresAt',
        'identity',
        'identityProvider',
        'issuedAt',
        'metadata',
        'renewAfter',
        'role',
        'seedPeers',
        'trustBundleData',
      ].toSorted(),
    );
    expect(body).toMatchObject({
      clusterId: 'prod',
      role: 'worker',
      identity: 'spiffe://lab.example/prod/worker/omni-1',
      auditId: tokenId.replaceAll('-', ''),
    });
    for (const time of ['issuedAt', 'renewAfter', 'expiresAt']) expect(body[time]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
    const password = secret(body['certificatePassword'] as string);
    const file = join(realm.directory, 'bundle.pfx');
    writeFileSync(file, Buffer.from(body['certificateData'] as string, 'base64'));
    const pem = execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'stdin', '-nodes'], {
      input: `${password}\n`,
      encoding: 'utf8',
    });
    const [leaf, ...above] = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) as string[];
    const key = pem.match(/-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/)?.[0] as string;
    secret(key.split('\n')[1] as string);
    const certificate = new X509Certificate(leaf as string);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(certificate.subjectAltName).toContain('spiffe://lab.example/prod/worker/omni-1');
    expect(certificate.verify(new X509Certificate(above[0] as string).publicKey)).toBe(true);
    const anchor = new X509Certificate(body['trustBundleData'] as string);
    expect(new X509Certificate(above[0] as string).verify(anchor.publicKey)).toBe(true);
    expect(() => execFileSync('openssl', ['pkcs12', '-in', file, '-passin', 'pass:wrong', '-nodes'], { stdio: 'pipe' })).toThrow(
      /mac verify|Mac verify/,
    );
  });

  test('tokens of its own command line and of ours, with members in its older spelling', async () => {
    const cli = await joinWith(token({ issuer: 'omnirelay-cli', maxUses: null }));
    expect(cli.status).toBe(200);
    const file = join(realm.directory, 'own.token');
    await realm.run(
      'mesh',
      'bootstrap',
      'issue-token',
      '--signing-key-file',
      join(realm.directory, 'omnirelay.key'),
      '--cluster',
      'prod',
      '--role',
      'worker',
      '--out',
      file,
    );
    const own = secret(readFileSync(file, 'utf8').trim());
    expect((await post(JSON.stringify({ Token: own, NodeId: 'omni-own', RequestedRole: 'other' }))).status).toBe(200);
  });

  const used = async (): Promise<string> => {
    const once = token();
    await joinWith(once);
    return once;
  };
  const minutes = (count: number): string => new Date(Date.now() + count * 60_000).toISOString();
  const REFUSALS: readonly (readonly [string, () => string | Promise<string>])[] = [
    ['A join token must be supplied.', () => ''],
    ['A join token must be supplied.', () => '   '],
    ['Token format is invalid.', () => 'nothing'],
    ['Token format is invalid.', () => 'a.b.c'],
    ['Token encoding is not valid Base64.', () => '%%%.%%%'],
    ['Token signature mismatch.', () => token({}, 'another key')],
    [
      'Token payload could not be parsed.',
      () => `${Buffer.from('no json').toString('base64')}.${createHmac('sha256', OMNIRELAY_KEY).update('no json').digest('base64')}`,
    ],
    ['Token issuer mismatch.', () => token({ issuer: 'somebody' })],
    ['Token expired.', () => token({ issuedAt: minutes(-120), expiresAt: minutes(-60) })],
    ['Token not yet valid.', () => token({ issuedAt: minutes(30), expiresAt: minutes(60) })],
    ['Token was issued for a different cluster.', () => token({ clusterId: 'elsewhere' })],
    ['Token was already consumed.', used],
  ];

  test.each(REFUSALS)('is told 400 and: %s', async (message, make) => {
    const { status, body } = await joinWith(await make());
    expect({ status, body }).toEqual({ status: 400, body: { code: 'error.validation', message } });
  });

  test('what is no request is one without a token', async () => {
    for (const body of ['', '[]', 'null', '{"token":5}', '{', '{"token":"a","token":"b"}']) {
      expect(await post(body)).toMatchObject({
        status: 400,
        body: { code: 'error.validation', message: 'A join token must be supplied.' },
      });
    }
  });

  test('is counted and audited as its own transport', async () => {
    expect(await server.metric('joinery_bootstrap_attempts_total', { result: 'accepted', transport: 'omnirelay' })).toBeGreaterThan(2);
    expect(
      await server.metric('joinery_bootstrap_attempts_total', { result: 'refused', transport: 'omnirelay', reason: 'ERR_TOKEN_SIGNATURE' }),
    ).toBe(1);
  });
});

test('no secret of all of this is in the log, in the metrics, in the audit log, or anywhere in the state of the realm', async () => {
  const texts = new Map([
    ['the log', server.text()],
    ['the metrics', await (await fetch(`${server.adminUrl}/metrics`)).text()],
    ['the audit log', JSON.stringify(await realm.audit())],
  ]);
  for (const name of readdirSync(realm.directory)) {
    const path = join(realm.directory, name);
    if (name.startsWith('state.db') && statSync(path).isFile()) texts.set(name, readFileSync(path, 'latin1'));
  }
  expect(server.log().length).toBeGreaterThan(20);
  expect(texts.size).toBeGreaterThan(3);
  for (const [where, text] of texts) {
    for (const hidden of secrets) expect(text.includes(hidden) ? `${where} holds ${hidden.slice(0, 12)}` : '').toBe('');
  }
});
