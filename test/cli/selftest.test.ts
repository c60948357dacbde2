import { describe, expect, it, vi } from 'vitest';
import { environmentChecks } from '../../src/cli/selftest.ts';
import type { Clock } from '../../src/core/ports.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { fakeClock } from '../fakes/clock.ts';

const state = vi.hoisted(() => ({ stuck: false, row: 'joinery', back: false, pins: true }));
vi.mock('../../src/adapters/random.ts', async (original) => {
  const { systemRandom } = await original<{ systemRandom: { bytes(length: number): Uint8Array } }>();
  return { systemRandom: { bytes: (length: number) => (state.stuck ? new Uint8Array(length) : systemRandom.bytes(length)) } };
});
vi.mock('../../src/adapters/environment-checks.ts', async (original) => {
  const real = await original<{ monotonicReadings(count: number): readonly number[] }>();
  return { ...real, monotonicReadings: (count: number) => (state.back ? [2, 1] : real.monotonicReadings(count)) };
});
vi.mock('../../src/core/token/pin.ts', async (original) => {
  const { checkPinnedChain } = await original<{ checkPinnedChain(...args: unknown[]): unknown }>();
  return {
    checkPinnedChain: (chain: { certificates: readonly unknown[] }, pin: unknown) =>
      state.pins ? checkPinnedChain(chain, pin) : { anchor: chain.certificates.at(-1) },
  };
});

const keychain = { library: 'fake' };
const check = async (id: string, clock: Clock = systemClock) =>
  environmentChecks(clock, () => Promise.resolve(keychain as never))
    .find((entry) => entry.id === id)
    ?.run();

describe('the checks of the environment', () => {
  it('hold here', async () => {
    expect(await check('random')).toBe('2048 octets');
    expect(await check('clock')).toMatch(/^\d{4}-/);
    expect(await check('sqlite')).toMatch(/^\d+\.\d+/);
    expect(await check('tls')).toBe('TLS 1.3');
    expect(await check('keychain')).toBe('fake');
  });

  it('see a generator that is stuck', async () => {
    state.stuck = true;
    await expect(check('random')).rejects.toThrow('expected different octets in every draw, found something else');
    state.stuck = false;
  });

  it('see a clock that is wrong or goes back', async () => {
    await expect(check('clock', fakeClock('2020-01-01T00:00:00Z'))).rejects.toThrow('expected a time after 2026-11-01T00:00:00Z');
    state.back = true;
    await expect(check('clock')).rejects.toThrow('expected a monotonic clock');
    state.back = false;
  });

  it('see a pin that is not looked at', async () => {
    state.pins = false;
    await expect(check('tls')).rejects.toThrow('expected a wrong pin to be refused');
    state.pins = true;
  });
});
