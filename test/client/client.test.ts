import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { clientWorld } from '../../src/bootstrap-client.ts';
import { type BootstrapClientOptions, createClient } from '../../src/client/client.ts';
import { parseEndpoint } from '../../src/client/endpoint.ts';
import { askInTurn } from '../../src/client/retry.ts';
import type { ServerTrust } from '../../src/client/server-trust.ts';
import type { ClientWorld } from '../../src/client/world.ts';
import { toPem } from '../../src/core/encoding.ts';
import { type ErrorCode, JoineryError } from '../../src/core/errors.ts';
import { problemOf } from '../../src/core/join/problem.ts';
import { OID } from '../../src/core/x509/oids.ts';
import type { Authority } from '../core/x509/make.ts';
import { type Asked, type Script, type ScriptedServer, scriptedServer, sendJson } from '../fakes/scripted-server.ts';
import { type Identity, identity, LOCALHOST } from '../fakes/tls-server.ts';

vi.setConfig({ testTimeout: 15_000 });

const CA = { ca: true, notAfter: '2040-01-01T00:00:00Z' } as const;
const LEAF = { names: LOCALHOST, notAfter: '2040-01-01T00:00:00Z' } as const;
const root = identity({ ...CA, name: 'genuine root' });
const intermediate = identity({ ...CA, name: 'intermediate', issuer: root });
const impostor = identity({ ...CA, name: 'genuine root' });
const leaf = identity({ ...LEAF, issuer: root });
const pemOf = ({ certificate }: Authority): string => toPem('CERTIFICATE', certificate.der);

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function serve(script: Script, shown: Identity = leaf, others: readonly Authority[] = [root]): Promise<ScriptedServer> {
  const server = await scriptedServer(shown, others, script);
  open.push(server);
  return server;
}

/** Does not wait between attempts, and remembers how long it would have. */
function worldWithoutPauses(): ClientWorld & { readonly pauses: number[] } {
  const pauses: number[] = [];
  const sleep = (ms: number): Promise<void> => Promise.resolve(void pauses.push(ms));
  return { ...clientWorld, pauses, timer: { elapsed: () => performance.now(), sleep } };
}

const anchored: ServerTrust = { kind: 'anchors', pem: () => Promise.resolve(pemOf(root)) };

function clientOf(urls: readonly string[], changes: Partial<BootstrapClientOptions> = {}, world: ClientWorld = worldWithoutPauses()) {
  const client = createClient(world, { urls, trust: anchored, timeoutMs: 5000, ...changes });
  open.push(client);
  return client;
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof JoineryError ? error.code : String(error)),
  );
const NO_CA = { anchors: [] };
const ca: Script = (asked) => sendJson(asked, 200, NO_CA);
const join = { token: 'secret-token', csr: 'csr' };

describe('a man in the middle', () => {
  const posing = identity({ ...LEAF, issuer: root, purposes: [OID.clientAuth] });
  const foreign = identity({ issuer: root, names: [{ kind: 'dns', value: 'elsewhere.example' }], notAfter: LEAF.notAfter });
  const expired = identity({ ...LEAF, issuer: root, notBefore: '2020-01-01T00:00:00Z', notAfter: '2021-01-01T00:00:00Z' });
  const attacker = identity({ ...LEAF, issuer: impostor, without: [OID.authorityKeyIdentifier] });
  const deepLeaf = identity({ ...LEAF, issuer: intermediate });
  const below = identity({ ...LEAF, issuer: leaf });

  /** FACTS, "Pinning and TLS": what the server sends, what is pinned, and what the client says by a pin, by a fingerprint and by anchors. */
  const CHAINS: [string, Identity, Authority[], Authority, string, string][] = [
    ['leaf + pinned root', leaf, [root], root, 'accepted', 'accepted'],
    ['leaf + intermediate + pinned root', deepLeaf, [intermediate, root], root, 'accepted', 'accepted'],
    ['leaf only, root not sent', leaf, [], root, 'ERR_PIN_NOT_SHOWN', 'accepted'],
    ['[attacker leaf of the same issuer name, genuine CA]', attacker, [root], root, 'ERR_PIN_PATH', 'ERR_PIN_PATH'],
    ['an enrolled node’s clientAuth certificate', posing, [root], root, 'ERR_PIN_PATH', 'ERR_PIN_PATH'],
    ['another name', foreign, [root], root, 'ERR_PIN_PATH', 'ERR_PIN_PATH'],
    ['expired', expired, [root], root, 'ERR_PIN_PATH', 'ERR_PIN_PATH'],
    ['pinned leaf used as CA', below, [leaf, root], leaf, 'ERR_PIN_NOT_ANCHOR', 'ERR_TRUST_NOT_ANCHOR'],
  ];

  test.each(CHAINS)('%s', async (_what, shown, others, pinned, byPin, byAnchors) => {
    const server = await serve(ca, shown, others);
    const { fingerprint, pin } = pinned.certificate;
    const trusts: [ServerTrust, string][] = [
      [{ kind: 'pin', pin: { kind: 'key', pins: [pin] } }, byPin],
      [{ kind: 'pin', pin: { kind: 'certificate', fingerprint } }, byPin],
      [{ kind: 'anchors', pem: () => Promise.resolve(pemOf(pinned)) }, byAnchors],
    ];
    for (const [trust, expected] of trusts) {
      const client = clientOf([server.url], { trust, attempts: 1 });
      expect(await codeOf(client.status())).toBe(expected);
      expect(await codeOf(client.join(join))).toBe(expected === 'accepted' ? 'ERR_REPLY_MALFORMED' : expected);
    }
    // Whoever was refused has not seen a byte of any request.
    const accepted = [byPin, byPin, byAnchors].filter((code) => code === 'accepted').length;
    expect(server.asked.length).toBe(accepted * 2);
  });

  test('who comes first in the list of servers does not keep a client from the right one', async () => {
    const wrong = await serve(ca, attacker, [root]);
    const right = await serve(ca);
    expect(await codeOf(clientOf([wrong.url, right.url]).status())).toBe('accepted');
    expect(wrong.asked).toEqual([]);
  });
});

