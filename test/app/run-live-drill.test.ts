import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../src/adapters/config-file.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { authenticateNode } from '../../src/app/authenticate.ts';
import type { LiveServers } from '../../src/app/live-canary.ts';
import { replayDrill } from '../../src/app/run-drill.ts';
import { type LiveDrillInput, runLiveDrill } from '../../src/app/run-live-drill.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { liveScenario } from '../../src/core/drill/live.ts';
import { formatLog, parseLog } from '../../src/core/drill/log.ts';
import { drillReport } from '../../src/core/drill/report.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { auditEvents, joinWorld, type JoinWorld, peerAt } from '../fakes/join-realm.ts';

const refusal = (code: string) => expect.objectContaining({ code }) as Error;
const shipped = async (name: string) =>
  (await parseYaml(readFileSync(new URL(`../../templates/drills/${name}.yaml`, import.meta.url), 'utf8'), name)) as JsonObject;

interface Wires {
  /** Before each question, with its number. */
  readonly before?: (asked: number) => void | Promise<void>;
  /** In the place of the gate. */
  readonly use?: (asked: number, real: () => Promise<unknown>) => Promise<unknown>;
}

/** Servers of the realm without a network, in virtual time. */
function serversOf(world: JoinWorld, { before, use = (_, real) => real() }: Wires = {}): LiveServers {
  let [time, asked] = [0, 0];
  const next = async (): Promise<number> => {
    time += 5;
    asked += 1;
    await before?.(asked);
    return asked;
  };
  return {
    join: async (_, request) => {
      await next();
      return acceptJoin(world.service, request, peerAt());
    },
    use: async (_, { certificates }) => {
      const certificate = parseCertificate(parsePem(certificates)[0]?.der as Uint8Array);
      await use(await next(), () => authenticateNode(world.service, peerAt('192.0.2.1', { certificate })));
    },
    pause: (ms) => {
      time += ms;
      return Promise.resolve();
    },
    elapsed: () => time,
  };
}

const input = (document: JsonObject, more: Partial<LiveDrillInput> = {}): LiveDrillInput => ({
  document,
  what: 'test',
  cluster: 'prod',
  role: 'worker',
  endpoints: ['https://a.example:8443', 'https://b.example:8443'],
  signal: new AbortController().signal,
  ...more,
});

const small = (steps: JsonObject[], objectives: JsonObject[] = [{ metric: 'evict_max', at_most: 2 }]): JsonObject => ({
  schema: 'joinery/drill/1',
  name: 'small',
  title: 'Small',
  duration: '1h',
  fleet: { nodes: 1 },
  phases: [{ phase: 'prepare', steps }],
  objectives,
});

const EVICT = [
  { at: '0', do: 'compromise', nodes: 1 },
  { at: '1s', do: 'revoke-nodes', note: 'now' },
];

