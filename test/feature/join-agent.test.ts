import { spawn } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type JsonValue, parseStrictJson } from '../../src/core/canonical-json.ts';
import { pinOf } from '../../src/core/digest.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { parseNodeMeta, parseNodeStatus } from '../../src/core/join/node-directory.ts';
import type { Instant } from '../../src/core/time.ts';
import { parseCsr } from '../../src/core/x509/csr.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { make } from '../core/x509/make.ts';
import { LOCALHOST } from '../fakes/tls-server.ts';
import {
  type AgentNode,
  agentNode,
  type AgentServer,
  agentServer,
  type Answer,
  answerChain,
  honest,
  IDENTITY,
  issueFor,
  nodeIssuer,
  nodeRoot,
  pathWith,
  pemOf,
  RENEW_AFTER,
  serverLeaf,
  strangerRoot,
  TOKEN,
  webRoot,
} from './agent-world.ts';

const servers: AgentServer[] = [];
const nodes: AgentNode[] = [];
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  for (const dir of [withoutCurl, ...nodes.map((node) => node.dir)]) rmSync(dir, { recursive: true });
});

async function serve(answer: Answer, options: Parameters<typeof agentServer>[1] = {}): Promise<AgentServer> {
  const server = await agentServer(answer, options);
  servers.push(server);
  return server;
}

function nodeFor(server: { readonly url: string }, options: Omit<Parameters<typeof agentNode>[0], 'urls'> = {}): AgentNode {
  const node = agentNode({ urls: [server.url], ...options });
  nodes.push(node);
  return node;
}

/** A joined node, and a server whose answer can be changed. */
async function joined(certificate: Parameters<typeof issueFor>[1] = {}) {
  let answer: Answer = ({ path, body }, response) => {
    if (path === '/v1/trust-report') response.writeHead(200).end('{}');
    else answerChain(response, pemOf(issueFor(body['csr'] as string, certificate), nodeIssuer));
  };
  const server = await serve((asked, response) => answer(asked, response));
  const node = nodeFor(server);
  expect((await node.run(['join'])).status).toBe(0);
  return { node, server, answerWith: (other: Answer) => (answer = other) };
}

/** Answers a request for a certificate with what `chain` makes of its CSR. */
const answered =
  (chain: (csr: string) => string, headers: Record<string, string> = {}): Answer =>
  ({ path, body }, response) =>
    path === '/v1/trust-report' ? void response.end('{}') : answerChain(response, chain(body['csr'] as string), headers);

const NOW_OR_NEVER = ['--deadline', '0'];
const withoutCurl = pathWith('python3');

