/**
 * A fleet in three regions, each with a server of the same realm, while others send forged, replayed and oversized requests; then a
 * part of it is revoked. Clients, attackers and servers share one machine: what is held is a ratio, and what is printed is what it was.
 */
import { once } from 'node:events';
import { type ClientHttp2Session, connect, type SecureClientSessionOptions } from 'node:http2';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BootstrapClient } from '../../src/client/client.ts';
import { isJoineryError } from '../../src/core/errors.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import { clientOf, newNode, serverStart, type StartedServer, type TestNode, type TestRealm, testRealm } from '../feature/server-world.ts';

const NODES = 500;
const REGIONS = ['eu', 'us', 'ap'] as const;
const REVOKED = 20;
/** Requests of healthy nodes at the same time. */
const HEALTHY_AT_ONCE = 12;
/** Of each kind of hostile request, at the same time, in each region. */
const HOSTILE_AT_ONCE = 2;
/** Nothing healthy may take longer among attackers than so many times what it took without them, at the same percentile. */
const RATIO = 10;
/** Of a machine that does other things, too. */
const GRACE_MS = 100;
const EVICTION_MS = 1000;
const KINDS = ['forged', 'replayed', 'oversized'] as const;

interface Live {
  readonly name: string;
  readonly region: number;
  readonly node: TestNode;
  readonly reply: JoinReply;
  readonly client: BootstrapClient;
}

let realm: TestRealm;
let servers: readonly StartedServer[] = [];
const fleet: Live[] = [];
const tokens: string[] = [];

beforeAll(async () => {
  realm = await testRealm();
  realm.configure((config) => {
    // The attackers come from addresses of their own and are held by the limits; a whole region of nodes comes from one.
    const limits = { per_address: 20_000, per_token: 10_000 };
    Object.assign(config['server'] as object, { limits });
  });
  const started = await Promise.allSettled(REGIONS.map(() => serverStart.start(realm)));
  // Those that started are stopped even where another did not.
  servers = started.flatMap((server) => (server.status === 'fulfilled' ? [server.value] : []));
  expect(started.map(({ status }) => status)).toEqual(REGIONS.map(() => 'fulfilled'));
});
afterAll(async () => {
  for (const { client } of fleet) await client.close();
  for (const server of servers) await server.stop();
  realm.remove();
});

