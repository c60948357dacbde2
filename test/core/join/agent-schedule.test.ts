import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  DEFAULT_ALERT_SHARES,
  lifeAlerts,
  pauseAfter,
  pauseBounds,
  RENEWAL_WINDOW,
  renewalDue,
  sleepFor,
} from '../../../src/core/join/agent-schedule.ts';
import { type Instant, plus } from '../../../src/core/time.ts';
import { fakeRandom } from '../../fakes/random.ts';

const START = 1_800_000_000 as Instant;
const DAY = 86_400;

test('10 000 agents that joined in one second renew evenly over the window', () => {
  const BINS = 20;
  const life = { issuedAt: START, expiresAt: plus(START, DAY) };
  const counts = Array.from({ length: BINS }, () => 0);
  const opens = DAY * (1 - RENEWAL_WINDOW.opens);
  const width = (DAY * (RENEWAL_WINDOW.opens - RENEWAL_WINDOW.closes)) / BINS;
  for (let index = 0; index < 10_000; index++) {
    const due = renewalDue({ ...life, node: `node-${index}`, serial: (index * 7919).toString(16) }) - START;
    const bin = Math.min(BINS - 1, Math.floor((due - opens) / width));
    counts[bin] = (counts[bin] as number) + 1;
  }
  const line = (count: number, bin: number): string =>
    `${((opens + bin * width) / 3600).toFixed(2).padStart(6)} h ${'#'.repeat(count / 10)} ${count}`;
  process.stdout.write(`renewals of 10 000 agents with lives of 24 h\n${counts.map(line).join('\n')}\n`);
  // 500 are expected in each bin; five standard deviations are 109.
  for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(109);
});

test('the draw is within the window and the same each time', () => {
  const any = fc.record({ node: fc.string(), serial: fc.string(), life: fc.integer({ min: 60, max: 31_536_000 }) });
  fc.assert(
    fc.property(any, ({ node, serial, life }) => {
      const given = { node, serial, issuedAt: START, expiresAt: plus(START, life) };
      const due = renewalDue(given);
      expect(due).toBe(renewalDue(given));
      expect(due - START).toBeGreaterThanOrEqual(Math.floor(life * (1 - RENEWAL_WINDOW.opens)));
      expect(due - START).toBeLessThanOrEqual(Math.ceil(life * (1 - RENEWAL_WINDOW.closes)));
    }),
  );
});

test('pauses are never below the floor, never above the cap, and grow', () => {
  const any = fc.record({
    failures: fc.integer({ min: 1, max: 1000 }),
    left: fc.integer({ min: -100, max: 31_536_000 }),
    seed: fc.string(),
    asked: fc.integer({ min: 0, max: 1e6 }),
  });
  fc.assert(
    fc.property(any, ({ failures, left, seed, asked }) => {
      const bounds = pauseBounds(left);
      const pause = pauseAfter(failures, bounds, fakeRandom(seed), asked);
      expect(bounds.floor).toBeGreaterThanOrEqual(1);
      expect(pause).toBeGreaterThanOrEqual(bounds.floor);
      expect(pause).toBeLessThanOrEqual(bounds.cap);
      expect(pause).toBeGreaterThanOrEqual(Math.min(asked, bounds.cap));
    }),
  );
  const bounds = pauseBounds(8 * 3600);
  expect(pauseAfter(1, bounds, { bytes: (n) => new Uint8Array(n).fill(255) })).toBeLessThan(
    pauseAfter(4, bounds, { bytes: (n) => new Uint8Array(n).fill(255) }),
  );
});

test.each([
  ['minutes', 600],
  ['hours', 4 * 3600],
  ['days', 3 * DAY],
])('an outage of %s from the moment of renewal on: attempts are bounded, and the last one is soon after its end', (_, outage) => {
  const random = fakeRandom(`outage-${outage}`);
  const expires = 4 * DAY;
  let at = 0;
  let attempts = 0;
  for (; at < outage; attempts++) at += pauseAfter(attempts + 1, pauseBounds(expires - at), random);
  expect(attempts).toBeGreaterThan(2);
  expect(attempts).toBeLessThan(400);
  // Twelve attempts at least fit into what is left, whenever the server comes back.
  expect(at - outage).toBeLessThanOrEqual((expires - outage) / 11);
  expect(at).toBeLessThan(expires);
});

test('sleeps are bounded: by a minute, by a twentieth of the life, by half the watchdog', () => {
  expect(sleepFor(100_000, DAY, undefined)).toBe(60);
  expect(sleepFor(100_000, 600, undefined)).toBe(30);
  expect(sleepFor(100_000, 0, undefined)).toBe(60);
  expect(sleepFor(100_000, DAY, 20)).toBe(10);
  expect(sleepFor(7, DAY, undefined)).toBe(7);
  expect(sleepFor(-5, DAY, undefined)).toBe(1);
  expect(sleepFor(5, 10, 0.1)).toBe(1);
});

test('alerts by what is left of the life, where renewals fail', () => {
  const life = { issuedAt: START, expiresAt: plus(START, 1000) };
  const at = (left: number, failing = true) => lifeAlerts(life, plus(life.expiresAt, -left), failing);
  expect(at(151)).toEqual([]);
  expect(at(149)).toEqual(['renewal-late']);
  expect(at(149, false)).toEqual([]);
  expect(at(49)).toEqual(['renewal-late', 'renewal-expiring']);
  expect(at(0, false)).toEqual(['identity-expired']);
  expect(lifeAlerts(life, plus(START, 400), true, { ...DEFAULT_ALERT_SHARES, late: 0.7 })).toEqual(['renewal-late']);
});