describe('runLiveDrill', () => {
  it('rehearses a copied key with a canary on every server, and leaves nothing behind', async () => {
    const world = await joinWorld();
    const document = await shipped('compromised-node');
    const log = await runLiveDrill({ realm: world.realm, keys: portableKeys, servers: serversOf(world) }, input(document));
    const report = drillReport(parseLog(formatLog(log.events), 'log'));
    expect(report).toMatchObject({
      mode: 'live',
      met: true,
      nodes: 2,
      metrics: { evict_max: 1, uninformed: 0, cut_off_peak: 0, stranded: 0, intrusions: 2, intrusions_after: 0 },
    });
    expect(report.objectives.map(({ metric }) => metric)).toEqual(['evict_p50', 'evict_p99', 'uninformed', 'cut_off_peak', 'stranded']);
    const drills = (await auditEvents(world.realm)).filter(({ event }) => event.startsWith('drill.'));
    expect(drills).toMatchObject([{ event: 'drill.begin' }, { event: 'drill.end', details: { ended: true, met: true, left: [] } }]);
    const nodes = Object.entries(world.realm.store.dump()).filter(([key]) => key.startsWith('node/'));
    const reasons = nodes.map(([, value]) => (value as { revoked?: { reason: string } }).revoked?.reason);
    expect(new Set(reasons)).toEqual(new Set(['cessationOfOperation', 'keyCompromise']));
    await expect(
      replayDrill({ keys: portableKeys, random: world.realm.random, verifySignature: world.realm.verifySignature }, log, 'log'),
    ).rejects.toThrow(refusal('ERR_DRILL_LIVE'));
  });

  it('rehearses stolen tokens, which the audit log shows', async () => {
    const world = await joinWorld();
    const log = await runLiveDrill(
      { realm: world.realm, keys: portableKeys, servers: serversOf(world) },
      input(await shipped('stolen-token')),
    );
    const { met, metrics, timeline } = drillReport(log);
    expect([met, metrics.intrusions, metrics.intrusions_after]).toEqual([true, 3, 0]);
    expect(metrics.alerts).toBeGreaterThan(0);
    const texts = timeline.map(({ text }) => text);
    expect(texts).toContain('owner, join with token single: accepted');
    expect(texts).toContain('attacker, join with token single: refused (ERR_TOKEN_REPLAYED)');
    expect(texts).toContain('owner, join with token bound: accepted');
  });

  it('misses when a server goes on accepting, or cuts the healthy node', async () => {
    const world = await joinWorld();
    const deaf = serversOf(world, { use: (asked, real) => (asked > 4 ? Promise.resolve() : real()) });
    const log = await runLiveDrill(
      { realm: world.realm, keys: portableKeys, servers: deaf },
      input(small([...EVICT, { at: '2s', do: 'use-copied-key' }, { at: '2s', do: 'note', note: 'so' }])),
    );
    expect(drillReport(log)).toMatchObject({ met: false, metrics: { uninformed: 2, intrusions_after: 2 } });
    const strict = serversOf(world, { use: () => Promise.reject(new JoineryError('ERR_NODE_REVOKED', 'all')) });
    const cut = await runLiveDrill({ realm: world.realm, keys: portableKeys, servers: strict }, input(small(EVICT)));
    expect(drillReport(cut).metrics).toMatchObject({ cut_off_peak: 1, stranded: 1 });
  });

  it('puts out a node whose answer was lost', async () => {
    const world = await joinWorld();
    const servers = serversOf(world);
    const lost: LiveServers = {
      ...servers,
      join: async (url, request) => {
        await servers.join(url, request);
        throw new JoineryError('ERR_INTERRUPTED', 'the caller gave up');
      },
    };
    const running = runLiveDrill({ realm: world.realm, keys: portableKeys, servers: lost }, input(small(EVICT)));
    await expect(running).rejects.toThrow(refusal('ERR_INTERRUPTED'));
    const nodes = Object.entries(world.realm.store.dump()).filter(([key]) => key.startsWith('node/'));
    expect(nodes.map(([, value]) => (value as { revoked?: { reason: string } }).revoked?.reason)).toEqual(['cessationOfOperation']);
    const [ended] = (await auditEvents(world.realm)).filter(({ event }) => event === 'drill.end');
    expect(ended?.details).toMatchObject({ ended: false, nodes: [expect.stringMatching(/-healthy$/)], left: [] });
  });

  it('asks a server that is away again, and passes bugs on', async () => {
    const world = await joinWorld();
    let gone = 3;
    const away = serversOf(world, {
      use: (asked, real) => (asked > 4 && gone-- > 0 ? Promise.reject(new JoineryError('ERR_SERVER_UNREACHABLE', 'away')) : real()),
    });
    const log = await runLiveDrill({ realm: world.realm, keys: portableKeys, servers: away }, input(small(EVICT)));
    expect(drillReport(log).metrics).toMatchObject({ uninformed: 0 });
    const broken = serversOf(world, { use: (asked, real) => (asked > 4 ? Promise.reject(new TypeError('a bug')) : real()) });
    await expect(runLiveDrill({ realm: world.realm, keys: portableKeys, servers: broken }, input(small(EVICT)))).rejects.toThrow('a bug');
  });

  it('puts out what it made when it is interrupted, and says what it could not', async () => {
    const world = await joinWorld();
    const ending = new AbortController();
    const servers = serversOf(world, { before: (asked) => (asked === 2 ? ending.abort() : undefined) });
    const run = runLiveDrill({ realm: world.realm, keys: portableKeys, servers }, input(small(EVICT), { signal: ending.signal }));
    await expect(run).rejects.toThrow(refusal('ERR_INTERRUPTED'));
    expect((await auditEvents(world.realm)).at(-1)).toMatchObject({ event: 'drill.end', details: { ended: false, left: [] } });
    const inside = new AbortController();
    const waiting = serversOf(world, { use: (asked, real) => (asked > 4 ? (inside.abort(), Promise.resolve()) : real()) });
    await expect(
      runLiveDrill({ realm: world.realm, keys: portableKeys, servers: waiting }, input(small(EVICT), { signal: inside.signal })),
    ).rejects.toThrow(refusal('ERR_INTERRUPTED'));
    const { store } = world.realm;
    for (const [failure, told] of [
      [new JoineryError('ERR_STORE_CONFLICT', 'changed'), 'ERR_STORE_CONFLICT'],
      [new Error('disk'), 'Error: disk'],
    ] as const) {
      let failing = false;
      const hurt: typeof store = Object.assign(Object.create(store) as typeof store, {
        commit: (change: Parameters<typeof store.commit>[0]) =>
          failing && change.audit[0]?.event !== 'drill.end' ? Promise.reject(failure) : store.commit(change),
      });
      const stop = new AbortController();
      const last = serversOf(world, { before: (asked) => (asked === 2 ? ((failing = true), stop.abort()) : undefined) });
      await expect(
        runLiveDrill(
          { realm: { ...world.realm, store: hurt }, keys: portableKeys, servers: last },
          input(small(EVICT), { signal: stop.signal }),
        ),
      ).rejects.toThrow(refusal('ERR_INTERRUPTED'));
      const { details } = (await auditEvents(world.realm)).at(-1) as unknown as { details: { left: string[] } };
      expect(details.left.some((text) => text.endsWith(told))).toBe(true);
    }
  });

  it('notices refusals that are no attack, and takes a server that is asked too often for no answer', async () => {
    const world = await joinWorld();
    const steps = [
      { at: '0', do: 'mint-token', token: 'one', ttl: '10m', max_uses: 2 },
      { at: '1s', do: 'join', token: 'one', who: 'owner' },
      { at: '2s', do: 'join', token: 'one', who: 'owner' },
    ];
    const objectives = [{ metric: 'alerts', at_least: 1 }];
    const log = await runLiveDrill({ realm: world.realm, keys: portableKeys, servers: serversOf(world) }, input(small(steps, objectives)));
    const { met, metrics } = drillReport(log);
    expect([met, metrics.alerts, metrics.detection, metrics.cut_off_peak]).toEqual([true, 1, undefined, 1]);
    const busy = serversOf(world, { use: () => Promise.reject(new JoineryError('ERR_RATE_LIMITED', 'busy')) });
    await expect(runLiveDrill({ realm: world.realm, keys: portableKeys, servers: busy }, input(small(EVICT)))).rejects.toThrow(
      refusal('ERR_RATE_LIMITED'),
    );
  });

  it('tries again when a server wrote to the realm meanwhile', async () => {
    const world = await joinWorld();
    const { store } = world.realm;
    let conflicts = 0;
    const busy: typeof store = Object.assign(Object.create(store) as typeof store, {
      commit: (change: Parameters<typeof store.commit>[0]) =>
        change.audit[0]?.event === 'revocation.node' && conflicts++ < 2
          ? Promise.resolve({ ok: false, conflict: 'x' })
          : store.commit(change),
    });
    const realm = { ...world.realm, store: busy };
    const log = await runLiveDrill({ realm, keys: portableKeys, servers: serversOf(world) }, input(small(EVICT)));
    expect([drillReport(log).met, conflicts > 2]).toEqual([true, true]);
  });
});

