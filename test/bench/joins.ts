/** Joins: where the time of one goes, how many there are a second with and without a handshake each, and whether stored nodes cost anything. */
import { sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { systemClock } from '../../src/adapters/clock.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { generatePrivateKey } from '../../src/adapters/signatures.ts';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { systemTimer } from '../../src/adapters/timer.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import type { JoinOutcome } from '../../src/app/join-peer.ts';
import { type JoinService, openJoinService } from '../../src/app/join-service.ts';
import { openPolicies } from '../../src/app/load-policy.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import type { BootstrapClient } from '../../src/client/client.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import type { Store } from '../../src/core/ports.ts';
import { fillJoinRealm, joinRealmParts, peerAt } from '../fakes/join-realm.ts';
import { clientOf, newNode, serverStart, type StartedServer, testRealm } from '../feature/server-world.ts';
import { type Bench, median, percent, perSecond, rate, type Row } from './measure.ts';

/** 1 000 000 takes minutes to fill: ask for it with JOINERY_BENCH_NODES=1000000. */
const LARGEST = Number(process.env['JOINERY_BENCH_NODES'] ?? 100_000);
const JOINS = 400;
const IN_FLIGHT = 64;

interface Request {
  readonly token: string;
  readonly csr: string;
}

/** Runs `work` over all items, so many at once. @returns items a second. */
async function throughput<T>(items: readonly T[], inFlight: number, work: (item: T) => Promise<unknown>): Promise<number> {
  const queue = [...items];
  const start = performance.now();
  const lane = async (): Promise<void> => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (items.length * 1000) / (performance.now() - start);
}

async function csrs(count: number): Promise<readonly string[]> {
  return Promise.all(Array.from({ length: count }, async () => (await newNode()).csr));
}

interface World {
  readonly service: JoinService;
  readonly store: Store;
  readonly outcomes: JoinOutcome[];
  requests(count: number): Promise<readonly Request[]>;
  join(request: Request): Promise<unknown>;
}

async function appWorld(directory: string): Promise<World> {
  const store = await openSqliteStore({ path: join(directory, 'state.db'), create: true });
  const realm = joinRealmParts({ store, clock: systemClock, random: systemRandom });
  await fillJoinRealm(realm);
  const outcomes: JoinOutcome[] = [];
  const policies = await openPolicies(realm, () => Promise.resolve(null));
  const observe = { outcome: (outcome: JoinOutcome) => void outcomes.push(outcome), alert: () => undefined };
  const service = openJoinService(realm, { policies, observe, ticks: () => systemTimer.elapsed() / 1000 });
  return {
    service,
    store,
    outcomes,
    async requests(count) {
      const keys = await csrs(count);
      return Promise.all(
        keys.map(async (csr) => ({ csr, token: (await mintToken(realm, { clusters: ['prod'], role: 'worker' })).token.reveal() })),
      );
    },
    join: (request) => acceptJoin(service, request, peerAt()),
  };
}

/** One at a time: what the steps of one join take, beside what its signatures alone would. */
async function steps({ outcomes, requests, join: enter }: World): Promise<readonly Row[]> {
  await throughput(await requests(100), 1, enter);
  outcomes.length = 0;
  await throughput(await requests(JOINS), 1, enter);
  const mean = (of: (outcome: JoinOutcome) => number | undefined): number =>
    outcomes.reduce((sum, outcome) => sum + (of(outcome) ?? 0), 0) / outcomes.length;
  const total = mean(({ seconds }) => seconds.total);
  const [key, data] = [generatePrivateKey('p256'), Buffer.alloc(500)];
  const signature = sign('sha256', data, key);
  // The token's signature and the request's are verified, the certificate is signed.
  const crypto =
    2 / (await rate(() => verify('sha256', data, key, signature), 500)) + 1 / (await rate(() => sign('sha256', data, key), 500));
  const share = (name: 'verify' | 'policy' | 'sign' | 'commit'): Row => {
    const seconds = mean((outcome) => outcome.seconds[name]);
    return { what: `  of it ${name}`, value: `${(seconds * 1000).toFixed(2)} ms`, limit: '', ratio: percent(seconds / total) };
  };
  return [
    {
      what: 'one join, alone',
      value: `${(total * 1000).toFixed(2)} ms`,
      limit: `${(crypto * 1000).toFixed(2)} ms (its signatures)`,
      ratio: percent(crypto / total),
    },
    ...(['verify', 'policy', 'sign', 'commit'] as const).map(share),
  ];
}

/** Copies of the records of a real node, under other names. */
async function fill(store: Store, from: number, to: number): Promise<void> {
  const prefixes = ['node/prod/', 'node-cert/', 'cert/', 'node-fingerprint/'];
  const samples = await Promise.all(prefixes.map(async (prefix) => (await store.list(prefix, { limit: 1 }))[0]));
  for (let start = from; start < to; start += 250) {
    const writes = Array.from({ length: Math.min(250, to - start) }, (_, index) => {
      const id = (start + index).toString(16).padStart(32, '0');
      return prefixes.map((prefix, at) => ({ key: `${prefix}${id}`, value: samples[at]?.value as JsonObject }));
    }).flat();
    await store.commit({ checks: [], writes, audit: [] });
  }
}

async function inApp(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-bench-'));
  try {
    const world = await appWorld(directory);
    const rows = [...(await steps(world))];
    await round(world);
    let first: number | undefined;
    for (let nodes = 1000, before = 0; nodes <= LARGEST; before = nodes, nodes *= 10) {
      await fill(world.store, before, nodes);
      const reached = median([await round(world), await round(world), await round(world)]);
      first ??= reached;
      rows.push({
        what: `${IN_FLIGHT} at once, ${nodes.toLocaleString('en-US')} nodes stored`,
        value: perSecond(reached),
        limit: perSecond(first),
        ratio: percent(reached / first),
      });
    }
    world.service.close();
    await world.store.close();
    return rows;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function round(world: World): Promise<number> {
  return throughput(await world.requests(JOINS), IN_FLIGHT, world.join);
}

/** Bare handshakes with the server, nothing said in them. */
async function handshakes({ url }: StartedServer, ca: string): Promise<number> {
  const { port } = new URL(url);
  return throughput([...Array.from({ length: JOINS }).keys()], 16, async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca, ALPNProtocols: ['h2'] });
    await once(socket, 'secureConnect');
    socket.destroy();
  });
}

