import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { activeTrust } from '../../src/app/show-trust.ts';
import { joinHints } from '../../src/app/join-hints.ts';
import { nodeStatus } from '../../src/app/node-status.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import type { Realm } from '../../src/app/realm.ts';
import { joinNode, type JoinNodeInput } from '../../src/client/join-node.ts';
import { type JoinWishes, planJoin } from '../../src/client/join-plan.ts';
import { nodeClient } from '../../src/client/node-client.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import type { Digest, Pin } from '../../src/core/digest.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { nodeFiles } from '../../src/core/onboarding/files.ts';
import type { Onboarding } from '../../src/core/onboarding/model.ts';
import { Secret } from '../../src/core/secret.ts';
import { type Purpose, PURPOSES } from '../../src/core/trust/purpose.ts';
import { parseChain, type TrustVersion } from '../../src/core/trust/chain.ts';
import { JOIN_DOMAIN } from '../fakes/join-realm.ts';
import { type JoinServer, joinServer, nodeClientWorld, nodePlace } from '../fakes/join-server.ts';
import { onboardingWith, SCRIPT, tokenWith } from '../fakes/package-model.ts';
import { PROMPT_MS } from '../fakes/patience.ts';

vi.setConfig({ testTimeout: 20_000, hookTimeout: 30_000 });

let server: JoinServer;
beforeAll(async () => {
  server = await joinServer();
});
afterAll(() => server.close());

const places: { remove(): void }[] = [];
afterEach(() => {
  for (const place of places.splice(0)) place.remove();
});

const world = nodeClientWorld();
const none = { urls: [], pins: [], trustDigests: {} } as const;
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof JoineryError ? error.code : String(error)),
  );

/** What a package has put on a node. */
async function packaged(changes: JsonObject = {}, token?: string, nodePin: JsonObject = {}): Promise<string> {
  const place = nodePlace();
  places.push(place);
  const { directory } = place;
  const trust = {
    'control-plane-https': await part(server.realm, 'control-plane-https'),
    'node-cert-lifecycle': await part(server.realm, 'node-cert-lifecycle'),
  };
  const pins = {
    'control-plane-https': trust['control-plane-https'].pin(directory),
    'node-cert-lifecycle': { ...trust['node-cert-lifecycle'].pin(directory), ...(nodePin as object) },
  };
  const onboarding: Onboarding = onboardingWith({
    directory,
    environment: { name: 'platform_control', domain: JOIN_DOMAIN },
    api_url: server.url,
    join_urls: [server.url],
    trust: pins,
    ...changes,
  });
  const model = {
    onboarding,
    ...(onboarding.trust_url === undefined && { trust }),
    seedPeers: { schema: 'joinery/seed-peers/1', cluster: 'prod', version: 1, peers: [] },
    token: new Secret(token ?? (await server.mint())),
  } as const;
  for (const { path, bytes, mode } of nodeFiles(model as never, { trustCheck: SCRIPT, agent: new Map() })) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes, { mode });
  }
  return directory;
}

async function part(realm: Realm, purpose: Purpose) {
  const { signed, document } = await activeTrust(realm, purpose);
  const [version] = parseChain(document, 'test') as [TrustVersion];
  const { manifest, digest } = signed;
  return {
    bundlePem: manifest.bundle_pem,
    signed: version,
    pin: (directory: string) => ({
      version: manifest.trust_bundle_version,
      manifest_digest: digest as string,
      sha256_fingerprint: manifest.sha256_fingerprint as string,
      path: join(directory, `trust/${purpose}.pem`),
    }),
  };
}

const run = (directory: string, changes: Partial<JoinNodeInput> = {}) =>
  joinNode(world, { ...none, directory, timeoutMs: 5000, ...changes });

