import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { joinNode, type JoinNodeInput } from '../../src/client/join-node.ts';
import { nodeClient } from '../../src/client/node-client.ts';
import { renewNode } from '../../src/client/renew-node.ts';
import { nodeStatus } from '../../src/app/node-status.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { ServerResponse } from '../../src/core/join/http.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Pin } from '../../src/core/digest.ts';
import { type JoinServer, joinServer, nodeClientWorld, nodePlace } from '../fakes/join-server.ts';

vi.setConfig({ testTimeout: 20_000, hookTimeout: 30_000 });

let server: JoinServer;
beforeAll(async () => {
  server = await joinServer();
});
afterAll(() => server.close());

const places: { remove(): void }[] = [];
afterEach(() => {
  server.intercept = undefined;
  for (const place of places.splice(0)) place.remove();
});
function place(): string {
  const made = nodePlace();
  places.push(made);
  return made.directory;
}

const world = nodeClientWorld();
const none = { urls: [], pins: [], trustDigests: {} } as const;
const input = (directory: string, token: string, changes: Partial<JoinNodeInput> = {}): JoinNodeInput => ({
  ...none,
  directory,
  token: () => Promise.resolve(new Secret(token)),
  timeoutMs: 5000,
  ...changes,
});
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof JoineryError ? error.code : String(error)),
  );
const full = (changes = {}) => server.mint({ urls: [server.url], pins: [server.pin as Pin], ...changes });
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('a join by a token alone', () => {
  test('installs key, certificate, chain and trust, and is safe to run twice', async () => {
    const directory = place();
    const warnings: string[] = [];
    const token = await full();
    const result = await joinNode(world, input(directory, token, { onWarning: (message) => warnings.push(message) }));
    expect(result.state).toBe('joined');
    expect(warnings).toEqual([]);
    expect(readlinkSync(`${directory}/identity/current`)).toBe('gen-1');
    expect(readdirSync(`${directory}/identity/gen-1`).sort()).toEqual(['chain.crt', 'meta.json', 'node.crt', 'node.key']);
    expect(mode(`${directory}/identity/current/node.key`)).toBe('600');
    expect(readdirSync(`${directory}/pending`)).toEqual([]);
    expect(JSON.parse(readFileSync(`${directory}/status.json`, 'utf8'))).toMatchObject({ operation: 'join', result: 'ok', generation: 1 });
    expect(JSON.parse(readFileSync(`${directory}/onboarding.json`, 'utf8'))).toMatchObject({ cluster: 'prod', role: 'worker', directory });
    expect(readFileSync(`${directory}/joinery.env`, 'utf8')).toContain(`JOINERY_JOIN_URLS='${server.url}'`);
    const status = await nodeStatus(world, directory);
    expect(status.checks.map(({ check, result: how }) => `${check} ${how}`)).toEqual([
      'identity ok',
      'certificate ok',
      'renewal ok',
      'path ok',
      'control-plane-https ok',
      'node-cert-lifecycle ok',
      'token ok',
    ]);
    expect((await joinNode(world, input(directory, token))).state).toBe('already-joined');
  });

  test('without a pin, by the digest of the first manifest in the token', async () => {
    const directory = place();
    expect(await outcome(joinNode(world, input(directory, await server.mint({ urls: [server.url] }))))).toBe('accepted');
  });

  test('a lost reply is asked for again with the same key, in the same run and in the next', async () => {
    const directory = place();
    const token = await full();
    let lost = 0;
    server.intercept = async (handler, request) => {
      const response = await handler(request);
      if (request.path === '/v1/join' && lost < 2) {
        lost += 1;
        return { status: 502, headers: { 'content-type': 'text/plain' }, body: 'gateway' };
      }
      return response;
    };
    const once = nodeClientWorld({ timer: { elapsed: () => performance.now(), sleep: () => Promise.resolve() } });
    expect(await outcome(joinNode(once, input(directory, token)))).toBe('accepted');
    expect(lost).toBe(2);
  });

  test('a join that failed is finished by the next run with the key that was sent', async () => {
    const directory = place();
    const token = await full();
    server.intercept = async (handler, request) => {
      await handler(request);
      return { status: 400, headers: {}, body: '' };
    };
    expect(await outcome(joinNode(world, input(directory, token)))).toBe('ERR_REPLY_REFUSED');
    expect(JSON.parse(readFileSync(`${directory}/status.json`, 'utf8'))).toMatchObject({ result: 'failed', code: 'ERR_REPLY_REFUSED' });
    expect(existsSync(`${directory}/pending/node.key`)).toBe(true);
    server.intercept = undefined;
    expect(await outcome(joinNode(world, input(directory, token)))).toBe('accepted');
    const other = place();
    expect(await outcome(joinNode(world, input(other, token)))).toBe('ERR_TOKEN_REPLAYED');
  });

  test('the token file is removed, unless it is to be kept', async () => {
    for (const keepToken of [false, true]) {
      const directory = place();
      const tokenFile = `${directory}-token`;
      writeFileSync(tokenFile, await full());
      await joinNode(world, input(directory, readFileSync(tokenFile, 'utf8'), { tokenFile, keepToken }));
      expect(existsSync(tokenFile)).toBe(keepToken);
    }
  });
});