/** Works through a list, so many at once. */
async function each<T>(items: readonly T[], atOnce: number, work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      await work(items[index] as T, index);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function timed(took: number[], work: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await work();
  took.push(performance.now() - started);
}

const at = (took: readonly number[], share: number): number => took.toSorted((a, b) => a - b)[Math.ceil(took.length * share) - 1] ?? 0;
const ms = (value: number): string => `${value.toFixed(1)} ms`;
const line = (took: readonly number[]): string => `p50 ${ms(at(took, 0.5))}, p99 ${ms(at(took, 0.99))}, max ${ms(at(took, 1))}`;

it(`lets ${NODES} nodes in three regions join`, async () => {
  tokens.push(...(await realm.mintMany(NODES)));
  const took: number[] = [];
  await each(tokens, HEALTHY_AT_ONCE, async (token, index) => {
    const [node, region] = [await newNode(), index % REGIONS.length];
    const server = servers[region] as StartedServer;
    const join = clientOf(realm, server);
    const name = `${REGIONS[region] as string}-${index}`;
    let reply: JoinReply | undefined;
    await timed(took, async () => (reply = await join.join({ token, csr: node.csr, node_id: name })));
    await join.close();
    const joined = { node, reply: reply as JoinReply };
    fleet.push({ ...joined, name, region, client: clientOf(realm, server, joined) });
  });
  console.log(`joins, each over its own connection: ${line(took)}`);
  expect(fleet).toHaveLength(NODES);
});

/** What every healthy node does all the time, once each, over its open session. */
async function healthyRound(): Promise<number[]> {
  const took: number[] = [];
  await each(fleet, HEALTHY_AT_ONCE, ({ client }) => timed(took, () => client.revocations(0)));
  return took;
}

/** Sends hostile requests to every region until it is told to stop. @returns how often each kind was answered, and how. */
function attack(): { stop(): Promise<Map<string, number>> } {
  const answers = new Map<string, number>();
  const ending = new AbortController();
  const bodies: Record<(typeof KINDS)[number], (csr: string, turn: number) => string> = {
    forged: (csr, turn) => JSON.stringify({ token: forge(tokens[turn % NODES] as string, turn), csr }),
    replayed: (csr, turn) => JSON.stringify({ token: tokens[turn % NODES], csr }),
    oversized: () => JSON.stringify({ token: 'x'.repeat(300_000) }),
  };
  const send = async (server: StartedServer, kind: (typeof KINDS)[number], address: string): Promise<void> => {
    const { csr } = await newNode();
    let session: ClientHttp2Session | undefined;
    for (let turn = 0; !ending.signal.aborted; turn++) {
      if (session === undefined || session.closed || session.destroyed) session = openFrom(server, address);
      const status = await post(session, bodies[kind](csr, turn));
      answers.set(`${kind} ${status}`, (answers.get(`${kind} ${status}`) ?? 0) + 1);
      // An attacker has a network, too: without this the test would measure its own loop.
      await new Promise((done) => setTimeout(done, 10));
    }
    session?.destroy();
  };
  const running = servers.flatMap((server, region) =>
    KINDS.flatMap((kind, index) => Array.from({ length: HOSTILE_AT_ONCE }, () => send(server, kind, `127.0.${region + 1}.${index + 10}`))),
  );
  return {
    stop: async () => {
      ending.abort();
      await Promise.all(running);
      return answers;
    },
  };
}

/** Another signature under the same words. */
function forge(token: string, turn: number): string {
  const [header, claims, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  bytes[turn % bytes.length] = (bytes[turn % bytes.length] as number) ^ 1;
  return `${header}.${claims}.${bytes.toString('base64url')}`;
}

function openFrom(server: StartedServer, localAddress: string): ClientHttp2Session {
  const options: SecureClientSessionOptions & { readonly localAddress: string } = { ca: realm.webRoot, localAddress };
  return connect(server.url, options).on('error', () => undefined);
}

/** The status, or `cut` where the server ended the stream. */
async function post(session: ClientHttp2Session, body: string): Promise<string> {
  const stream = session.request({ ':method': 'POST', ':path': '/v1/join', 'content-type': 'application/json' });
  stream.on('error', () => undefined).resume();
  stream.end(body);
  const answered = once(stream, 'response').then(([headers]) => String((headers as Record<string, unknown>)[':status']));
  const closed = once(stream, 'close').then(() => 'cut');
  return Promise.race([answered, closed]).catch(() => 'cut');
}

it('delays no healthy node beyond the ratio while it is attacked', async () => {
  await healthyRound();
  const calm = await healthyRound();
  const attackers = attack();
  const attacked: number[] = [];
  for (let round = 0; round < 4; round++) attacked.push(...(await healthyRound()));
  const answers = await attackers.stop();
  console.log(`healthy, calm:     ${line(calm)}`);
  console.log(`healthy, attacked: ${line(attacked)}, ratio ${(at(attacked, 0.99) / at(calm, 0.99)).toFixed(1)} at p99 (at most ${RATIO})`);
  console.log(
    `hostile: ${[...answers]
      .map(([what, count]) => `${what} ${count}`)
      .toSorted()
      .join(', ')}`,
  );
  expect(attacked).toHaveLength(4 * NODES);
  for (const share of [0.5, 0.99]) expect(at(attacked, share)).toBeLessThan(RATIO * at(calm, share) + GRACE_MS);
  // Nobody of them came in.
  expect([...answers.keys()].filter((what) => what.includes(' 2'))).toEqual([]);
  for (const kind of KINDS) expect([...answers.keys()].some((what) => what.startsWith(kind))).toBe(true);
  const alerts = new Map<string, number>();
  for (const server of servers)
    for (const { msg } of server.log())
      if (typeof msg === 'string' && msg.startsWith('alert ')) alerts.set(msg, (alerts.get(msg) ?? 0) + 1);
  console.log(`alerts: ${[...alerts].map(([what, count]) => `${what.slice(6)} ${count}`).join(', ')}`);
  expect(alerts.get('alert replay') ?? 0).toBeGreaterThan(0);
});

it(`puts ${REVOKED} of them out in every region within a second, among attackers, and nobody else`, async () => {
  const lost = fleet.filter((_, index) => index % (NODES / REVOKED) === 0);
  const attackers = attack();
  const took: number[] = [];
  for (const node of lost) {
    const everywhere = servers.map((server) => clientOf(realm, server, node));
    for (const client of everywhere) await client.revocations(0);
    const { revoked } = (await realm.run('revoke', '--node', node.name, '--reason', 'keyCompromise', '--yes')) as {
      revoked: { serials: string[] };
    };
    const since = performance.now();
    expect(revoked.serials).toHaveLength(1);
    await Promise.all(everywhere.map((client) => untilRefused(client)));
    took.push(performance.now() - since);
    for (const client of everywhere) await client.close();
  }
  await attackers.stop();
  console.log(`to evict, from the end of the command to the last region: ${line(took)}`);
  expect(at(took, 1)).toBeLessThan(EVICTION_MS);
  const gone = new Set(lost);
  await each(fleet, HEALTHY_AT_ONCE, async (node) => {
    const works = await node.client.revocations(0).then(
      () => true,
      () => false,
    );
    expect([node.name, works]).toEqual([node.name, !gone.has(node)]);
  });
});

async function untilRefused(client: BootstrapClient): Promise<void> {
  for (;;) {
    try {
      await client.revocations(0);
    } catch (error) {
      if (isJoineryError(error, 'ERR_CERTIFICATE_REVOKED')) return;
    }
  }
}