describe('a node that a package has set up', () => {
  test('joins without being told anything, and its token is gone', async () => {
    const directory = await packaged();
    expect((await run(directory)).state).toBe('joined');
    expect(existsSync(`${directory}/secrets/join-token`)).toBe(false);
    expect((await nodeStatus(world, directory)).ok).toBe(true);
    writeFileSync(`${directory}/secrets/join-token`, 'left behind');
    expect((await run(directory)).state).toBe('already-joined');
    expect(existsSync(`${directory}/secrets/join-token`)).toBe(false);
  });

  test('joins anew when told so, with another key', async () => {
    const directory = await packaged({ node: 'again' }, await server.mint({ node: 'again', allowReentry: true, maxUses: 2 }));
    await run(directory, { keepToken: true });
    expect(await run(directory, { again: true })).toMatchObject({ state: 'joined', generation: 2 });
  });

  test('fetches the trust that its package only names', async () => {
    const directory = await packaged({ trust_url: server.url });
    expect(existsSync(`${directory}/trust/node-cert-lifecycle.pem`)).toBe(false);
    expect((await run(directory)).state).toBe('joined');
    expect((await nodeStatus(world, directory)).ok).toBe(true);
  });

  test('refuses named trust that is another', async () => {
    const directory = await packaged({ trust_url: server.url }, undefined, { manifest_digest: 'ab'.repeat(32) });
    expect(await outcome(run(directory))).toBe('ERR_TRUST_FIRST_DIGEST');
    expect(existsSync(`${directory}/identity`)).toBe(false);
    expect(existsSync(`${directory}/trust/node-cert-lifecycle.pem`)).toBe(false);
  });

  test('without a token says so, and with an unreachable server says that', async () => {
    const directory = await packaged();
    rmSync(`${directory}/secrets/join-token`);
    expect(await outcome(run(directory))).toBe('ERR_USAGE');
    expect(await outcome(run(directory, { token: () => Promise.resolve(new Secret('x')) }))).toBe('ERR_TOKEN_MALFORMED');
    const unreachable = await packaged({ join_urls: ['https://127.0.0.1:1'] });
    const hasty = nodeClientWorld({ timer: { elapsed: () => performance.now(), sleep: () => Promise.resolve() } });
    expect(await outcome(joinNode(hasty, { ...none, directory: unreachable }))).toBe('ERR_SERVER_UNREACHABLE');
    expect(JSON.parse(readFileSync(`${unreachable}/status.json`, 'utf8'))).toMatchObject({ code: 'ERR_SERVER_UNREACHABLE' });
  });

  test('asks by its own trust, and a server under another root is refused', async () => {
    const directory = await packaged();
    const other = await joinServer();
    try {
      expect(await outcome(run(directory, { urls: [other.url] }))).toBe('ERR_PIN_PATH');
    } finally {
      await other.close();
    }
  });

  test('that has joined is told when it is asked to be another', async () => {
    const directory = await packaged({ node: 'first' }, await server.mint({ node: 'first' }));
    await run(directory);
    const warnings: string[] = [];
    const asked = await run(directory, { node: 'second', onWarning: (message) => warnings.push(message) });
    expect([asked.state, warnings]).toEqual(['already-joined', ['this node has joined as first, not as second: --again joins anew']]);
  });

  test('whose disk takes no status still says what went wrong', async () => {
    const directory = await packaged();
    const full = (path: string): Promise<void> => Promise.reject(new JoineryError('ERR_FILE_DISK_FULL', `${path}: no`));
    const refused = { status: 403, headers: {}, body: '' };
    server.intercept = () => Promise.resolve(refused);
    const broken = nodeClientWorld({
      files: {
        ...world.files,
        replace: (path, bytes, mode) => (path.endsWith('status.json') ? full(path) : world.files.replace(path, bytes, mode)),
      },
    });
    expect(await outcome(joinNode(broken, { ...none, directory }))).toBe('ERR_REPLY_REFUSED');
    server.intercept = undefined;
  });

  test('a trust report that is not taken undoes nothing', async () => {
    const directory = await packaged();
    const warnings: string[] = [];
    server.intercept = (handler, request) =>
      request.path === '/v1/trust-report' ? Promise.resolve({ status: 403, headers: {}, body: '' }) : handler(request);
    expect((await run(directory, { onWarning: (message) => warnings.push(message) })).state).toBe('joined');
    server.intercept = undefined;
    expect(warnings).toEqual([expect.stringMatching(/^the trust report was not taken/)]);
  });
});

test('a node without trust has no client', async () => {
  const { directory, remove } = nodePlace();
  places.push({ remove });
  const client = await nodeClient(world, { directory, urls: [server.url] });
  expect(await outcome(client.status())).toBe('ERR_NODE_NOT_JOINED');
  await client.close();
  expect(await outcome(nodeClient(world, { directory }))).toBe('ERR_NODE_NO_URL');
});