describe('a reply that is not what was asked for changes nothing', () => {
  const changed = async (change: (reply: Record<string, unknown>) => void, token?: string): Promise<string> => {
    const directory = place();
    server.intercept = async (handler, request) => {
      const response = await handler(request);
      if (request.path !== '/v1/join') return response;
      const reply = JSON.parse(response.body as string) as Record<string, unknown>;
      change(reply);
      return { ...response, body: JSON.stringify(reply) } as ServerResponse;
    };
    const result = await outcome(joinNode(world, input(directory, token ?? (await full()))));
    expect(existsSync(`${directory}/identity`)).toBe(false);
    expect(existsSync(`${directory}/trust`)).toBe(false);
    return result;
  };

  test.each<[string, (reply: Record<string, unknown>) => void, string]>([
    ['another role', (reply) => (reply['role'] = 'control-plane'), 'ERR_REPLY_IDENTITY'],
    ['another cluster', (reply) => (reply['cluster'] = 'Edge'), 'ERR_REPLY_IDENTITY'],
    ['another identity', (reply) => (reply['identity'] = 'spiffe://elsewhere/x'), 'ERR_REPLY_IDENTITY'],
    ['another end', (reply) => (reply['expires_at'] = '2030-01-01T00:00:00Z'), 'ERR_REPLY_VALIDITY'],
    ['no certificate', (reply) => (reply['certificate_pem'] = 'none'), 'ERR_REPLY_MALFORMED'],
    ['no chain', (reply) => (reply['chain_pem'] = ''), 'ERR_REPLY_UNTRUSTED'],
    ['a member too many', (reply) => (reply['more'] = 1), 'ERR_REPLY_MALFORMED'],
  ])('%s', async (_what, change, code) => {
    expect(await changed(change)).toBe(code);
  });

  test('trust that the digests do not name', async () => {
    const trust = { trustDigests: { 'node-cert-lifecycle': 'ab'.repeat(32) } };
    const directory = place();
    expect(await outcome(joinNode(world, input(directory, await full(), trust as never)))).toBe('ERR_TRUST_FIRST_DIGEST');
    expect(existsSync(`${directory}/identity`)).toBe(false);
  });
});