describe.concurrent.each([
  ['curl', {}],
  ['python3, where curl is missing', { PATH: withoutCurl }],
])('the join agent with %s', (_, env) => {
  it('joins: the token goes once, the identity is whole, the token is gone, and the trust is reported', async () => {
    const server = await serve(honest);
    const node = nodeFor(server);
    const { status, stderr, stdout } = await node.run(['join'], { env });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr).toContain(`join: audit id audit-1, as ${IDENTITY}, until `);
    expect(stderr).not.toContain(TOKEN);
    const [request, report] = server.asked;
    expect(request?.body).toEqual({
      token: TOKEN,
      csr: expect.stringMatching(/^-----BEGIN CERTIFICATE REQUEST-----\n/) as string,
      cluster: 'prod',
      environment: 'lab',
      requested_role: 'worker',
      node_id: 'n1',
    });
    expect(request?.client).toBe('');
    expect(report?.client).toBe('node');
    expect(report?.body).toEqual({
      purposes: {
        'control-plane-https': { version: 2, fingerprint: expect.any(String) as string, updated_at: '2025-10-09T08:53:20Z' },
        'node-cert-lifecycle': { version: 2, fingerprint: expect.any(String) as string, updated_at: '2025-10-09T08:53:20Z' },
      },
    });
    const files = node.snapshot();
    expect(files['identity/current']).toBe('-> gen-1');
    expect(Object.keys(files)).not.toContain('secrets/join-token');
    const modes = ['node.key', 'node.crt', 'chain.crt', 'meta.json'].map((name) => files[`identity/gen-1/${name}`]?.split(' ')[0]);
    expect(modes).toEqual(['100600', '100644', '100644', '100644']);
    expect(node.read('identity/gen-1/chain.crt')).toBe(pemOf(nodeIssuer));
    const [meta, state] = [node.read('identity/gen-1/meta.json'), node.read('status.json')].map((text) => parseStrictJson(text, 'written'));
    expect(parseNodeMeta(meta as JsonValue, 'meta')).toMatchObject({
      identity: IDENTITY,
      audit_id: 'audit-1',
      expires_at: '2036-01-01T00:00:00Z',
    });
    expect(parseNodeStatus(state as JsonValue, 'status')).toMatchObject({
      operation: 'join',
      result: 'ok',
      generation: 1,
      renew_after: RENEW_AFTER,
    });
  });

  it('names itself where the server wants that, with the same key, once', async () => {
    const names = 'URI:spiffe://lab.example/prod/worker/n1,DNS:n1.lab.example';
    const refuse = `{"code":"ERR_CSR_NAMES","correlation_id":"c-7","csr_names":"${names}","status":422}`;
    const named = (csr: unknown): string => {
      const { extensions, pin } = parseCsr(parsePem(csr as string)[0]?.der as Uint8Array);
      return `${pin} ${(extensions.subjectAltName ?? []).map(generalNameText).join(',')}`;
    };
    const server = await serve((asked, response) => {
      if (asked.path === '/v1/join' && named(asked.body['csr']).endsWith(' ')) response.writeHead(422).end(refuse);
      else honest(asked, response);
    });
    const node = nodeFor(server);
    expect(await node.run(['join'], { env })).toMatchObject({ status: 0 });
    const [first, second] = server.asked.filter(({ path }) => path === '/v1/join').map(({ body }) => named(body['csr']));
    expect(second).toBe(`${first}${names}`);
    expect(await node.run(['renew'], { env })).toMatchObject({ status: 0 });
    const renewal = server.asked.find(({ path }) => path === '/v1/renew');
    expect(named(renewal?.body['csr'])).toMatch(/ URI:spiffe:\/\/lab\.example\/prod\/worker\/n1$/);
    // Whoever wants more and more is refused.
    const endless = await serve((_asked, response) => void response.writeHead(422).end(refuse));
    expect(await nodeFor(endless).run(['join', ...NOW_OR_NEVER], { env })).toMatchObject({ status: 77 });
    expect(endless.asked).toHaveLength(2);
  });

  it('joins once: a second run asks nobody', async () => {
    const { node, server } = await joined();
    const before = node.snapshot();
    const asked = server.asked.length;
    const { status, stderr } = await node.run(['join'], { env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('joined already') as string });
    expect(node.snapshot()).toEqual(before);
    expect(server.asked).toHaveLength(asked);
  });

  it.each<[string, number, Answer]>([
    ['a redirect', 78, (_asked, response) => void response.writeHead(307, { location: 'https://127.0.0.1:1/v1/join' }).end()],
    ['a truncated body', 78, (_asked, response) => cutAfter(response, 'x'.repeat(100), 200)],
    ['an empty truncated body', 78, (_asked, response) => cutAfter(response, '', 200)],
    ['a body of 10 MB', 78, (_asked, response) => answerChain(response, 'x'.repeat(10_000_000))],
    ['an endless body', 78, (_asked, response) => endless(response)],
    ['another media type', 78, (_asked, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{}')],
    ['a certificate cut in the middle', 78, answered((csr) => pemOf(issueFor(csr)).slice(0, 300))],
    [
      'a private key among the certificates',
      78,
      answered((csr) => `${pemOf(issueFor(csr))}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`),
    ],
    ['no certificate', 78, answered(() => '')],
    [
      'a refusal',
      77,
      (_asked, response) =>
        void response
          .writeHead(403, { 'content-type': 'application/problem+json' })
          .end('{"code":"ERR_TOKEN_REPLAYED","correlation_id":"c-7","status":403}'),
    ],
    ['a failure', 75, (_asked, response) => void response.writeHead(503).end()],
    ['a connection that is reset', 75, (_asked, response) => void response.destroy()],
  ])('refuses %s with status %i and leaves the disk as it was', async (_what, expected, answer) => {
    const server = await serve(answer);
    const node = nodeFor(server);
    const before = node.snapshot();
    const { status, stderr } = await node.run(['join', ...NOW_OR_NEVER], { env });
    expect({ status, stderr }).toEqual({ status: expected, stderr: expect.stringContaining('joinery join-agent: ') as string });
    expect(stderr).not.toContain(TOKEN);
    expect(node.snapshot()).toEqual(before);
  });

  it.each<[string, Parameters<typeof agentServer>[1]]>([
    ['of an authority that is not pinned', { leaf: serverLeaf(strangerRoot), send: [strangerRoot] }],
    ['of a stranger who sends the pinned root beside it', { leaf: serverLeaf(strangerRoot), send: [webRoot] }],
    ['for another name', { leaf: serverLeaf(webRoot, { names: [{ kind: 'dns', value: 'other.example' }] }) }],
    ['of an enrolled node', { leaf: serverLeaf(webRoot, { purposes: [OID.clientAuth] }) }],
    ['that has expired', { leaf: serverLeaf(webRoot, { notAfter: '2026-01-02T00:00:00Z' }) }],
    ['over TLS 1.2', { maxVersion: 'TLSv1.2' }],
  ])('sends nothing to a server with a certificate %s', async (_what, options) => {
    const server = await serve(honest, options);
    const node = nodeFor(server);
    const before = node.snapshot();
    const { status } = await node.run(['join', ...NOW_OR_NEVER], { env });
    expect(status).toBe(76);
    expect(server.asked).toEqual([]);
    expect(node.snapshot()).toEqual(before);
  });

  it('renews over mutual TLS with a new key, keeps one generation, and is not fooled into another identity', async () => {
    const { node, server, answerWith } = await joined();
    const before = node.snapshot();
    answerWith(answered((csr) => pemOf(issueFor(csr, { uri: 'spiffe://lab.example/prod/admin/n1' }), nodeIssuer)));
    expect((await node.run(['renew', ...NOW_OR_NEVER], { env })).status).toBe(82);
    expect(node.snapshot()).toEqual(before);
    answerWith(honest);
    for (const name of ['gen-08', 'gen-99999999999999999999', 'gen-3 x', 'gen--rf']) mkdirSync(join(node.dir, 'identity', name));
    for (const generation of [2, 3]) {
      const { status, stderr } = await node.run(['renew'], { env });
      expect({ status, stderr }).toEqual({
        status: 0,
        stderr: expect.stringContaining(`renew: audit id audit-1, as ${IDENTITY}`) as string,
      });
      expect(node.snapshot()['identity/current']).toBe(`-> gen-${generation}`);
    }
    expect(server.asked.filter(({ path }) => path === '/v1/renew').every(({ client }) => client === 'node')).toBe(true);
    expect(Object.keys(node.snapshot()).filter((path) => path.startsWith('identity/gen-1/'))).toEqual([]);
    const keys = [2, 3].map((n) =>
      createHash('sha256')
        .update(node.read(`identity/gen-${n}/node.key`))
        .digest('hex'),
    );
    expect(new Set(keys).size).toBe(2);
  });

  it('fetches bundles that the package only pinned, and takes nothing else', async () => {
    const bundles: Record<string, string> = { 'control-plane-https': pemOf(webRoot), 'node-cert-lifecycle': pemOf(strangerRoot) };
    const server = await serve((asked, response) => {
      const bundle = bundles[asked.path.replace('/v1/trust/', '')];
      if (asked.method === 'GET' && bundle !== undefined) response.end(bundle);
      else honest(asked, response);
    });
    const node = nodeFor(server, { bundles: false });
    const refused = await node.run(['join'], { env });
    expect(refused).toMatchObject({
      status: 65,
      stderr: expect.stringContaining('node-cert-lifecycle: expected a server with the bundle') as string,
    });
    expect(server.asked.every(({ method }) => method === 'GET')).toBe(true);
  });
});

describe.concurrent('the join agent and the certificate that it is given', () => {
  it.each<[string, number, Answer]>([
    ['a certificate of another authority', 80, answered((csr) => pemOf(issueFor(csr, { issuer: strangerRoot })))],
    ['a chain that brings its own root', 80, answered((csr) => pemOf(issueFor(csr, { issuer: strangerRoot }), strangerRoot))],
    ['a certificate of the anchor for servers', 80, answered((csr) => pemOf(issueFor(csr, { issuer: webRoot }), webRoot))],
    ['a certificate for servers only', 80, answered((csr) => pemOf(issueFor(csr, { purposes: [OID.serverAuth] }), nodeIssuer))],
    ['an expired certificate', 80, answered((csr) => pemOf(issueFor(csr, { notAfter: '2026-01-02T00:00:00Z' }), nodeIssuer))],
    ['a certificate of tomorrow', 70, answered((csr) => pemOf(issueFor(csr, { notBefore: '2035-01-01T00:00:00Z' }), nodeIssuer))],
    ['an authority', 80, answered((csr) => pemOf(issueFor(csr, { ca: true, purposes: [OID.clientAuth] }), nodeIssuer))],
    [
      'a certificate for another key',
      81,
      answered(() =>
        pemOf(
          make({ name: 'other', issuer: nodeIssuer, names: [{ kind: 'uri', value: IDENTITY }], purposes: [OID.clientAuth] }),
          nodeIssuer,
        ),
      ),
    ],
    [
      'the identity of another node',
      82,
      answered((csr) => pemOf(issueFor(csr, { uri: 'spiffe://lab.example/prod/worker/n10' }), nodeIssuer)),
    ],
    ['no identity', 82, answered((csr) => pemOf(issueFor(csr, { names: LOCALHOST }), nodeIssuer))],
    [
      'two identities',
      82,
      answered((csr) =>
        pemOf(
          issueFor(csr, {
            names: [
              { kind: 'uri', value: IDENTITY },
              { kind: 'uri', value: `${IDENTITY}/x` },
            ],
          }),
          nodeIssuer,
        ),
      ),
    ],
    [
      'a trust version that was replaced',
      83,
      answered((csr) => pemOf(issueFor(csr), nodeIssuer), { 'joinery-trust': 'control-plane-https=1, node-cert-lifecycle=2' }),
    ],
  ])('refuses %s with status %i and leaves the disk as it was', async (_what, expected, answer) => {
    const server = await serve(answer);
    const node = nodeFor(server);
    const before = node.snapshot();
    const { status, stderr } = await node.run(['join', ...NOW_OR_NEVER]);
    expect({ status, stderr }).toEqual({ status: expected, stderr: expect.stringContaining('joinery join-agent: ') as string });
    expect(stderr).not.toContain(TOKEN);
    expect(node.snapshot()).toEqual(before);
  });
});

function cutAfter(response: ServerResponse, body: string, length: number): void {
  response.writeHead(200, { 'content-type': 'application/pem-certificate-chain', 'content-length': length });
  response.write(body);
  response.flushHeaders();
  setTimeout(() => response.destroy(), 20);
}

function endless(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/pem-certificate-chain' });
  const timer = setInterval(() => response.write('x'.repeat(8000)), 1);
  response.on('close', () => clearInterval(timer));
}

describe.concurrent('the join agent and time', () => {
  it('gives up on a slow body after the time of one request', async () => {
    const server = await serve((_asked, response) => {
      response.writeHead(200, { 'content-type': 'application/pem-certificate-chain' });
      const timer = setInterval(() => response.write('-'), 100);
      response.on('close', () => clearInterval(timer));
    });
    const node = nodeFor(server);
    const [curl, python] = await Promise.all([
      node.run(['join', ...NOW_OR_NEVER], { env: { JOINERY_REQUEST_SECONDS: '2' } }),
      nodeFor(server).run(['join', ...NOW_OR_NEVER], { env: { JOINERY_REQUEST_SECONDS: '2', PATH: withoutCurl } }),
    ]);
    expect([curl.status, python.status]).toEqual([75, 75]);
  });

  it('asks again with the same key until the server is there, and tries every URL', async () => {
    let refusals = 2;
    const server = await serve((asked, response) => {
      // To a shell 08 is no number.
      if (refusals-- > 0) response.writeHead(503, { 'retry-after': '08' }).end();
      else honest(asked, response);
    });
    const dead = await deadPort();
    const node = agentNode({ urls: [dead, server.url] });
    nodes.push(node);
    const { status, stderr } = await node.run(['join', '--deadline', '60']);
    expect(status).toBe(0);
    expect(stderr.match(/asking again/g)).toHaveLength(2);
    const csrs = server.asked.filter(({ path }) => path === '/v1/join').map(({ body }) => body['csr']);
    expect(new Set(csrs.map((csr) => pemKey(csr as string))).size).toBe(1);
  });

  it('sends the key of a lost reply again in the next run', async () => {
    let lost = true;
    const server = await serve((asked, response) => {
      if (lost) response.destroy();
      else honest(asked, response);
    });
    const node = nodeFor(server);
    const { status, stderr } = await node.run(['join', ...NOW_OR_NEVER]);
    expect({
      status,
      lines: stderr
        .trimEnd()
        .split('\n')
        .filter((line) => !line.startsWith('joinery join-agent: ')),
    }).toEqual({
      status: 75,
      lines: [],
    });
    lost = false;
    expect((await node.run(['join'])).status).toBe(0);
    const [first, second] = server.asked.map(({ body }) => body['csr']).filter((csr) => csr !== undefined);
    expect(pemKey(first as string)).toBe(pemKey(second as string));
  });

  it('waits for a clock that is behind the package, and has a status of its own for it', async () => {
    const server = await serve(honest);
    const ahead = (Math.floor(Date.now() / 1000) + 3) as Instant;
    const waiting = nodeFor(server, { updatedAt: ahead });
    expect((await waiting.run(['join', '--clock-deadline', '30'])).status).toBe(0);
    const never = nodeFor(server, { updatedAt: (ahead + 100_000_000) as Instant });
    const before = never.snapshot();
    const { status, stderr } = await never.run(['join', '--clock-deadline', '1']);
    expect({ status, stderr }).toEqual({ status: 70, stderr: expect.stringContaining('the clock: expected a time after') as string });
    expect(never.snapshot()).toEqual(before);
  });

  it('renews when two thirds of the life have passed, and not before', async () => {
    const young = await joined();
    const asked = young.server.asked.length;
    expect((await young.node.run(['renew', '--if-due'])).status).toBe(0);
    expect(young.server.asked).toHaveLength(asked);
    const old = await joined({ notBefore: '2000-02-29T12:00:00Z', notAfter: '2027-12-31T00:00:00Z' });
    old.answerWith(honest);
    expect((await old.node.run(['renew', '--if-due'])).status).toBe(0);
    expect(old.node.snapshot()['identity/current']).toBe('-> gen-2');
  });
});

function pemKey(csr: string): string {
  const [block] = parsePem(csr);
  return pinOf(parseCsr((block as { der: Uint8Array }).der).publicKey.der);
}

async function deadPort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return `https://127.0.0.1:${port}`;
}

