/** Attestation on a server that runs: nodes that prove what they are by the command line, against stand-ins of an issuer and of AWS. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { signingKey } from '../../src/adapters/signatures.ts';
import { STS_BODY, stsSignature } from '../../src/core/attest/aws-signature.ts';
import { testCa } from '../fakes/anchors.ts';
import { runCli } from '../cli/harness.ts';
import { jws, pemOf, rsa } from '../core/attest/attest-world.ts';
import { joineryWords } from '../fakes/joinery-command.ts';
import { type LiveServer, liveServer } from './live-server.ts';
import { type TestRealm, testRealm } from './server-world.ts';

const issuer = { now: rsa(), next: rsa() };
const jwksOf = (keys: Record<string, KeyObject>): string =>
  JSON.stringify({ keys: Object.entries(keys).map(([kid, key]) => ({ ...key.export({ format: 'jwk' }), kid })) });
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

let realm: TestRealm;
let server: LiveServer;
let outside: Server;
let place: string;
let jwks = jwksOf({ k1: issuer.now.publicKey });
/** What came to the stand-ins. */
const asked: string[] = [];
let nodes = 0;

const write = (name: string, contents: string): string => {
  const path = join(place, name);
  writeFileSync(path, contents, { mode: 0o600 });
  return path;
};
const hmac = (key: Uint8Array, data: Uint8Array): Uint8Array => new Uint8Array(createHmac('sha256', key).update(data).digest());