describe('a renewal', () => {
  test('switches to a new key and certificate of the same identity', async () => {
    const directory = place();
    await joinNode(world, input(directory, await full({ node: 'renewing' })));
    expect(await renewNode(world, { directory, ifDue: true })).toMatchObject({ state: 'not-due' });
    const before = readFileSync(`${directory}/identity/current/node.key`, 'utf8');
    const renewed = await renewNode(world, { directory });
    expect(renewed).toMatchObject({ state: 'renewed', generation: 2 });
    expect(readFileSync(`${directory}/identity/current/node.key`, 'utf8')).not.toBe(before);
    expect(readdirSync(`${directory}/identity`).sort()).toEqual(['current', 'gen-1', 'gen-2']);
    await renewNode(world, { directory });
    expect(readdirSync(`${directory}/identity`).sort()).toEqual(['current', 'gen-2', 'gen-3']);
  });

  test('whose reply was lost is asked for again with the same key', async () => {
    const directory = place();
    await joinNode(world, input(directory, await full({ node: 'unlucky' })));
    server.intercept = async (handler, request) => {
      const response = await handler(request);
      return request.path === '/v1/renew' ? { status: 403, headers: {}, body: '' } : response;
    };
    expect(await outcome(renewNode(world, { directory }))).toBe('ERR_REPLY_REFUSED');
    server.intercept = undefined;
    expect(await renewNode(world, { directory })).toMatchObject({ state: 'renewed', generation: 2 });
  });

  test('needs an identity', async () => {
    expect(await outcome(renewNode(world, { directory: place() }))).toBe('ERR_NODE_NOT_JOINED');
  });
});

test('a joined node asks for peers, trust and revocations, and reports its trust', async () => {
  const directory = place();
  await joinNode(world, input(directory, await full({ node: 'asking' })));
  const client = await nodeClient(world, { directory });
  const { value, etag } = await client.peers();
  expect(value?.nodes.find(({ node }) => node === 'asking')?.trust?.['node-cert-lifecycle']?.version).toBe(1);
  expect(await client.peers({ etag })).toEqual({ etag, value: undefined });
  expect((await client.trust('node-cert-lifecycle')).length).toBe(1);
  expect((await client.status()).ca.anchors.length).toBe(2);
  expect(await client.revocations(0)).toMatchObject({ revocations: [] });
  await client.close();
});

describe('several runs at once on one directory', () => {
  const TOLD = ['joined', 'already-joined', 'renewed', 'not-due'];
  const stateOf = (work: Promise<{ readonly state: string }>): Promise<string> =>
    work.then(
      ({ state }) => state,
      (error: unknown) => (error instanceof JoineryError ? error.code : String(error)),
    );

  test('go on with one key: no replay, no second key, and an identity that is whole', async () => {
    const directory = place();
    const token = await full({ node: 'busy' });
    const alerts = server.watched.alerts.length;
    const joins = await Promise.all(Array.from({ length: 4 }, () => stateOf(joinNode(world, input(directory, token)))));
    expect(joins.filter((state) => !TOLD.includes(state))).toEqual([]);
    expect(joins).toContain('joined');
    for (let round = 0; round < 3; round++) {
      const renewals = await Promise.all(Array.from({ length: 4 }, () => stateOf(renewNode(world, { directory }))));
      expect(renewals.filter((state) => !TOLD.includes(state))).toEqual([]);
      expect(renewals).toContain('renewed');
    }
    expect((await nodeStatus(world, directory)).ok).toBe(true);
    expect(server.watched.alerts.slice(alerts)).toEqual([]);
  });

  test('a join does not forget the key of a renewal', async () => {
    const directory = place();
    const token = await full({ node: 'calm' });
    await joinNode(world, input(directory, token));
    server.intercept = async (handler, request) => {
      const response = await handler(request);
      return request.path === '/v1/renew' ? { status: 403, headers: {}, body: '' } : response;
    };
    await outcome(renewNode(world, { directory }));
    server.intercept = undefined;
    expect((await joinNode(world, input(directory, token))).state).toBe('already-joined');
    expect(await renewNode(world, { directory })).toMatchObject({ state: 'renewed', generation: 2 });
  });
});