describe('liveScenario', () => {
  it('takes what a canary can do and show, and no more', async () => {
    expect(() => liveScenario(small([{ at: '0', do: 'server-down', for: '1h' }]), 'x')).toThrow(refusal('ERR_DRILL_LIVE'));
    expect(() => liveScenario(small(EVICT, [{ metric: 'late_max', at_most: 0 }]), 'x')).toThrow(refusal('ERR_DRILL_LIVE'));
    const { document, scenario } = liveScenario(
      small(EVICT, [
        { metric: 'late_max', at_most: 0 },
        { metric: 'alerts', at_least: 0 },
      ]),
      'x',
    );
    expect([document['objectives'], scenario.objectives]).toEqual([
      [{ metric: 'alerts', at_least: 0 }],
      [{ metric: 'alerts', at_least: 0 }],
    ]);
    const world = await joinWorld();
    const quiet = await runLiveDrill({ realm: world.realm, keys: portableKeys, servers: serversOf(world) }, input(document));
    expect(drillReport(quiet).met).toBe(true);
    const idle = small([{ at: '0', do: 'note' }], [{ metric: 'alerts', at_most: 0 }]);
    const log = await runLiveDrill({ realm: world.realm, keys: portableKeys, servers: serversOf(world) }, input(idle));
    expect(drillReport(log).metrics.evict_max).toBeUndefined();
  });
});
