import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ALWAYS, FLAG, fleetRules, makeFleet } from '../../../src/core/drill/fleet.ts';
import { Histogram } from '../../../src/core/drill/histogram.ts';
import { BucketQueue } from '../../../src/core/drill/queue.ts';
import { Dice, fixedChance } from '../../../src/core/drill/random.ts';
import { parseScenario, scenarioSchema, stepsOf } from '../../../src/core/drill/scenario.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';

describe('the queue', () => {
  it('gives every event in its second, as a sorted list would, whatever is moved and taken out', () => {
    const command = fc.record({ event: fc.nat(9), at: fc.nat(60), cancel: fc.boolean() });
    const property = fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const queue = new BucketQueue(10, 50);
      const model = new Map<number, number>();
      for (const { event, at, cancel } of commands) {
        if (cancel) queue.cancel(event);
        else queue.schedule(event, at);
        if (cancel || at > 50) model.delete(event);
        else model.set(event, at);
      }
      const taken: [number, number][] = [];
      for (let event = queue.take(100); event >= 0; event = queue.take(100)) taken.push([event, queue.now]);
      expect(taken.map(([, at]) => at)).toEqual(taken.map(([, at]) => at).sort((a, b) => a - b));
      expect(new Map(taken)).toEqual(model);
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('stops before the end that is asked for, and puts nothing into the past', () => {
    const queue = new BucketQueue(3, 100);
    queue.schedule(0, 10.2);
    queue.schedule(1, 20);
    expect([queue.take(11), queue.take(12), queue.now]).toEqual([-1, 0, 11]);
    queue.schedule(2, 3);
    expect([queue.take(20), queue.now, queue.take(20), queue.now]).toEqual([2, 11, -1, 20]);
    expect(queue.take(21)).toBe(1);
  });
});

describe('the histogram', () => {
  it('is exact to two minutes and to one percent, at any size', () => {
    const property = fc.property(
      fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 50 }),
      fc.constantFrom(0.5, 0.99, 1),
      (values, share) => {
        const histogram = new Histogram();
        for (const value of values) histogram.add(value);
        const exact = values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1] as number;
        const found = histogram.quantile(share) as number;
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found - exact).toBeLessThanOrEqual(exact < 128 ? 0 : exact / 100);
        expect([histogram.total, histogram.max]).toEqual([values.length, Math.max(...values)]);
      },
    );
    fc.assert(property, { numRuns: 200 });
    expect(new Histogram().quantile(0.5)).toBeUndefined();
  });
});

describe('chance', () => {
  it('repeats, and is spread', () => {
    const [one, two] = [new Dice(7), new Dice(7)];
    const drawn = Array.from({ length: 1000 }, () => one.next());
    expect(Array.from({ length: 1000 }, () => two.next())).toEqual(drawn);
    expect(drawn.reduce((sum, value) => sum + value, 0) / 1000).toBeCloseTo(0.5, 1);
    expect(new Set(Array.from({ length: 200 }, () => one.below(5)))).toEqual(new Set([0, 1, 2, 3, 4]));
    const waits = Array.from({ length: 2000 }, () => one.exponential(100));
    expect(waits.reduce((sum, value) => sum + value, 0) / 2000).toBeGreaterThan(90);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1);
    expect(fixedChance(1, 2, 3)).toBe(fixedChance(1, 2, 3));
    expect(fixedChance(1, 2, 3)).not.toBe(fixedChance(1, 3, 3));
  });
});

const smallest = (changes: JsonObject = {}): JsonObject => ({
  schema: 'joinery/drill/1',
  name: 'd',
  title: 'D',
  duration: '1d',
  fleet: { nodes: 10 },
  phases: [{ phase: 'prepare' }],
  objectives: [{ metric: 'alerts', at_most: 0 }],
  ...changes,
});