describe.concurrent('the join agent and its node directory', () => {
  it.each<[string, number, (node: AgentNode) => void]>([
    ['a bundle that was changed', 65, ({ dir }) => writeFileSync(join(dir, 'trust/control-plane-https.pem'), pemOf(strangerRoot))],
    [
      'a node-cert bundle that was changed',
      65,
      ({ dir }) => writeFileSync(join(dir, 'trust/node-cert-lifecycle.pem'), pemOf(strangerRoot)),
    ],
    ['a link in the place of a bundle', 66, (node) => linkBundle(node)],
    ['a fingerprint that differs from the state', 65, (node) => edit(node, 'joinery.env', /(_CA_FINGERPRINT='.)./, '$1x')],
    ['no environment', 66, ({ dir }) => rmSync(join(dir, 'joinery.env'))],
    ['an environment without URLs', 66, (node) => edit(node, 'joinery.env', /GPUAAS_JOIN_URLS/, 'GPUAAS_URLS')],
    ['a URL that is not https', 66, (node) => edit(node, 'joinery.env', /(JOIN_URLS='.*)'/, "$1 http://127.0.0.1'")],
    ['a cluster that is no name', 66, (node) => edit(node, 'joinery.env', /(CLUSTER=').*'/, '$1a","token":"x\'')],
    ['no state', 66, ({ dir }) => rmSync(join(dir, 'trust/state.json'))],
    ['a state of one purpose', 66, (node) => edit(node, 'trust/state.json', /"node-cert-lifecycle":/, '"other":')],
    ['no token', 66, ({ dir }) => rmSync(join(dir, 'secrets/join-token'))],
    ['an empty token', 66, ({ dir }) => writeFileSync(join(dir, 'secrets/join-token'), '')],
    ['a token of several words', 66, ({ dir }) => writeFileSync(join(dir, 'secrets/join-token'), 'a b\n')],
  ])('refuses %s with status %i before it asks anybody', async (_what, expected, damage) => {
    const server = await serve(honest);
    const node = nodeFor(server);
    damage(node);
    const before = node.snapshot();
    const { status } = await node.run(['join', ...NOW_OR_NEVER]);
    expect(status).toBe(expected);
    expect(node.snapshot()).toEqual(before);
    expect(server.asked).toEqual([]);
  });

  it.each<[string, number, string]>([
    ['cannot write', 73, 'exit 1'],
    ['ends in a way of its own', 73, 'exit 4'],
    ['cannot be run', 69, 'exit 127'],
  ])('has a status of its own for a step that %s: %i', async (_what, expected, fault) => {
    const node = nodeFor(await serve(honest));
    const bin = join(node.dir, 'faulty');
    mkdirSync(bin);
    writeFileSync(join(bin, 'cp'), `#!/bin/sh\n${fault}\n`, { mode: 0o755 });
    const { status } = await node.run(['join', ...NOW_OR_NEVER], { env: { PATH: `${bin}:${process.env['PATH']}` } });
    expect(status).toBe(expected);
    expect((await node.run(['join', ...NOW_OR_NEVER])).status).toBe(0);
  });

  it('has the same status for a lock that cannot be written', async () => {
    const node = nodeFor(await serve(honest));
    mkdirSync(join(node.dir, 'pending/lock'), { recursive: true });
    expect((await node.run(['join', ...NOW_OR_NEVER])).status).toBe(73);
  });

  it.each<[string, readonly string[]]>([
    ['no verb', []],
    ['node alone', ['node']],
    ['another verb', ['leave']],
    ['another flag', ['join', '--force']],
    ['a deadline that is no number', ['join', '--deadline', 'soon']],
    ['a flag without its value', ['join', '--directory']],
    ['a relative directory', ['join', '--directory', 'here']],
  ])('refuses %s with status 64', async (_what, args) => {
    const node = nodeFor({ url: 'https://127.0.0.1:1' });
    expect((await node.run(args)).status).toBe(64);
  });

  it('takes a value of joinery.env for text, whatever a shell would make of it', async () => {
    const server = await serve(honest);
    const node = nodeFor(server);
    writeFileSync(join(node.dir, 'joinery.env'), `touch ${node.dir}/ran\nX=$(touch ${node.dir}/ran)\n${node.read('joinery.env')}`);
    expect((await node.run(['node', 'join', '--directory', node.dir])).status).toBe(0);
    expect(Object.keys(node.snapshot())).not.toContain('ran');
  });

  it('has nothing to renew without an identity, and after it has expired', async () => {
    const node = nodeFor({ url: 'https://127.0.0.1:1' });
    expect((await node.run(['renew'])).status).toBe(84);
  });

  it('leaves the node directory to a run that has it', async () => {
    const held: (() => void)[] = [];
    const server = await serve((asked, response) => {
      if (asked.path === '/v1/join') held.push(() => honest(asked, response));
      else honest(asked, response);
    });
    const node = nodeFor(server);
    const first = node.run(['join']);
    while (held.length === 0) await new Promise((done) => setTimeout(done, 20));
    expect((await node.run(['join'])).status).toBe(71);
    for (const release of held) release();
    expect((await first).status).toBe(0);
  });

  it('leaves it to a living run and clears what dead ones left, also without flock', async () => {
    const env = { PATH: pathWith('curl') };
    const held: (() => void)[] = [];
    const server = await serve((asked, response) => {
      if (asked.path === '/v1/join') held.push(() => honest(asked, response));
      else honest(asked, response);
    });
    const node = nodeFor(server);
    mkdirSync(join(node.dir, 'pending'), { mode: 0o700 });
    const turn = join(node.dir, 'pending/turn');
    // A run that was killed; one that was killed while it cleared that one; one whose number another process has now.
    symlinkSync('4194304.7', turn);
    symlinkSync(`${process.pid}.1`, `${turn}.4194304.7`);
    const first = node.run(['join'], { env });
    while (held.length === 0) await new Promise((done) => setTimeout(done, 20));
    expect(readlinkSync(turn)).toMatch(/^\d+\.\d+$/);
    expect(await node.run(['join'], { env })).toMatchObject({
      status: 71,
      stderr: expect.stringContaining('expected to be alone') as string,
    });
    for (const release of held) release();
    expect((await first).status).toBe(0);
    expect(readdirSync(join(node.dir, 'pending')).filter((name) => name.startsWith('turn'))).toEqual([]);
    rmSync(env.PATH, { recursive: true });
  });

  it('takes a token that came as a credential of the service', async () => {
    const server = await serve(honest);
    const node = nodeFor(server);
    const credentials = join(node.dir, 'credentials');
    mkdirSync(credentials);
    writeFileSync(join(credentials, 'joinery.token'), 'from.the.platform');
    rmSync(join(node.dir, 'secrets/join-token'));
    expect((await node.run(['join'], { env: { CREDENTIALS_DIRECTORY: credentials } })).status).toBe(0);
    expect(server.asked[0]?.body['token']).toBe('from.the.platform');
  });

  it('joins where the anchor issues by itself, and there is no chain between', async () => {
    const server = await serve(answered((csr) => pemOf(issueFor(csr, { issuer: nodeRoot }))));
    const node = nodeFor(server);
    expect((await node.run(['join'])).status).toBe(0);
    expect(node.read('identity/current/chain.crt')).toBe('');
    expect((await node.run(['renew'])).status).toBe(0);
  });

  it('accepts an identity of any node where the package names none', async () => {
    const server = await serve(honest);
    const node = nodeFor(server, { node: '' });
    expect((await node.run(['join'])).status).toBe(0);
    expect(server.asked[0]?.body).not.toHaveProperty('node_id');
  });
});

function linkBundle({ dir }: AgentNode): void {
  const path = join(dir, 'trust/node-cert-lifecycle.pem');
  writeFileSync(join(dir, 'copy.pem'), readFileSync(path));
  rmSync(path);
  symlinkSync(join(dir, 'copy.pem'), path);
}

function edit({ dir }: AgentNode, file: string, pattern: RegExp, by: string): void {
  writeFileSync(join(dir, file), readFileSync(join(dir, file), 'utf8').replace(pattern, by));
}

describe.concurrent('the join agent and whom it trusts', () => {
  it('does not let the environment of its caller choose another trust, another way or a log of secrets', async () => {
    const hostile = await serve(honest, { leaf: serverLeaf(strangerRoot), send: [strangerRoot] });
    const node = nodeFor(hostile);
    writeFileSync(join(node.dir, 'stranger.pem'), pemOf(strangerRoot));
    writeFileSync(join(node.dir, '.curlrc'), 'insecure\n');
    const file = join(node.dir, 'stranger.pem');
    const env = {
      HOME: node.dir,
      CURL_HOME: node.dir,
      CURL_CA_BUNDLE: file,
      SSL_CERT_FILE: file,
      SSL_CERT_DIR: node.dir,
      SSLKEYLOGFILE: join(node.dir, 'keys.log'),
      https_proxy: hostile.url,
      ALL_PROXY: hostile.url,
    };
    for (const more of [{}, { PATH: withoutCurl }]) {
      expect((await node.run(['join', ...NOW_OR_NEVER], { env: { ...env, ...more } })).status).toBe(76);
    }
    expect(hostile.asked).toEqual([]);
    expect(Object.keys(node.snapshot())).not.toContain('keys.log');
  });
});

describe.concurrent('the hooks of the join agent', () => {
  it('tells each consumer of a new identity once, and again until it has been told', async () => {
    const { node, answerWith } = await joined();
    answerWith(honest);
    const hook = join(node.dir, 'hook');
    writeFileSync(hook, `#!/bin/sh\n[ -e ${node.dir}/ready ] || exit 1\necho "$1" >>${node.dir}/told\n`, { mode: 0o755 });
    writeFileSync(join(node.dir, 'reload.conf'), `# who uses the identity\n\ncommand ${hook}\n`);
    expect((await node.run(['renew'])).status).toBe(79);
    expect(node.snapshot()['identity/current']).toBe('-> gen-2');
    writeFileSync(join(node.dir, 'ready'), '');
    expect((await node.run(['renew', '--if-due'])).status).toBe(0);
    expect((await node.run(['reload'])).status).toBe(0);
    expect(node.read('told')).toBe(`${node.dir}/identity/gen-2\n`);
  });

  it('reloads units, and sends signals to processes', async () => {
    const { node } = await joined();
    const bin = join(node.dir, 'tools');
    mkdirSync(bin);
    writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho "$*" >${node.dir}/systemctl\n`, { mode: 0o755 });
    const consumer = spawn('/bin/sh', ['-c', `trap 'echo hup >${node.dir}/signal; exit' HUP; echo ready; while :; do sleep 0.1; done`]);
    await once(consumer.stdout, 'data');
    const exited = once(consumer, 'exit');
    writeFileSync(join(node.dir, 'pid'), `${String(consumer.pid)}\n`);
    writeFileSync(join(node.dir, 'reload.conf'), `unit nginx.service\nsignal HUP ${node.dir}/pid\n`);
    rmSync(join(node.dir, 'pending/told'));
    expect((await node.run(['reload'], { env: { PATH: `${bin}:/usr/bin:/bin` } })).status).toBe(0);
    await exited;
    expect([node.read('systemctl'), node.read('signal')]).toEqual(['reload-or-restart -- nginx.service\n', 'hup\n']);
  });

  it('runs no hook for a pair that does not match', async () => {
    const { node } = await joined();
    writeFileSync(join(node.dir, 'reload.conf'), `command ${node.dir}/hook\n`);
    writeFileSync(join(node.dir, 'identity/gen-1/node.key'), 'no key\n');
    rmSync(join(node.dir, 'pending/told'));
    const { status, stderr } = await node.run(['reload']);
    expect({ status, stderr }).toEqual({ status: 84, stderr: expect.stringContaining('no hook was run') as string });
  });

  it('leaves them to a step with more rights where the service says so', async () => {
    const server = await serve(honest);
    const node = nodeFor(server);
    writeFileSync(join(node.dir, 'reload.conf'), 'other thing\n');
    expect((await node.run(['join'], { env: { JOINERY_HOOKS: 'later' } })).status).toBe(0);
    expect((await node.run(['reload'])).status).toBe(79);
  });
});

describe.concurrent('the join agent and newer trust', () => {
  it('says that the server has it, and leaves it to the program', async () => {
    const { node, answerWith } = await joined();
    answerWith(answered((csr) => pemOf(issueFor(csr), nodeIssuer), { 'joinery-trust': 'control-plane-https=3, node-cert-lifecycle=2' }));
    const { status, stderr } = await node.run(['renew']);
    expect(status).toBe(0);
    expect(stderr).toContain('control-plane-https: version 3 is in force, this node holds 2: joinery trust apply');
    expect(await node.run(['trust'])).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('the joinery program is not on this node') as string,
    });
  });

  it.each([
    ['accepts', 0, 0],
    ['cannot be reached', 7, 0],
    ['refuses', 4, 85],
  ])('asks the program, which %s', async (_what, exit, expected) => {
    const node = nodeFor({ url: 'https://boot.lab.example:8443/' });
    writeFileSync(join(node.dir, 'bin/joinery'), `#!/bin/sh\necho "$*" >>${node.dir}/asked\nexit ${exit}\n`, { mode: 0o755 });
    expect((await node.run(['trust'])).status).toBe(expected);
    const [first] = node.read('asked').split('\n');
    const [bundle, state] = ['trust/control-plane-https.pem', 'trust/state.json'].map((path) => join(node.dir, path));
    const url = 'https://boot.lab.example:8443/v1/trust/control-plane-https';
    expect(first).toBe(`trust apply ${url} --purpose control-plane-https --path ${bundle} --state ${state}`);
  });
});

describe('a join agent that is killed', () => {
  it('leaves the old identity or the new one before every step that changes the disk, and the next run goes on', async () => {
    const { node, answerWith } = await joined();
    answerWith(honest);
    const left = new Set<string>();
    for (let step = 1, killed = true; killed; step++) {
      const before = assertWhole(node);
      killed = (await node.run(['renew'], { env: { PATH: pathThatKills(node.dir, step) } })).status === null;
      left.add(killed ? (assertWhole(node) === before ? 'old' : 'new') : 'done');
    }
    expect([...left].sort()).toEqual(['done', 'new', 'old']);
    expect(Object.keys(node.snapshot()).filter((path) => /^identity\/(?:\.|gen-\d+$)/.test(path))).toEqual([]);
  }, 120_000);
});

/** The tools that change a disk; the one that is called as number `step` kills the agent instead. */
function pathThatKills(dir: string, step: number): string {
  const bin = join(dir, 'killing');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'calls'), '0');
  for (const tool of ['cp', 'ln', 'mkdir', 'mv', 'rm', 'sync']) {
    const script = `#!/bin/sh\nread -r calls <${bin}/calls\necho $((calls + 1)) >${bin}/calls\n[ "$calls" -ne ${step - 1} ] || kill -9 0\nexec /usr/bin/${tool} "$@"\n`;
    writeFileSync(join(bin, tool), script, { mode: 0o755 });
  }
  return `${bin}:/usr/bin:/bin`;
}

/** Key and certificate in use are there and belong together. @returns the generation in use. */
function assertWhole(node: AgentNode): string {
  const current = node.snapshot()['identity/current'] as string;
  const generation = current.replace('-> ', '');
  expect(statSync(join(node.dir, 'identity/current/node.key')).mode & 0o777).toBe(0o600);
  const certificate = new X509Certificate(node.read('identity/current/node.crt'));
  expect(certificate.checkPrivateKey(createPrivateKey(node.read('identity/current/node.key')))).toBe(true);
  expect(node.read('identity/current/chain.crt')).toBe(pemOf(nodeIssuer));
  return generation;
}