async function overTheWire(): Promise<readonly Row[]> {
  const realm = await testRealm();
  realm.configure((config) => Object.assign(config['server'] as object, { limits: { per_address: 1_000_000, per_token: 1_000_000 } }));
  const server = await serverStart.start(realm);
  try {
    const client = clientOf(realm, server);
    const requests = async (count: number): Promise<readonly Request[]> => {
      const [tokens, keys] = [await realm.mintMany(count), await csrs(count)];
      return keys.map((csr, index) => ({ csr, token: tokens[index] as string }));
    };
    const enter = (one: BootstrapClient) => (request: Request) => one.join(request);
    await throughput(await requests(50), 16, enter(client));
    const open = await throughput(await requests(JOINS), 32, enter(client));
    const each = await throughput(await requests(JOINS), 16, async (request) => {
      const own = clientOf(realm, server);
      await own.join(request);
      await own.close();
    });
    const bare = await handshakes(server, realm.webRoot);
    await client.close();
    return [
      { what: 'REST on one open session', value: perSecond(open) },
      {
        what: 'REST, a full TLS handshake each',
        value: perSecond(each),
        limit: `${perSecond(bare)} (handshakes alone)`,
        ratio: percent(each / bare),
      },
    ];
  } finally {
    await server.stop();
    realm.remove();
  }
}

export const joins: Bench = {
  title: 'joins (client and server share this machine)',
  run: async () => [...(await inApp()), ...(await overTheWire())],
};