/** An issuer's keys, and an STS that checks the signature over what reached it. */
async function standIns(): Promise<{ url: string; host: string; ca: string }> {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const root = await testCa('stand-in root');
  const leaf = await testCa('stand-in', { issuer: root, leaf: true, ipAddress: '127.0.0.1', key: signingKey(key) });
  outside = createServer({ key: pemOf(key), cert: leaf.pem + root.pem }, (request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${body}`);
      if (request.url === '/moved') response.writeHead(302, { location: '/jwks' }).end();
      else if (request.url === '/jwks') response.end(jwks);
      else response.writeHead(stsAccepts(request.headers, body) ? 200 : 403).end(CALLER);
    });
  });
  outside.listen(0, '127.0.0.1');
  await once(outside, 'listening');
  const { port } = outside.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, ca: root.pem };
}

const CALLER = JSON.stringify({
  GetCallerIdentityResponse: {
    GetCallerIdentityResult: { Account: '123456789012', Arn: 'arn:aws:sts::123456789012:assumed-role/Worker/i-1', UserId: 'A:i-1' },
  },
});

function stsAccepts(headers: IncomingHttpHeaders, body: string): boolean {
  const sent = headers as Record<string, string>;
  const [, scope = '', names = '', signature] =
    /\/(\d{8}[^,]+), SignedHeaders=([^,]+), Signature=(.*)$/.exec(sent['authorization'] ?? '') ?? [];
  const parts = { headers: sent, names: names.split(';'), date: sent['x-amz-date'] ?? '', scope };
  return body === STS_BODY && signature === stsSignature(SECRET, parts, hmac);
}

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), 'joinery-attested-'));
  realm = await testRealm();
  const { url, host, ca } = await standIns();
  const factory = await testCa('factory');
  const device = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const certificate = await testCa('device', { issuer: factory, leaf: true, ipAddress: '10.0.0.9', key: signingKey(device) });
  write('device.crt', certificate.pem);
  write('device.key', pemOf(device));
  write('factory.pem', factory.pem);
  write('outside.pem', ca);
  const image = generateKeyPairSync('ed25519');
  write('image.pub', pemOf(image.publicKey));
  const digest = 'cd'.repeat(32);
  write('image.json', JSON.stringify({ digest, signature: sign(null, Buffer.from(digest), image.privateKey).toString('base64') }));
  const oidc = { type: 'oidc', issuer: 'https://ci.example', audiences: ['joinery'], ca_file: join(place, 'outside.pem') };
  realm.configure((config) =>
    Object.assign(config, {
      attestation: [
        { ...oidc, name: 'ci', jwks_url: `${url}/jwks` },
        { ...oidc, name: 'moved', jwks_url: `${url}/moved` },
        { ...oidc, name: 'unproven', jwks_url: `${url}/jwks`, ca_file: undefined },
        { name: 'factory', type: 'x509pop', ca_files: [join(place, 'factory.pem')] },
        { name: 'aws', type: 'aws-iam', endpoints: [host], accounts: ['123456789012'], ca_file: join(place, 'outside.pem') },
        { name: 'host', type: 'joinery-peer', roles: ['control-plane'] },
        { name: 'image', type: 'signed-digest', key_files: [join(place, 'image.pub')] },
      ],
    }),
  );
  writeFileSync(
    join(realm.directory, 'policy.yaml'),
    `apiVersion: joinery.dev/v1
kind: JoinPolicy
metadata: { name: prod, version: 1 }
spec:
  requireAttestation: true
  rules:
    - { attestationProviders: [ci, moved, unproven], claims: { ref: main }, maxEvidenceAge: 10m, allow: true, metadata: { by: ci } }
    - { attestationProviders: [factory], claims: { subject: CN=device }, roles: [control-plane], allow: true, metadata: { by: factory } }
    - { attestationProviders: [aws], claims: { role: Worker }, allow: true, metadata: { by: aws } }
    - { attestationProviders: [host], claims: { voucher_node: h1 }, allow: true, metadata: { by: host } }
    - { attestationProviders: [image], claims: { digest: ${digest} }, allow: true, metadata: { by: image } }
`,
  );
  realm.configure(
    (config) => (((config['clusters'] as Record<string, unknown>[])[0] as Record<string, unknown>)['policy'] = 'policy.yaml'),
  );
  server = await liveServer(realm);
}, 60_000);
afterAll(async () => {
  await server.stop();
  outside.close();
  outside.closeAllConnections();
  realm.remove();
  rmSync(place, { recursive: true, force: true });
});

const idToken = (change: object = {}, key = issuer.now.privateKey, kid = 'k1'): string => {
  const now = Math.floor(Date.now() / 1000);
  return jws(
    key,
    { alg: 'RS256', kid },
    { iss: 'https://ci.example', aud: 'joinery', iat: now, exp: now + 300, jti: `j${++nodes}`, ref: 'main', ...change },
  );
};

interface Run {
  readonly directory?: string;
  readonly env?: Record<string, string>;
  readonly mint?: readonly string[];
}

/** `node join --attest`. @returns `joined`, or the code of the refusal, with the directory and the token. */
async function nodeJoin(attest: string | undefined, { directory = join(place, `node-${++nodes}`), env = {}, mint = [] }: Run = {}) {
  const token = join(place, `token-${++nodes}`);
  await realm.run(
    'token',
    'mint',
    '--cluster',
    'prod',
    '--out',
    token,
    ...(mint.includes('--role') ? mint : ['--role', 'worker', ...mint]),
  );
  const flags = ['--url', server.url, '--directory', directory, '--token-file', token, '--keep-token', '--json'];
  const run = async (more: string | undefined) => {
    const { ok, data, error } = (
      await runCli(['node', 'join', ...flags, ...(more === undefined ? [] : ['--attest', more])], { env })
    ).json();
    return ok ? String(data['state']) : `${error.code} ${error.message}`;
  };
  return { state: await run(attest), directory, again: run };
}

describe('a node proves what it is', () => {
  test.each<[string, () => string, Run, string]>([
    ['a CI job, by a token in a file', () => `ci=${write('id.jwt', idToken())}`, {}, 'ci'],
    ['a CI job, by a token in the environment', () => 'ci=env:ID_TOKEN', { env: { ID_TOKEN: idToken() } }, 'ci'],
    [
      'a device, by its certificate',
      () => `factory=x509pop:${join(place, 'device.crt')},${join(place, 'device.key')}`,
      { mint: ['--role', 'control-plane'] },
      'factory',
    ],
    [
      'a role of AWS, by its credentials',
      () => 'aws=aws-iam:HOST',
      { env: { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE000000000', AWS_SECRET_ACCESS_KEY: SECRET, AWS_REGION: 'eu-west-1' } },
      'aws',
    ],
    ['what runs a signed image', () => `image=${join(place, 'image.json')}`, {}, 'image'],
  ])('%s', async (_name, attest, run, by) => {
    const host = `127.0.0.1:${(outside.address() as AddressInfo).port}`;
    const { state } = await nodeJoin(attest().replace('HOST', host), run);
    expect(state).toBe('joined');
    expect((await realm.audit('join.accept')).at(-1)).toMatchObject({ details: { attestation: by } });
  });

  it('and again when it renews', async () => {
    const { directory } = await nodeJoin(`ci=${write('first.jwt', idToken())}`);
    const renew = async (attest: string) => {
      const { ok, error } = (await runCli(['node', 'renew', '--directory', directory, '--attest', attest, '--json'])).json();
      return ok ? 'renewed' : error.code;
    };
    expect(await renew(`ci=${write('wrong.jwt', idToken({ aud: 'other' }))}`)).toBe('ERR_ATTESTATION_FAILED');
    expect(await renew(`ci=${write('second.jwt', idToken({ sub: 'second' }))}`)).toBe('renewed');
    expect((await realm.audit('renew.accept')).at(-1)).toMatchObject({ details: { attestation: 'ci' } });
  });

  it('that another node on the machine vouches for', async () => {
    const device = `factory=x509pop:${join(place, 'device.crt')},${join(place, 'device.key')}`;
    const host = await nodeJoin(device, { mint: ['--role', 'control-plane', '--node', 'h1'] });
    expect(host.state).toBe('joined');
    const guest = await nodeJoin(`host=peer:${host.directory}`, { mint: ['--node', 'g1'] });
    expect(guest.state).toBe('joined');
    // On another machine: a program carries the request to it, and the evidence back.
    const program = write('vouch.sh', `#!/bin/sh\nexec ${joineryWords('sources')} node vouch --directory ${host.directory}\n`);
    chmodSync(program, 0o700);
    expect((await nodeJoin(`host=exec:${program}`, { mint: ['--node', 'g2'] })).state).toBe('joined');
    expect((await nodeJoin(`host=exec:${join(place, 'nothing')}`)).state).toContain('ERR_PROGRAM_FAILED');
    expect((await nodeJoin(`host=peer:${guest.directory}`)).state).toContain(
      'ERR_ATTESTATION_FAILED evidence: certificate: expected a node in role control-plane',
    );
    await realm.run('enrollment', 'revoke', '--cluster', 'prod', 'h1');
    expect((await nodeJoin(`host=peer:${host.directory}`)).state).toContain(
      'ERR_ATTESTATION_FAILED evidence: certificate: expected one of a node that joined, in force',
    );
  });
});