describe('a fleet', () => {
  const { fleet } = parseScenario(
    smallest({
      fleet: {
        nodes: 5000,
        regions: [
          { name: 'a', share: 3 },
          { name: 'b', share: 1 },
        ],
        offline_percent: 10,
        offline_for: '1h',
        skewed_percent: 20,
        skew: '90s',
        stream_percent: 50,
      },
    }),
    't',
  );
  const made = makeFleet({ fleet }, 5000, 1);
  const share = (flag: number): number => Array.from({ length: 5000 }, (_, node) => made.has(node, flag)).filter(Boolean).length / 5000;

  it('is as the scenario says, in the middle of its life', () => {
    expect(share(FLAG.OFFLINE)).toBeCloseTo(0.1, 1);
    expect(share(FLAG.STREAMS)).toBeCloseTo(0.5, 1);
    expect(made.region.filter((region) => region === 1).length / 5000).toBeCloseTo(0.25, 1);
    expect(made.skew.filter((skew) => skew !== 0).length / 5000).toBeCloseTo(0.2, 1);
    expect(Math.max(...made.skew)).toBeLessThanOrEqual(90);
    expect([Math.min(...made.issuedAt) > -86400, Math.max(...made.issuedAt) <= 0]).toEqual([true, true]);
    expect(fleetRules({ fleet })).toMatchObject({ life: 86400, offlineFor: 3600, onlineFor: 32400 });
    expect(fleetRules({ fleet: { nodes: 1, offline_percent: 1 } })).toMatchObject({ offlineFor: 43200 });
    expect(fleetRules({ fleet: { nodes: 1 } }).onlineFor).toBe(ALWAYS);
  });
});

describe('scenarios', () => {
  const steps = (...all: JsonObject[]): JsonObject => smallest({ phases: [{ phase: 'prepare', steps: all }] });

  it('are read with durations in seconds, steps in the order of time', () => {
    const read = parseScenario(steps({ at: '2h', do: 'note' }, { at: '0', do: 'compromise', nodes: 1 }), 't');
    expect(stepsOf(read).map(({ at, do: kind, phase }) => [at, kind, phase])).toEqual([
      [0, 'compromise', 'prepare'],
      [7200, 'note', 'prepare'],
    ]);
    expect(stepsOf(parseScenario(smallest(), 't'))).toEqual([]);
    const published = readFileSync(new URL('../../../docs/schema/drill-1.json', import.meta.url), 'utf8');
    expect(JSON.parse(published)).toEqual(scenarioSchema());
  });

  it.each([
    ['a step that lacks what it needs', steps({ at: '1h', do: 'compromise' }), 'expected nodes in the step compromise'],
    ['a step after the end', steps({ at: '2d', do: 'note' }), 'expected steps within 86400 s'],
    ['a token that was never minted', steps({ at: '1h', do: 'revoke-token', token: 't' }), 'expected token t to be minted before'],
    ['a repeated step that is no attempt', steps({ at: '1h', do: 'publish-trust', count: 2 }), 'expected count on attempts'],
    [
      'too many steps',
      smallest({
        phases: Array.from({ length: 3 }, () => ({
          phase: 'prepare',
          steps: Array.from({ length: 100 }, () => ({ at: '1h', do: 'note' })),
        })),
      }),
      'expected at most 200 steps',
    ],
    ['a duration that is none', smallest({ duration: 'long' }), 'expected a duration like 90s'],
    ['a duration that is too long', smallest({ duration: '91d' }), 'at most 90d'],
    ['no time at all', smallest({ duration: '10s' }), 'expected at least a minute'],
    ['an objective without a limit', smallest({ objectives: [{ metric: 'alerts' }] }), 'expected one of at_most, at_least'],
    ['an objective with a limit of another kind', smallest({ objectives: [{ metric: 'alerts', at_most: true }] }), 'expected an integer'],
    ['an unknown step', steps({ at: '1h', do: 'explode' }), 'expected one of compromise'],
  ])('are refused: %s', (_, document, message) => {
    expect(() => parseScenario(document, 't')).toThrow(
      expect.objectContaining({ code: 'ERR_DRILL_MALFORMED', message: expect.stringContaining(message) }),
    );
  });
});
