import { readdirSync, readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../src/adapters/config-file.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { drillPolicies, type DrillWorld } from '../../src/app/drill-documents.ts';
import { type DrillRequest, replayDrill, runDrill } from '../../src/app/run-drill.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { compareDrills } from '../../src/core/drill/compare.ts';
import { type DrillEvent, formatLog, logOf, parseLog } from '../../src/core/drill/log.ts';
import { drillReport, reportJson, strandedText } from '../../src/core/drill/report.ts';
import { reportHtml } from '../../src/core/drill/report-html.ts';
import { reportMarkdown, reportText } from '../../src/core/drill/report-text.ts';
import { type Metric, parseScenario, STEP_KINDS, type StepKind } from '../../src/core/drill/scenario.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { Instant } from '../../src/core/time.ts';

const world: DrillWorld = { keys: portableKeys, random: systemRandom, verifySignature };
const folder = new URL('../../templates/drills/', import.meta.url);
const names = readdirSync(folder).map((file) => file.replace('.yaml', ''));
const shipped = async (name: string) => (await parseYaml(readFileSync(new URL(`${name}.yaml`, folder), 'utf8'), name)) as JsonObject;

interface Small {
  readonly fleet?: JsonObject;
  readonly server?: JsonObject;
  readonly steps?: readonly JsonObject[];
  readonly duration?: string;
  readonly more?: JsonObject;
}

/** A drill with all steps in one phase, unless a step says that it is of recovery. */
function document({ fleet = {}, server = {}, steps = [], duration = '3d', more = {} }: Small): JsonObject {
  const phases = [
    { phase: 'prepare', steps: steps.filter((step) => step['phase'] === undefined) },
    {
      phase: 'recover',
      steps: steps.filter((step) => step['phase'] !== undefined).map(({ phase: named, ...step }) => (named === 'recover' ? step : {})),
    },
  ];
  return {
    schema: 'joinery/drill/1',
    name: 'small',
    title: 'Small',
    duration,
    fleet: { nodes: 300, ...fleet },
    server,
    phases,
    objectives: [{ metric: 'alerts', at_least: 0 }],
    ...more,
  };
}

const run = (small: Small, request: Partial<DrillRequest> = {}) =>
  runDrill(world, { document: document(small), what: 'small', seed: 1, ...request });
async function measured(small: Small, request: Partial<DrillRequest> = {}): Promise<Partial<Record<Metric, number>>> {
  return drillReport(await run(small, request)).metrics;
}
const attempts = async (small: Small) =>
  (await run(small)).events.flatMap((event) => (event.kind === 'attempt' ? [`${event.who} ${event.code ?? 'accepted'}`] : []));
const alerts = async (small: Small, request: Partial<DrillRequest> = {}) =>
  (await run(small, request)).events.flatMap((event) => (event.kind === 'alert' ? [event.name] : []));
const steps = async (small: Small) => (await run(small)).events.flatMap((event) => (event.kind === 'step' ? [event.text] : []));

describe('the drills that come with joinery', () => {
  it.each(names)('%s reaches its objectives with 10 000 nodes', async (name) => {
    const report = drillReport(await runDrill(world, { document: await shipped(name), what: name, seed: 1, nodes: 10_000 }));
    expect(report.objectives.filter(({ met }) => !met)).toEqual([]);
    expect(report.samples.length).toBeGreaterThanOrEqual(121);
  });

  it.each(names)('%s gives the same bytes for the same seed', async (name) => {
    const request = { document: await shipped(name), what: name, seed: 7, nodes: 500 };
    const [one, two] = [await runDrill(world, request), await runDrill(world, request)];
    expect(formatLog(one.events)).toBe(formatLog(two.events));
    expect(reportHtml(drillReport(one))).toBe(reportHtml(drillReport(two)));
  });

  it('end otherwise with another seed', async () => {
    const request = { document: await shipped('compromised-node'), what: 'x', nodes: 500 };
    const [one, two] = [await runDrill(world, { ...request, seed: 1 }), await runDrill(world, { ...request, seed: 2 })];
    expect(formatLog(one.events)).not.toBe(formatLog(two.events));
  });
});

describe('the rules of the program decide', () => {
  const outage = { steps: [{ at: '12h', do: 'server-down', for: '10h' }] };

  it('when nodes renew: who waits until the last tenth of a life is caught by an outage', async () => {
    const late = (issued: Instant, expires: Instant) => (issued + Math.floor((expires - issued) * 0.9)) as Instant;
    expect((await measured({ steps: [{ at: '12h', do: 'server-down', for: '6h' }] })).stranded).toBe(0);
    expect((await measured(outage, { rules: { renewAfter: late } })).stranded).toBeGreaterThan(100);
  });

  it('when a certificate has ended', async () => {
    const never = () => ({ state: 'fresh' as const, wait: 1 });
    expect((await measured(outage)).stranded).toBeGreaterThan(20);
    expect((await measured(outage, { rules: { renewalState: never } })).stranded).toBe(0);
  });

  it('whether a token may be used again', async () => {
    const theft = {
      steps: [
        { at: '1h', do: 'mint-token', token: 't', ttl: '1h' },
        { at: '1h', do: 'join', token: 't', who: 'owner' },
        { at: '2h', do: 'join', token: 't', who: 'thief' },
      ],
    };
    expect((await measured(theft)).intrusions).toBe(0);
    expect((await measured(theft, { rules: { checkGrant: () => 'accepted' } })).intrusions).toBe(1);
    await expect(
      run(theft, {
        rules: {
          checkGrant: () => {
            throw new Error('a bug');
          },
        },
      }),
    ).rejects.toThrow('a bug');
  });

  it('who may join, and renew', async () => {
    const strange = { steps: [{ at: '1h', do: 'join-by-policy', role: 'control-plane' }] };
    expect((await measured(strange)).intrusions).toBe(0);
    const allow = { rules: { evaluatePolicy: () => ({ allow: true }) as never } };
    expect((await measured(strange, allow)).intrusions).toBe(1);
    const refuse = { rules: { evaluatePolicy: () => ({ allow: false }) as never } };
    expect((await measured({}, refuse)).stranded).toBe(300);
  });

  it('which trust version a node goes to, and whether it verifies the server by it', async () => {
    const publish = {
      steps: [
        { at: '1h', do: 'publish-trust', faulty: true },
        { at: '2d', do: 'note', phase: 'recover' },
      ],
    };
    expect((await measured(publish)).stranded).toBe(300);
    const refused = {
      rules: {
        walkTrust: () => {
          throw new JoineryError('ERR_TRUST_FORK', 'two');
        },
      },
    };
    expect((await measured(publish, refused)).stranded).toBe(0);
    expect(await alerts(publish, refused)).toContain('trust-refused');
    await expect(
      run(publish, {
        rules: {
          walkTrust: () => {
            throw new Error('a bug');
          },
        },
      }),
    ).rejects.toThrow('a bug');
    expect((await measured(publish, { rules: { reachesServer: () => true } })).stranded).toBe(0);
  });
});

describe('a fleet by name', () => {
  const inventory = Array.from({ length: 40 }, (_, index) => ({
    node: `n${index}`,
    region: index % 4 === 0 ? 'us' : 'eu',
    certificate_life: '12h',
    certificate_age: index === 1 ? '13h' : '1h',
    ...(index === 2 && { offline_percent: 100, offline_for: '90d' }),
  }));
  const fleet = { nodes: 40, inventory };
  const outage = { fleet, duration: '2d', steps: [{ at: '2h', do: 'server-down', for: '30h', region: 'us' }] };

  it('is cut off by region, and names who needs a hand; the same again gives the same bytes', async () => {
    const log = await run(outage);
    const report = drillReport(log);
    expect(report.regions).toEqual([
      { name: 'us', nodes: 10, cut_off_peak: 0, stranded: 10 },
      { name: 'eu', nodes: 30, cut_off_peak: 0, stranded: 1 },
    ]);
    expect(report.metrics).toMatchObject({ stranded: 11, ended_away: 1 });
    expect([...report.stranded].sort()).toEqual(['n0', 'n1', 'n12', 'n16', 'n20', 'n24', 'n28', 'n32', 'n36', 'n4', 'n8']);
    const text = formatLog(log.events);
    expect(formatLog((await run(outage)).events)).toBe(text);
    expect(formatLog((await replayDrill(world, parseLog(text, 'log'), 'log')).events)).toBe(text);
    expect(log.events.find(({ kind }) => kind === 'step')).toMatchObject({ text: expect.stringMatching(/from one region: us$/) });
    for (const page of [reportText(report), reportMarkdown(report), reportHtml(report)]) {
      expect(page).toContain('most without service');
      expect(page).toContain('n0, n1, n4');
    }
    expect(reportJson(report)).toMatchObject({ regions: [{ name: 'us' }, { name: 'eu' }], stranded: expect.arrayContaining(['n0']) });
  });

  it('says by region when the last node refused what was revoked, and who lost service', async () => {
    const rotated = {
      fleet,
      steps: [
        { at: '1h', do: 'server-down', for: '2h', region: 'us' },
        { at: '1h1m', do: 'rotate-cluster-certificate', overlap: '2m' },
      ],
    };
    const [us, eu] = drillReport(await run(rotated)).regions;
    expect(us).toMatchObject({ cut_off_peak: 10, stranded: 0 });
    expect(us?.evict_max).toBeGreaterThan(3600);
    expect(eu?.cut_off_peak).toBe(0);
    expect(eu?.evict_max).toBeLessThanOrEqual(240);
  });

  it('loses the node that is named, unless that is away', async () => {
    const taken = (target: string) => steps({ fleet, steps: [{ at: '1h', do: 'compromise', nodes: 1, target }] });
    expect(await taken('n5')).toEqual(['an attacker copies the keys of nodes: 1 node(s), n5']);
    expect(await taken('n2')).toEqual(['an attacker copies the keys of nodes: 0 node(s), n2']);
    for (const own of [fleet, { nodes: 40 }])
      await expect(run({ fleet: own, steps: [{ at: '1h', do: 'compromise', nodes: 1, target: 'n99' }] })).rejects.toThrow(
        'expected a node of the inventory as target',
      );
  });

  it('names a hundred of them, and counts the others', async () => {
    const many = Array.from({ length: 130 }, (_, index) => ({ node: `n${index}`, certificate_age: '25h' }));
    const report = drillReport(await run({ fleet: { nodes: 130, inventory: many } }));
    expect([report.stranded.length, report.metrics.stranded, report.regions]).toEqual([100, 130, []]);
    expect(reportText(report)).toContain('n99 and 30 more');
    // A log that says so by hand, without the measure.
    expect(strandedText({ ...report, metrics: {} })).toMatch(/n99$/);
  });

  it('has as many nodes as it has', async () => {
    await expect(run({ fleet }, { nodes: 41 })).rejects.toMatchObject({ code: 'ERR_DRILL_MALFORMED' });
    expect((await run({ fleet }, { nodes: 40 })).begin.nodes).toBe(40);
  });
});

describe('an attacker', () => {
  it('with copied keys is refused where it is known, out of reach elsewhere, and at last because they end', async () => {
    const fleet = { nodes: 20, offline_percent: 40, offline_for: '3h', revocation_poll: '1h', certificate_life: '10h' };
    const found = await attempts({
      fleet,
      steps: [
        { at: '1h', do: 'compromise', nodes: 2 },
        { at: '2h', do: 'use-copied-key', count: 20, every: '1m' },
        { at: '3h', do: 'revoke-nodes' },
        { at: '3h1m', do: 'use-copied-key', count: 60, every: '1m' },
        { at: '2d', do: 'use-copied-key' },
      ],
    });
    expect(new Set(found)).toEqual(
      new Set([
        'attacker accepted',
        'attacker ERR_SERVER_UNREACHABLE',
        'attacker ERR_CERTIFICATE_REVOKED',
        'attacker ERR_CERTIFICATE_EXPIRED',
      ]),
    );
    expect(found.at(-1)).toBe('attacker ERR_CERTIFICATE_EXPIRED');
  });

  it('who renews with a copied key is noticed', async () => {
    expect(await alerts({ steps: [{ at: '1h', do: 'compromise', nodes: 150 }] })).toContain('second-renewal-key');
    const many = await run({
      steps: [
        { at: '1h', do: 'compromise', nodes: 280 },
        { at: '1h1m', do: 'revoke-nodes' },
      ],
    });
    const refused = many.events.filter(({ kind }) => kind === 'attempt').length;
    expect([refused > 90, refused <= 100]).toEqual([true, true]);
  });

  it('finds nothing where nothing is in reach, and revoking nothing harms nobody', async () => {
    const none = {
      fleet: { offline_percent: 100, offline_for: '90d' },
      steps: [
        { at: '1h', do: 'compromise', nodes: 5 },
        { at: '2h', do: 'use-copied-key' },
        { at: '3h', do: 'revoke-nodes' },
      ],
    };
    expect(await steps(none)).toEqual([
      'an attacker copies the keys of nodes: 0 node(s)',
      'what the attacker holds certificates for is revoked: 0 node(s)',
    ]);
    expect(await attempts(none)).toEqual(['attacker ERR_CERTIFICATE_EXPIRED']);
  });

  it('is refused a token in the way that the token says', async () => {
    const mint = (token: string, more: JsonObject) => ({ at: '1h', do: 'mint-token', token, ttl: '2h', ...more });
    const join = (at: string, token: string, who: string) => ({ at, do: 'join', token, who });
    const found = await attempts({
      steps: [
        mint('one', {}),
        mint('two', { max_uses: 2, role: 'edge' }),
        mint('own', { node_bound: true }),
        join('1h', 'one', 'owner'),
        join('1h1m', 'one', 'owner'),
        join('1h2m', 'one', 'thief'),
        join('1h3m', 'own', 'thief'),
        join('1h4m', 'two', 'owner'),
        join('1h5m', 'two', 'thief'),
        { at: '2h', do: 'revoke-token', token: 'two' },
        join('2h1m', 'two', 'thief'),
        join('2d', 'own', 'owner'),
        { at: '2d1h', do: 'use-copied-key' },
      ],
    });
    expect(found.slice(0, 8)).toEqual([
      'owner accepted',
      'owner accepted',
      'attacker ERR_TOKEN_REPLAYED',
      'attacker ERR_TOKEN_NODE',
      'owner accepted',
      'attacker accepted',
      'attacker ERR_TOKEN_REVOKED',
      'owner ERR_TOKEN_EXPIRED',
    ]);
    expect(
      (
        await measured({
          steps: [mint('one', { max_uses: 3 }), join('1h1m', 'one', 'thief'), { at: '1h2m', do: 'revoke-token', token: 'one' }],
        })
      ).intrusions_after,
    ).toBe(0);
  });

  it('who changes the policy gets in, unless it must be signed', async () => {
    const tamper = {
      steps: [
        { at: '1h', do: 'tamper-policy' },
        { at: '2h', do: 'join-by-policy', role: 'x' },
        { at: '3h', do: 'restore-policy' },
        { at: '4h', do: 'join-by-policy', role: 'x' },
      ],
    };
    expect(await attempts(tamper)).toEqual(['attacker accepted', 'attacker ERR_POLICY_DENIED']);
    expect(await attempts({ ...tamper, more: { signed_policy: true } })).toEqual([
      'attacker ERR_POLICY_DENIED',
      'attacker ERR_POLICY_DENIED',
    ]);
    const signed = parseScenario(document({ more: { signed_policy: true } }), 't');
    const broken = {
      ...world,
      verifySignature: () => {
        throw new Error('a bug');
      },
    };
    await expect(drillPolicies(broken, signed)).rejects.toThrow('a bug');
    expect((await drillPolicies({ ...world, verifySignature: () => true }, signed)).tamperedIsLoaded).toBe(true);
  });
});

describe('operators', () => {
  it('replace the shared certificate: sooner with a short overlap, and with nobody cut off with a long one', async () => {
    const rotate = (overlap?: string): Small => ({
      fleet: { revocation_poll: '30m' },
      steps: [
        { at: '1h', do: 'leak-cluster-certificate' },
        { at: '2h', do: 'rotate-cluster-certificate', ...(overlap !== undefined && { overlap }), note: 'all at once' },
        { at: '2h', do: 'note', phase: 'recover' },
      ],
    });
    const [short, long] = [await measured(rotate()), await measured(rotate('1h'))];
    expect([short.cut_off_peak, long.cut_off_peak]).toEqual([300, 0]);
    expect(short.evict_max).toBeLessThan(long.evict_max as number);
    expect(short.recovery).toBeGreaterThan(60);
    expect(await steps(rotate('5d'))).toContain('the old shared certificate is revoked');
  });

  it('replace an issuing authority, and enroll again who came too late', async () => {
    const change = (more: readonly JsonObject[] = []): Small => ({
      fleet: { offline_percent: 10, offline_for: '4h' },
      steps: [
        { at: '1h', do: 'compromise-issuer' },
        { at: '2h', do: 'new-issuer' },
        { at: '2h', do: 'renew-all', over: '1h' },
        { at: '4h', do: 'revoke-issuer' },
        ...more,
      ],
    });
    const before = await measured(change());
    expect(before.stranded).toBeGreaterThan(5);
    expect(before.recovery).toBeUndefined();
    const after = await measured(
      change([
        { at: '5h', do: 'rejoin', per_hour: 100, phase: 'recover' },
        { at: '1d', do: 'rejoin', per_hour: 100, phase: 'recover' },
      ]),
    );
    expect(after.stranded).toBe(0);
    expect(after.recovery).toBeGreaterThan(0);
  });

  it('take a faulty trust version back: by the next version within the grace window, by hand without one', async () => {
    const faulty = (grace?: string): Small => ({
      fleet: { offline_percent: 5, offline_for: '2h' },
      server: { loss_percent: 5 },
      steps: [
        { at: '1h', do: 'publish-trust', faulty: true, ...(grace !== undefined && { grace }) },
        { at: '3h', do: 'rollback-trust', phase: 'recover' },
        { at: '5h', do: 'fix-trust', per_hour: 600, phase: 'recover' },
      ],
    });
    const [within, without] = [await measured(faulty('1d')), await measured(faulty())];
    expect([within.cut_off_peak, within.stranded]).toEqual([0, 0]);
    expect(without.cut_off_peak).toBeGreaterThan(200);
    expect(without.stranded).toBe(0);
  });

  it('see a server that is too small, or away, in what it leaves unanswered', async () => {
    expect((await measured({})).turned_away).toBe(0);
    const small = await measured({ fleet: { nodes: 2000 }, server: { capacity: 1 }, steps: [{ at: '1h', do: 'renew-all', over: '10m' }] });
    expect(small.turned_away).toBeGreaterThan(100);
    expect(small.load_peak).toBeGreaterThan(2);
    expect(await alerts({ steps: [{ at: '12h', do: 'server-down', for: '1d' }] })).toEqual(['renewals-failing', 'certificate-expired']);
  });

  it('see nodes that come back late, and those that never learn', async () => {
    const away = await measured({
      fleet: { offline_percent: 30, offline_for: '2h', stream_percent: 50, skewed_percent: 50, skew: '5m' },
      server: { loss_percent: 20 },
      steps: [
        { at: '1h', do: 'compromise', nodes: 1 },
        { at: '2h', do: 'revoke-nodes' },
      ],
    });
    expect(away.late_max).toBeGreaterThan(0);
    expect(away.evict_max).toBeGreaterThan(away.evict_p50 as number);
    const deaf = await measured({
      steps: [
        { at: '1h', do: 'server-down', for: '4d' },
        { at: '2h', do: 'compromise', nodes: 1 },
        { at: '2d23h', do: 'revoke-nodes' },
      ],
      fleet: { certificate_life: '30d', stream_percent: 10 },
    });
    expect(deaf.uninformed).toBe(299);
    const back = await measured({
      fleet: { certificate_life: '30d', offline_percent: 30, offline_for: '4h' },
      steps: [
        { at: '1h', do: 'server-down', for: '4d' },
        { at: '1d', do: 'compromise', nodes: 1 },
        { at: '2d', do: 'revoke-nodes' },
      ],
    });
    expect(back.uninformed).toBeGreaterThan(100);
    const ended = await measured({
      steps: [
        { at: '1h', do: 'server-down', for: '4d' },
        { at: '2h', do: 'compromise', nodes: 1 },
        { at: '3h', do: 'revoke-nodes' },
      ],
    });
    expect(ended.uninformed).toBe(0);
  });
});

describe('any drill', () => {
  const kinds = Object.keys(STEP_KINDS) as StepKind[];
  const step = fc.record({
    at: fc.integer({ min: 0, max: 71 }),
    kind: fc.constantFrom(...kinds),
    size: fc.integer({ min: 1, max: 60 }),
    flag: fc.boolean(),
  });
  const asStep = ({ at, kind, size, flag }: { at: number; kind: StepKind; size: number; flag: boolean }): JsonObject => ({
    at: at === 0 ? '0' : `${at}h`,
    do: kind,
    nodes: size,
    token: 't',
    ttl: '5h',
    who: flag ? 'thief' : 'owner',
    for: `${size}m`,
    over: `${size}m`,
    role: flag ? 'worker' : 'other',
    per_hour: size,
    faulty: flag,
    ...(flag && { grace: '1d', overlap: `${size}m` }),
  });

  it('ends, counts no more nodes than there are, and comes to rest', async () => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      fc.nat(1000),
      fc.constantFrom(0, 30),
      async (steps, seed, offline) => {
        const mint = { at: '0', do: 'mint-token', token: 't', ttl: '1d', max_uses: 3 };
        const small = {
          fleet: { nodes: 40, offline_percent: offline, offline_for: '3h' },
          server: { loss_percent: 10 },
          steps: [mint, ...steps.map(asStep)],
        };
        const report = drillReport(await run(small, { seed }));
        for (const { online, cut_off, expired, informed } of report.samples)
          expect([online <= 40, cut_off >= 0 && cut_off <= online, expired <= 40, informed <= 40]).toEqual([true, true, true, true]);
        const { evict_p50: half = 0, evict_p99: most = 0, evict_max: all = 0 } = report.metrics;
        expect([half <= most, most <= all, all <= report.duration]).toEqual([true, true, true]);
        expect(report.samples.at(-1)?.t).toBe(report.duration);
        for (const value of Object.values(report.metrics)) expect(value).toBeGreaterThanOrEqual(0);
      },
    );
    await fc.assert(property, { numRuns: 30 });
  });
});