describe('a refusal', () => {
  it('leaves the token good, and is in the audit log', async () => {
    const { state, again } = await nodeJoin(undefined);
    expect(state).toContain('ERR_POLICY_DENIED');
    expect(await again(`ci=${write('bad.jwt', idToken({ aud: 'other' }))}`)).toContain('ERR_ATTESTATION_FAILED evidence: aud');
    expect((await realm.audit('join.refuse')).at(-1)).toMatchObject({ reason: 'ERR_ATTESTATION_FAILED' });
    expect(await again(`ci=${write('old.jwt', idToken({ iat: 1, exp: 2 }))}`)).toContain('ERR_ATTESTATION_STALE');
    expect(await again(`ci=${write('ref.jwt', idToken({ ref: 'evil' }))}`)).toContain('ERR_POLICY_DENIED');
    expect(await again(`tpm=${write('x.json', '{}')}`)).toContain('ERR_ATTESTATION_UNKNOWN');
    expect(await again(`ci=${write('good.jwt', idToken())}`)).toBe('joined');
  });

  it('meets evidence that another node has used, and an alert tells of it', async () => {
    const evidence = `ci=${write('stolen.jwt', idToken())}`;
    expect((await nodeJoin(evidence)).state).toBe('joined');
    const thief = await nodeJoin(evidence);
    expect(thief.state).toContain('ERR_ATTESTATION_REPLAYED');
    expect(server.log().some(({ reason }) => reason === 'ERR_ATTESTATION_REPLAYED')).toBe(true);
    expect(await thief.again(`ci=${write('own.jwt', idToken())}`)).toBe('joined');
  });

  it('is no refusal where the issuer cannot be asked', async () => {
    // One sends to another place, the certificate of the other is not under the anchors of the system.
    await Promise.all(
      ['moved', 'unproven'].map(async (provider) => {
        const { state, again } = await nodeJoin(`${provider}=${write(`${provider}.jwt`, idToken())}`);
        expect(state).toContain('ERR_ATTESTATION_UNAVAILABLE');
        expect(await again(`ci=${write(`${provider}-2.jwt`, idToken())}`)).toBe('joined');
      }),
    );
  });

  it('tells of a source that is none before anything is sent', async () => {
    const before = server.log().length;
    for (const [attest, code] of [
      ['ci', 'ERR_USAGE'],
      ['=x', 'ERR_USAGE'],
      ['ci=env:NOTHING', 'ERR_USAGE'],
      ['ci=env:', 'ERR_USAGE'],
      ['factory=x509pop:one', 'ERR_USAGE'],
      ['aws=aws-iam', 'ERR_USAGE'],
      [`host=peer:${join(place, 'nobody')}`, 'ERR_NODE_NOT_JOINED'],
      [`ci=${join(place, 'nothing')}`, 'ERR_FILE_NOT_FOUND'],
      [`ci=${write('what', 'what is this')}`, 'ERR_INPUT_MALFORMED'],
    ] as const)
      expect((await nodeJoin(attest)).state).toContain(code);
    expect(
      server
        .log()
        .slice(before)
        .filter(({ msg }) => msg === 'join refused'),
    ).toEqual([]);
  });
});

it('keys that the issuer has changed are got again, and a configuration that is wrong changes nothing', async () => {
  await server.reload();
  expect((await nodeJoin(`ci=${write('before.jwt', idToken())}`)).state).toBe('joined');
  await server.reload();
  jwks = jwksOf({ k2: issuer.next.publicKey });
  const next = () => `ci=${write('next.jwt', idToken({}, issuer.next.privateKey, 'k2'))}`;
  expect((await nodeJoin(next())).state).toBe('joined');
  realm.configure((config) => Object.assign((config['attestation'] as object[])[3] as object, { ca_files: ['gone.pem'] }));
  await server.reload();
  expect(server.log().some(({ msg, code }) => msg === 'configuration reload failed' && code === 'ERR_FILE_NOT_FOUND')).toBe(true);
  expect((await nodeJoin(next())).state).toBe('joined');
});