describe('what a join goes by', () => {
  const PIN = `sha256:${'ab'.repeat(32)}` as Pin;
  const DIGEST = 'cd'.repeat(32) as Digest;
  const digests = { 'control-plane-https': DIGEST, 'node-cert-lifecycle': DIGEST };
  const plan = async (
    claims: JsonObject,
    wishes: Partial<JoinWishes> = {},
    onboarding?: Onboarding,
    known?: { kind: 'anchors'; pem(): Promise<string> },
  ) => planJoin({ wishes: { ...none, ...wishes }, onboarding, known, token: new Secret(await tokenWith(claims)) });
  const full = { urls: ['https://boot.lab.example'], pins: [PIN], trust: digests };

  test('a token that says everything', async () => {
    expect(await plan({ ...full, node: 'n1', env: 'lab' })).toEqual({
      urls: ['https://boot.lab.example'],
      trust: { kind: 'pin', pin: { kind: 'key', pins: [PIN] } },
      firstDigests: digests,
      cluster: 'prod',
      role: 'worker',
      node: 'n1',
      environment: { environment_name: 'lab' },
    });
  });

  test('flags count before the package, the package before the token', async () => {
    const onboarding = onboardingWith({ node: 'n1' });
    const known = { kind: 'anchors', pem: () => Promise.resolve('') } as const;
    const byPackage = await plan({ ...full, node: 'n1' }, {}, onboarding, known);
    expect(byPackage.trust).toBe(known);
    expect(byPackage.urls).toEqual(onboarding.join_urls);
    expect(byPackage.environment).toEqual({ environment_name: 'platform_control', environment_domain: 'control.example.internal' });
    const flags = { urls: ['https://other.example'], pins: [`sha256:${'ef'.repeat(32)}` as Pin], role: 'worker', node: 'n1' };
    const byFlags = await plan({ ...full, node: 'n1' }, flags, onboarding, known);
    expect(byFlags.urls).toEqual(['https://other.example']);
    expect(byFlags.trust).toEqual({ kind: 'pin', pin: { kind: 'key', pins: flags.pins } });
  });

  test('without a pin the digest of the first manifest; of several clusters none is chosen', async () => {
    const several = await plan({ urls: full.urls, trust: digests, aud: ['prod', 'edge'] });
    expect(several).toMatchObject({ trust: { kind: 'manifest', digest: DIGEST }, cluster: undefined });
    expect((await plan({ ...full, aud: ['prod', 'edge'] }, { cluster: 'edge' })).cluster).toBe('edge');
  });

  test('a token of another dialect says nothing of itself', () => {
    const token = new Secret('abcdef.0123456789abcdef');
    const wishes = { ...none, urls: full.urls, trustDigests: digests };
    expect(planJoin({ wishes, onboarding: undefined, known: undefined, token })).toMatchObject({
      cluster: undefined,
      role: undefined,
      node: undefined,
    });
  });

  test.each<[string, JsonObject, Partial<JoinWishes>, string]>([
    ['no server', { pins: [PIN], trust: digests }, {}, 'ERR_NODE_NO_URL'],
    ['no trust for node certificates', { ...full, trust: { 'control-plane-https': DIGEST } }, {}, 'ERR_TRUST_FIRST_DIGEST'],
    ['nothing that proves the server', { urls: full.urls, trust: { 'node-cert-lifecycle': DIGEST } }, {}, 'ERR_PIN_NONE'],
    ['another cluster', full, { cluster: 'edge' }, 'ERR_TOKEN_AUDIENCE'],
    ['another node', { ...full, node: 'n1' }, { node: 'n2' }, 'ERR_TOKEN_NODE'],
  ])('%s is refused before anything is sent', async (_what, claims, wishes, code) => {
    expect(await outcome(plan(claims, wishes))).toBe(code);
  });
});

test('a revocation reaches a watching control plane within a second', async () => {
  const [watcher, victim] = [await packaged(), await packaged({ node: 'victim' }, await server.mint({ node: 'victim' }))];
  await run(watcher);
  await run(victim);
  const client = await nodeClient(world, { directory: watcher });
  const controller = new AbortController();
  const seen = (async () => {
    for await (const entry of client.watchRevocations({ signal: controller.signal })) return { entry, at: performance.now() };
    return undefined;
  })();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { serial } = JSON.parse(readFileSync(`${victim}/identity/current/meta.json`, 'utf8')) as { serial: string };
  const start = performance.now();
  await revokeCertificate(server.realm, { serial, reason: 'keyCompromise' });
  const found = await seen;
  controller.abort();
  await client.close();
  expect(found?.entry).toMatchObject({ serial, node: 'victim', cluster: 'prod' });
  expect((found?.at ?? Infinity) - start).toBeLessThan(PROMPT_MS);
});

test('hints name what the plan needs', async () => {
  const { trustDigests } = await joinHints(server.realm, 'prod');
  expect(Object.keys(trustDigests)).toEqual([...PURPOSES]);
});