describe('what a server answers', () => {
  const answers = async (script: Script, changes: Partial<BootstrapClientOptions> = {}): Promise<JoineryError> => {
    const server = await serve(script);
    const error: unknown = await clientOf([server.url], { attempts: 1, ...changes })
      .join(join)
      .catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(JoineryError);
    expect(JSON.stringify([error, (error as JoineryError).message])).not.toContain('secret-token');
    return error as JoineryError;
  };
  const problem =
    (code: ErrorCode, headers: Record<string, string> = {}): Script =>
    (asked) => {
      const document = problemOf(new JoineryError(code, 'what it says', { hint: 'what to do' }), { correlationId: 'c-1' });
      sendJson(asked, document.status, document, { 'content-type': 'application/problem+json', ...headers });
    };

  test('a problem gives the same code, message, hint and correlation id as on the server', async () => {
    const error = await answers(problem('ERR_TOKEN_EXPIRED'));
    expect(error).toMatchObject({ code: 'ERR_TOKEN_EXPIRED', message: 'what it says', hint: 'what to do' });
    expect(error.details).toEqual({ correlation_id: 'c-1', status: 410 });
  });

  test.each<[string, Script, string, RegExp]>([
    ['a redirect', (asked) => sendJson(asked, 307, {}, { location: 'https://evil.example' }), 'ERR_REPLY_REDIRECT', /redirect/],
    ['a bug of the server', problem('ERR_INTERNAL'), 'ERR_REPLY_FAILED', /correlation id c-1/],
    [
      'a code of a later release',
      (asked) => sendJson(asked, 403, { code: 'ERR_NEW', detail: 'x', correlation_id: 'c' }),
      'ERR_REPLY_REFUSED',
      /"x" \(correlation id c\)/,
    ],
    [
      'OmniRelay’s form',
      (asked) => sendJson(asked, 400, { code: 'error.validation', message: 'Token expired.' }),
      'ERR_REPLY_REFUSED',
      /Token expired/,
    ],
    [
      'a page of a proxy',
      ({ response }) => void response.writeHead(502, { 'content-type': 'text/html' }).end('<p>'),
      'ERR_REPLY_FAILED',
      /502/,
    ],
    [
      'another type',
      ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      'ERR_REPLY_MALFORMED',
      /another type/,
    ],
    ['no type', ({ response }) => void response.writeHead(200).end('{}'), 'ERR_REPLY_MALFORMED', /no content type/],
    [
      'half a document',
      ({ response }) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":'),
      'ERR_REPLY_MALFORMED',
      /./,
    ],
    ['an array', (asked) => sendJson(asked, 403, []), 'ERR_REPLY_REFUSED', /403/],
    ['another document', (asked) => sendJson(asked, 200, { a: 1 }), 'ERR_REPLY_MALFORMED', /reply/],
  ])('%s', async (_what, script, code, message) => {
    const error = await answers(script);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test('an object is what OmniRelay answers', async () => {
    const server = await serve((asked) => sendJson(asked, 200, { clusterId: 'x' }));
    expect(await clientOf([server.url]).joinOmnirelay({ token: 't' })).toEqual({ clusterId: 'x' });
    expect(server.asked[0]).toMatchObject({ path: '/omnirelay/bootstrap/join', body: '{"token":"t"}' });
    const wrong = await serve((asked) => sendJson(asked, 200, []));
    expect(await codeOf(clientOf([wrong.url]).joinOmnirelay({ token: 't' }))).toBe('ERR_REPLY_MALFORMED');
  });
});

test('whatever a server answers, the client gives a coded error in time, and says nothing of the token', async () => {
  let answer = { status: 200, type: 'application/json', body: Buffer.alloc(0), length: true };
  const server = await serve(({ response }) => {
    const headers = { 'content-type': answer.type, ...(answer.length && { 'content-length': String(answer.body.length) }) };
    response.writeHead(answer.status, headers);
    response.end(answer.body);
  });
  const client = clientOf([server.url], { attempts: 1 });
  const problem = fc.record({
    code: fc.constantFrom('ERR_TOKEN_EXPIRED', 'ERR_X', 7),
    detail: fc.string(),
    status: fc.integer(),
    correlation_id: fc.string(),
  });
  const body = fc.oneof(
    fc.json(),
    problem.map((value) => JSON.stringify(value)),
    fc.string(),
  );
  const answers = fc.record({
    status: fc.constantFrom(200, 201, 204, 301, 304, 400, 401, 403, 410, 418, 429, 500, 503),
    type: fc.constantFrom('application/json', 'application/problem+json; x=y', 'text/html', ''),
    body: fc.oneof(
      body.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    ),
    length: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(answers, async (next) => {
      answer = next;
      const error: unknown = await client.join(join).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(JoineryError);
      const { code, message } = error as JoineryError;
      expect(code).not.toBe('ERR_INTERNAL');
      expect(message).not.toContain('secret-token');
    }),
    { numRuns: 300 },
  );
});

describe('attempts', () => {
  /** Fails as it is told, then answers. */
  const failing = (...scripts: readonly Script[]): Script => {
    const left = [...scripts];
    return (asked) => (left.shift() ?? ca)(asked);
  };
  const status =
    (code: number, headers: Record<string, string> = {}): Script =>
    (asked) =>
      sendJson(asked, code, {}, headers);
  const cut: Script = ({ session }: Asked) => session?.destroy();

  test('again where that is safe: broken connections, 5xx; at the pace that the server asks for', async () => {
    const world = worldWithoutPauses();
    const server = await serve(failing(cut, status(503, { 'retry-after': '2' }), status(502)));
    const changes = { timeoutMs: 60_000 };
    expect(await codeOf(clientOf([server.url], changes, world).status())).toBe('accepted');
    expect(server.asked.length).toBe(4);
    expect(world.pauses.length).toBe(3);
    expect(world.pauses[1]).toBeGreaterThanOrEqual(2000);
    expect(world.pauses[0]).toBeLessThan(200);
  });

  test('each request of a call has the same correlation id and the same bytes', async () => {
    const server = await serve(failing(status(503), status(503)));
    await codeOf(clientOf([server.url]).join(join));
    expect(new Set(server.asked.map(({ headers }) => headers['x-correlation-id'])).size).toBe(1);
    expect(new Set(server.asked.map(({ body }) => body))).toEqual(new Set(['{"csr":"csr","token":"secret-token"}']));
  });

  test('not twice where it is unknown what the first time did', async () => {
    const server = await serve(failing(cut));
    const mint = { cluster: 'prod', role: 'worker' };
    expect(await codeOf(clientOf([server.url]).mintToken(mint))).toBe('ERR_REPLY_TRUNCATED');
    expect(server.asked.length).toBe(1);
    const failed = await serve(failing(status(500)));
    expect(await codeOf(clientOf([failed.url]).mintToken(mint))).toBe('ERR_REPLY_FAILED');
    expect(failed.asked.length).toBe(1);
  });

  test('never after a refusal', async () => {
    const server = await serve(status(403));
    expect(await codeOf(clientOf([server.url, server.url]).status())).toBe('ERR_REPLY_REFUSED');
    expect(server.asked.length).toBe(1);
  });

  test('the next server when one is down, in order', async () => {
    const down = await serve(ca);
    await down.close();
    const up = await serve(ca);
    const client = clientOf([down.url, up.url]);
    expect((await client.status()).url).toBe(up.url);
  });

  test('when all are down, until the attempts or the time are over', async () => {
    const down = await serve(ca);
    await down.close();
    const world = worldWithoutPauses();
    expect(await codeOf(clientOf([down.url], { attempts: 3 }, world).status())).toBe('ERR_SERVER_UNREACHABLE');
    expect(world.pauses.length).toBe(2);
    expect(await codeOf(clientOf([down.url], { timeoutMs: 1 }, world).status())).toMatch(/ERR_SERVER_UNREACHABLE|ERR_REPLY_TIMEOUT/);
    expect(world.pauses.length).toBe(2);
  });

  test('a refusal of one server says more than the failure of another', async () => {
    const fail = (code: ErrorCode) => Promise.reject(new JoineryError(code, code));
    const attempts = { safe: true, timeoutMs: 1000, rounds: 1 };
    const asked: ErrorCode[] = [];
    const noting = (code: ErrorCode) => {
      asked.push(code);
      return fail(code);
    };
    for (const own of ['ERR_FILE_ACCESS', 'ERR_NODE_NOT_JOINED'] as const) {
      expect(await codeOf(askInTurn(worldWithoutPauses(), [own, 'ERR_PIN_PATH'], attempts, noting))).toBe(own);
    }
    expect(asked).toEqual(['ERR_FILE_ACCESS', 'ERR_NODE_NOT_JOINED']);
    const trust: ErrorCode[] = ['ERR_TRUST_FIRST_DIGEST', 'ERR_SERVER_UNREACHABLE'];
    expect(await codeOf(askInTurn(worldWithoutPauses(), trust, attempts, noting))).toBe('ERR_TRUST_FIRST_DIGEST');
    expect(asked.length).toBe(4);
    const codes: ErrorCode[] = ['ERR_SERVER_UNREACHABLE', 'ERR_PIN_PATH', 'ERR_SERVER_UNREACHABLE'];
    expect(await codeOf(askInTurn(worldWithoutPauses(), codes, attempts, fail))).toBe('ERR_PIN_PATH');
    const bug = askInTurn(worldWithoutPauses(), codes, attempts, () => Promise.reject(new TypeError('a bug')));
    await expect(bug).rejects.toThrow(TypeError);
  });

  test('whoever gives up is not kept waiting', async () => {
    const server = await serve(() => undefined);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    expect(await codeOf(clientOf([server.url]).status({ signal: controller.signal }))).toBe('ERR_INTERRUPTED');
  });
});

describe('addresses of servers', () => {
  test('are https URLs; what stands for the protocol at their end is dropped', () => {
    expect(parseEndpoint('https://boot.lab.example')).toMatchObject({ base: '', server: { host: 'boot.lab.example', port: 443 } });
    expect(parseEndpoint('https://[::1]:8443/proxy/v1/')).toMatchObject({ base: '/proxy', server: { host: '::1', port: 8443 } });
    expect(parseEndpoint('https://10.0.0.1/v1/join', 'boot')).toMatchObject({ base: '', server: { host: '10.0.0.1', name: 'boot' } });
  });

  test.each(['http://x.example', 'https://u:p@x.example', 'https://x.example?q', 'https://x.example#f', 'x', ''])(
    '%s is refused',
    (url) => {
      expect(() => parseEndpoint(url)).toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
    },
  );

  test('no address is an error of its own', () => {
    expect(() => clientOf([])).toThrow(expect.objectContaining({ code: 'ERR_NODE_NO_URL' }));
  });
});

describe('revocations as they come', () => {
  const entry = (seq: number) => ({ serial: '0a', revoked_at: '2026-11-22T10:00:00Z', reason: 'keyCompromise', seq });

  test('each once and in order, through failures, until the caller has enough', async () => {
    const pages = [
      { status: 200, body: { revocations: [entry(1), entry(2)], next: 2 } },
      { status: 200, body: { revocations: [entry(2), entry(3)], next: 3 } },
      { status: 503, body: {} },
      { status: 200, body: { revocations: [], next: 3 } },
      { status: 200, body: { revocations: [entry(4)], next: 4 } },
    ];
    const server = await serve((asked) => {
      const { status, body } = pages.shift() ?? { status: 200, body: { revocations: [], next: 4 } };
      sendJson(asked, status, body);
    });
    const failures: unknown[] = [];
    const controller = new AbortController();
    const seen: number[] = [];
    const client = clientOf([server.url], { attempts: 1 });
    for await (const { seq } of client.watchRevocations({
      since: 0,
      signal: controller.signal,
      onFailure: (error) => failures.push(error),
    })) {
      seen.push(seq);
      if (seq === 4) controller.abort();
    }
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(failures).toEqual([expect.objectContaining({ code: 'ERR_REPLY_FAILED' })]);
    expect(server.asked.map(({ path }) => path).slice(0, 3)).toEqual(['0', '2', '3'].map((since) => `/v1/revocations?since=${since}`));
  });

  test('a refusal ends the watch, and giving up during a question is no error', async () => {
    const refused = await serve((asked) => sendJson(asked, 403, {}));
    await expect(clientOf([refused.url]).watchRevocations().next()).rejects.toMatchObject({ code: 'ERR_REPLY_REFUSED' });
    const silent = await serve(() => undefined);
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    expect(await clientOf([silent.url]).watchRevocations({ signal: controller.signal }).next()).toEqual({ value: undefined, done: true });
  });
});
