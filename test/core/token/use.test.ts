import { describe, expect, test } from 'vitest';
import type { Instant, Seconds } from '../../../src/core/time.ts';
import { checkGrant } from '../../../src/core/token/checks.ts';
import type { Grant } from '../../../src/core/token/grant.ts';
import { decideUse, type TokenState, UNUSED, type UseRequest } from '../../../src/core/token/use.ts';

const NOW = 1_800_000_000 as Instant;
const at = (offset: number) => (NOW + offset) as Instant;
const grant: Grant = {
  format: 'jwt',
  issuer: 'realm',
  id: 'id',
  clusters: ['prod'],
  role: 'worker',
  allowReentry: false,
  labels: {},
  issuedAt: NOW,
  notBefore: NOW,
  expiresAt: at(900),
  maxUses: 1,
};
const request: UseRequest = { keyThumbprint: 'key', node: 'n1', role: 'worker' };
const usedByMe: TokenState = { revoked: false, used: 1, sameKey: { node: 'n1', role: 'worker', usedAt: NOW } };
const usedByOther: TokenState = { revoked: false, used: 1 };

describe('the decision about one use', () => {
  test.each<[string, Partial<Grant>, TokenState, UseRequest | undefined, number, string]>([
    ['first use', {}, UNUSED, request, 0, 'accepted'],
    ['a look at an unused token', {}, UNUSED, undefined, 0, 'accepted'],
    ['a look at a spent token', {}, usedByOther, undefined, 0, 'replayed'],
    ['the same key again', {}, usedByMe, request, 0, 'same-request'],
    ['the same key, other node', {}, usedByMe, { ...request, node: 'n2' }, 0, 'conflict'],
    ['the same key, other role', {}, usedByMe, { ...request, role: 'control-plane' }, 0, 'conflict'],
    ['another key', {}, usedByOther, request, 0, 'replayed'],
    ['another key while uses remain', { maxUses: 2 }, usedByOther, request, 0, 'accepted'],
    ['another key after the last of two uses', { maxUses: 2 }, { ...usedByOther, used: 2 }, request, 0, 'exhausted'],
    ['a token without limit', { maxUses: null }, { ...usedByOther, used: 1e9 }, request, 0, 'accepted'],
    ['a token without end', { expiresAt: null }, UNUSED, request, 1e9, 'accepted'],
    ['the last second', {}, UNUSED, request, 959, 'accepted'],
    ['expired', {}, UNUSED, request, 960, 'expired'],
    ['the same key in the hour after exp', {}, usedByMe, request, 900 + 3599, 'same-request'],
    ['the same key an hour after exp', {}, usedByMe, request, 900 + 3600, 'expired'],
    ['revoked', {}, { ...UNUSED, revoked: true }, request, 0, 'revoked'],
    ['revoked after its use by the same key', {}, { ...usedByMe, revoked: true }, request, 0, 'revoked'],
    ['issued before the watermark', {}, { ...usedByMe, notBefore: at(1) }, request, 0, 'superseded'],
    ['issued at the watermark', {}, { ...UNUSED, notBefore: at(0) }, request, 0, 'accepted'],
  ])('%s', (_, changes, state, asked, offset, decision) => {
    expect(decideUse({ ...grant, ...changes }, state, asked, at(offset))).toBe(decision);
  });
});

describe('the checks of a grant', () => {
  const check = (state: TokenState, offset = 0, changes: Partial<Grant> = {}, asked: UseRequest | undefined = request) => {
    try {
      return checkGrant({ ...grant, ...changes }, { cluster: 'prod' }, state, { now: at(offset), maxLifetime: 900 as Seconds }, asked);
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  test('give each refusal its code', () => {
    expect(check(UNUSED)).toBe('accepted');
    expect(check(usedByMe)).toBe('same-request');
    expect(check(usedByMe, 0, {}, { ...request, node: 'n2' })).toBe('ERR_TOKEN_USE_CONFLICT');
    expect(check(usedByOther)).toBe('ERR_TOKEN_REPLAYED');
    expect(check({ ...usedByOther, used: 2 }, 0, { maxUses: 2 })).toBe('ERR_TOKEN_EXHAUSTED');
    expect(check({ ...UNUSED, revoked: true })).toBe('ERR_TOKEN_REVOKED');
    expect(check({ ...UNUSED, notBefore: at(1) })).toBe('ERR_TOKEN_SUPERSEDED');
  });

  test('are exact in time, for a late repeat too, and a token without end is bound by nothing but its issue', () => {
    expect(check(UNUSED, 960)).toBe('ERR_TOKEN_EXPIRED');
    expect(check(usedByMe, 960)).toBe('same-request');
    expect(check(usedByMe, 4500)).toBe('ERR_TOKEN_EXPIRED');
    expect(check(UNUSED, -61)).toBe('ERR_TOKEN_ISSUED_LATER');
    expect(check(UNUSED, -60)).toBe('accepted');
    expect(check(UNUSED, 0, { expiresAt: null })).toBe('accepted');
    expect(check(UNUSED, 0, { expiresAt: at(901) })).toBe('ERR_TOKEN_LIFETIME');
    expect(check({ ...UNUSED, clockMark: at(61) })).toBe('ERR_CLOCK_BEHIND');
    expect(check({ ...UNUSED, clockMark: at(60) })).toBe('accepted');
  });
});