describe('logs and reports', () => {
  const all: Small = {
    steps: [
      { at: '1h', do: 'compromise', nodes: 1, note: 'a <b> & | _note_' },
      { at: '2h', do: 'use-copied-key', count: 3 },
      { at: '3h', do: 'revoke-nodes' },
    ],
    more: {
      summary: 'One & two',
      objectives: [
        { metric: 'evict_p99', at_most: '5m' },
        { metric: 'recovery', at_most: '1h' },
        { metric: 'alerts', at_least: 5 },
      ],
    },
  };

  it('come back from their lines, and are run again to the byte', async () => {
    const log = await run(all);
    const text = formatLog(log.events);
    expect(parseLog(text, 'log')).toEqual(log);
    expect(formatLog((await replayDrill(world, log, 'log')).events)).toBe(text);
  });

  it('that were changed are found', async () => {
    const log = await run(all);
    const changed = log.events.map((event): DrillEvent => (event.kind === 'attempt' ? { ...event, accepted: false } : event));
    await expect(replayDrill(world, { ...log, events: changed }, 'log')).rejects.toMatchObject({
      code: 'ERR_DRILL_DIFFERS',
      message: expect.stringMatching(/^log, line \d+:/),
    });
    await expect(replayDrill(world, { ...log, events: log.events.slice(0, -1) }, 'log')).rejects.toMatchObject({
      code: 'ERR_DRILL_DIFFERS',
    });
  });

  it('are refused when they are none', async () => {
    const { events } = await run({});
    const lines = formatLog(events).split('\n');
    const refused = (text: string) => {
      try {
        parseLog(text, 'l');
      } catch (error) {
        return (error as JoineryError).code;
      }
      return undefined;
    };
    expect(refused('')).toBe('ERR_DRILL_LOG');
    expect(refused(lines.slice(0, -2).join('\n'))).toBe('ERR_DRILL_LOG');
    expect(refused('{"kind":"other"}')).toBe('ERR_DRILL_LOG');
    expect(refused('[]')).toBe('ERR_DRILL_LOG');
    expect(refused('{"kind":"step"}')).toBe('ERR_DRILL_LOG');
    expect(refused((lines[0] as string).replace(/"scenario":\{.*\},"schema"/, '"scenario":[],"schema"'))).toBe('ERR_DRILL_LOG');
    expect(refused(`{${' '.repeat(64 * 1024 * 1024)}}`)).toBe('ERR_INPUT_TOO_LARGE');
    expect(() => logOf([], 'l')).toThrow('expected a log from its beginning');
  });

  it('that go back in time, begin twice or end in the middle are refused', async () => {
    const { begin, events, end } = await run({});
    const middle = events.slice(1, -1);
    const orders: DrillEvent[][] = [
      [begin, ...middle.toReversed(), end],
      [begin, begin, ...middle, end],
      [begin, ...middle, end, end],
      [begin, ...middle, { ...end, t: 5 }],
    ];
    for (const wrong of orders)
      expect(() => parseLog(formatLog(wrong), 'l')).toThrow(
        expect.objectContaining({ code: 'ERR_DRILL_LOG', message: expect.stringMatching(/^l, line \d+: expected an event after/) }),
      );
  });

  it('that somebody forged steer neither a terminal nor a page', async () => {
    const { begin, end } = await run({});
    const evil = '"><script>alert(1)</script>\u001b[31m\u202e\r\n| `x` |';
    const events: DrillEvent[] = [
      { ...begin, scenario: { ...begin.scenario, title: evil, summary: evil } },
      { kind: 'step', t: 1, phase: 'prepare', do: evil, text: evil, note: evil },
      { kind: 'attempt', t: 2, who: evil, what: evil, accepted: false, code: evil },
      { kind: 'alert', t: 3, name: evil, text: evil },
      { kind: 'sample', t: 4, online: Number.MAX_SAFE_INTEGER, cut_off: 0, expired: 0, informed: 0, load: Number.MAX_SAFE_INTEGER },
      { ...end, regions: [{ name: 'eu', nodes: Number.MAX_SAFE_INTEGER, cut_off_peak: 0, stranded: 0 }], stranded: ['n1'] },
    ];
    const report = drillReport(parseLog(formatLog(events), 'forged'));
    const [html, text] = [reportHtml(report), reportText(report)];
    expect(html).not.toMatch(/<script|<img/);
    for (const page of [html, text, reportMarkdown(report)])
      expect(['\u001b', '\r', '\u202e'].filter((character) => page.includes(character))).toEqual([]);
    expect(reportMarkdown(report)).not.toMatch(/(?<!\\)<script/);
    expect(text).toContain('\\u{1b}[31m\\u{202e}');
    expect(() => parseLog(formatLog([begin, { ...end, stranded: [evil] }]), 'forged')).toThrow('stranded[0]: expected 1 to 63');
  });

  it('of any length give a report', async () => {
    const { begin, end } = await run({});
    const attempts = Array.from({ length: 200_000 }, (_, t): DrillEvent => ({
      kind: 'attempt',
      t,
      who: 'a',
      what: String(t),
      accepted: true,
    }));
    const samples = Array.from({ length: 200_000 }, (_, t): DrillEvent => ({
      kind: 'sample',
      t,
      online: 1,
      cut_off: 0,
      expired: 0,
      informed: 1,
      load: t,
    }));
    for (const events of [attempts, samples]) {
      const report = drillReport(logOf([begin, ...events, end], 'long'));
      expect([reportText(report), reportMarkdown(report), reportHtml(report)].every((page) => page.length > 200)).toBe(true);
    }
    const short = { ...begin, scenario: { ...begin.scenario, duration: '1m' } };
    expect(reportHtml(drillReport(logOf([short, ...samples, end], 'long'))).length).toBeGreaterThan(100_000);
  });

  it('judge objectives, and what was not measured is missed', async () => {
    const report = drillReport(await run(all));
    expect(report.objectives.map(({ metric, met, relation }) => [metric, met, relation])).toEqual([
      ['evict_p99', true, 'at most'],
      ['recovery', false, 'at most'],
      ['alerts', false, 'at least'],
    ]);
    expect(report.met).toBe(false);
    expect(reportJson(report)).toMatchObject({
      schema: 'joinery/drill-report/1',
      met: false,
      objectives: [{ met: true }, { met: false, value: null }, {}],
    });
  });

  it('are text, Markdown and a page that asks nobody for anything', async () => {
    const report = drillReport(await run(all));
    const text = reportText(report);
    expect(text).toContain('MISSED  from the first step of recovery until no healthy node is without service: -, at most 1h');
    expect(text).toContain('(3 times)');
    expect(text).toMatch(/2 of 3 objectives were missed$/);
    const markdown = reportMarkdown(report);
    expect(markdown).toContain('a \\<b\\> & \\| \\_note\\_');
    expect(markdown).toContain('**missed**');
    const page = reportHtml(report);
    expect(page).toContain('a &lt;b&gt; &amp; | _note_');
    expect(page).toContain("default-src 'none'");
    expect(page).toContain('Nodes, in the ten minutes from 3h on');
    expect(page.replace(/<!doctype html>|<meta[^>]*>/g, '')).not.toMatch(/https?:|<script|src=|url\(/);
    const uncoded = { kind: 'attempt', t: 1, who: 'attacker', what: 'x', accepted: false } as const;
    const log = await run(all);
    expect(reportText(drillReport({ ...log, events: [...log.events, uncoded] }))).toContain('attacker, x: refused\n');
    const met = drillReport({ ...(await run({})) });
    expect([reportText(met), reportMarkdown(met), reportHtml(met)].every((each) => /[Ee]very objective was met/.test(each))).toBe(true);
    expect(reportHtml({ ...met, mode: 'live' })).toContain('Live,');
    expect(reportText({ ...met, mode: 'live', timeline: [{ t: 0, kind: 'attempt', text: 'x', times: 1, accepted: true }] })).toContain(
      'live, 300 nodes',
    );
    expect(reportHtml({ ...met, timeline: [{ t: 0, kind: 'attempt', text: 'x', times: 2, accepted: true }] })).toContain('(2 times)');
  });

  it('are compared measure by measure', async () => {
    const [one, two] = [drillReport(await run(all)), drillReport(await run({}))];
    const compared = compareDrills(one, two);
    expect(compared.find(({ metric }) => metric === 'evict_p99')).toMatchObject({ first: expect.any(Number), second: undefined });
    expect(compared.some(({ metric }) => metric === 'recovery')).toBe(false);
  });
});
