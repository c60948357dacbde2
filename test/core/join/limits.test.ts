import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressGroup } from '../../../src/core/join/address-group.ts';
import { CHALLENGE_TTL } from '../../../src/core/attest/evidence.ts';
import { isChallenge, mintChallenge } from '../../../src/core/join/challenge.ts';
import { RateLimiter } from '../../../src/core/join/rate-limit.ts';
import { formatInstant, plus } from '../../../src/core/time.ts';
import { fakeClock } from '../../fakes/clock.ts';
import { fakeRandom } from '../../fakes/random.ts';

describe('addressGroup', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:2::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
    ['', ''],
  ])('%s is in %s', (address, group) => expect(addressGroup(address)).toBe(group));
});

describe('RateLimiter', () => {
  it('gives a burst, then one at a time as they come in again, and says when', () => {
    const clock = fakeClock();
    const limiter = new RateLimiter(clock, () => 6);
    expect(Array.from({ length: 6 }, () => limiter.take('a'))).toEqual([0, 0, 0, 0, 0, 0]);
    expect([limiter.take('a'), limiter.take('b')]).toEqual([10, 0]);
    clock.advance(9);
    expect(limiter.take('a')).toBe(1);
    clock.advance(1);
    expect([limiter.take('a'), limiter.take('a')]).toEqual([0, 10]);
    clock.advance(-3600);
    expect(limiter.take('a')).toBe(10);
  });

  it('obeys a new limit at once', () => {
    let most = 1;
    const limiter = new RateLimiter(fakeClock(), () => most);
    expect([limiter.take('a'), limiter.take('a')]).toEqual([0, 60]);
    most = 600;
    expect(limiter.take('a')).toBe(1);
  });

  it('remembers so many and no more', () => {
    const limiter = new RateLimiter(fakeClock(), () => 1, 100);
    for (let index = 0; index < 1000; index++) limiter.take(`address ${index}`);
    expect(limiter.size).toBe(100);
    expect([limiter.take('address 999'), limiter.take('address 0')]).toEqual([60, 0]);
  });

  it('never gives more in any time than burst and refill', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 60 }), fc.integer({ min: 1, max: 50 }), (waits, most) => {
        const clock = fakeClock();
        const limiter = new RateLimiter(clock, () => most);
        const start = clock.now();
        let given = 0;
        for (const wait of waits) {
          clock.advance(wait);
          if (limiter.take('x') === 0) given += 1;
        }
        expect(given).toBeLessThanOrEqual(most + ((clock.now() - start) * most) / 60 + 1e-9);
      }),
      { numRuns: 100 },
    );
  });
});

describe('challenge', () => {
  const mac = (data: Uint8Array) => new Uint8Array(createHmac('sha256', 'key').update(data).digest());
  const now = fakeClock().now();
  const made = mintChallenge({ mac, random: fakeRandom() }, now);

  it('is good for a minute, at the server that made it', () => {
    expect(made.expires_at).toBe(formatInstant(plus(now, CHALLENGE_TTL)));
    expect([0, CHALLENGE_TTL, CHALLENGE_TTL + 1].map((later) => isChallenge(mac, made.nonce, plus(now, later)))).toEqual([
      true,
      true,
      false,
    ]);
    const other = (data: Uint8Array) => new Uint8Array(createHmac('sha256', 'other').update(data).digest());
    expect(isChallenge(other, made.nonce, now)).toBe(false);
  });

  it('is changed in no octet', () => {
    fc.assert(
      fc.property(fc.nat(made.nonce.length - 1), fc.constantFrom('A', 'z', '9', '-', '=', ' '), (at, letter) => {
        const changed = made.nonce.slice(0, at) + letter + made.nonce.slice(at + 1);
        expect(isChallenge(mac, changed, now)).toBe(changed === made.nonce);
      }),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => !isChallenge(mac, text, now)),
      { numRuns: 100 },
    );
  });
});
