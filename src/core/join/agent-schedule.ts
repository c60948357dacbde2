/** When the agent of a node acts: the draw within the renewal window, the pauses after failures, and the alerts. Pure: times come in. */
import { digestOf } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import type { Random } from '../ports.ts';
import { type Instant, plus } from '../time.ts';

/** Shares of the life of a certificate that are left when it is renewed. */
export const RENEWAL_WINDOW = { opens: 0.33, closes: 0.2 } as const;

export interface Life {
  readonly node: string;
  /** Of the certificate. */
  readonly serial: string;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
}

/**
 * Drawn from the name of the node and the serial number: a fleet that joined in one minute does not renew in one minute, and an agent
 * that is started again means the same time.
 */
export function renewalDue({ node, serial, issuedAt, expiresAt }: Life): Instant {
  const drawn = Number.parseInt(digestOf(utf8(`${node}\n${serial}`)).slice(0, 12), 16) / 2 ** 48;
  const left = RENEWAL_WINDOW.closes + (RENEWAL_WINDOW.opens - RENEWAL_WINDOW.closes) * drawn;
  return plus(expiresAt, -Math.floor((expiresAt - issuedAt) * left));
}

export interface PauseBounds {
  /** Seconds, with fractions. */
  readonly floor: number;
  readonly cap: number;
}

const between = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** What an expired node goes by: it has no life left to measure by. */
const NO_LIFE = 3600;
const SHORTEST = 1;
const LONGEST_FLOOR = 30;
const LONGEST_PAUSE = 3600;
/** Attempts that the longest pauses leave room for, before the certificate ends. */
const ATTEMPTS_LEFT = 12;

/** @param left seconds until the certificate ends; 0 or less after its end. */
export function pauseBounds(left: number): PauseBounds {
  const basis = left > 0 ? left : NO_LIFE;
  const floor = between(basis / 1000, SHORTEST, LONGEST_FLOOR);
  return { floor, cap: between(basis / ATTEMPTS_LEFT, floor, LONGEST_PAUSE) };
}

/**
 * Exponential with full jitter above the floor.
 * @param failures in a row, 1 or more. @param retryAfter seconds that the server asked for: kept to, but not beyond the cap.
 */
export function pauseAfter(failures: number, { floor, cap }: PauseBounds, random: Random, retryAfter = 0): number {
  const [a, b] = random.bytes(2) as unknown as [number, number];
  const ceiling = Math.min(cap, floor * 2 ** Math.min(failures, 30));
  const drawn = floor + ((a * 256 + b) / 65536) * (ceiling - floor);
  return Math.max(drawn, Math.min(retryAfter, cap));
}

/** Seconds that one sleep lasts at most: a clock that was set, or a machine that slept, is noticed by then. */
const LONGEST_SLEEP = 60;

/** Seconds to sleep before looking again. @param life of the certificate, seconds; 0 where there is none. */
export function sleepFor(wanted: number, life: number, watchdog: number | undefined): number {
  const looks = life > 0 ? life / 20 : LONGEST_SLEEP;
  const longest = Math.min(LONGEST_SLEEP, looks, watchdog === undefined ? LONGEST_SLEEP : watchdog / 2);
  return between(wanted, SHORTEST, Math.max(longest, SHORTEST));
}

export const LIFE_ALERTS = ['renewal-late', 'renewal-expiring', 'identity-expired'] as const;
export type LifeAlert = (typeof LIFE_ALERTS)[number];

export interface AlertShares {
  /** Share of the life that is left when the objective of renewals is missed. */
  readonly late: number;
  readonly expiring: number;
}

export const DEFAULT_ALERT_SHARES: AlertShares = { late: 0.15, expiring: 0.05 };

/** What a certificate calls for now: the more urgent ones include the less urgent ones. @param failing a renewal was tried and failed */
export function lifeAlerts(
  { issuedAt, expiresAt }: Pick<Life, 'issuedAt' | 'expiresAt'>,
  now: Instant,
  failing: boolean,
  shares: AlertShares = DEFAULT_ALERT_SHARES,
): readonly LifeAlert[] {
  if (now >= expiresAt) return ['identity-expired'];
  const left = (expiresAt - now) / (expiresAt - issuedAt);
  if (!failing || left >= shares.late) return [];
  return left < shares.expiring ? ['renewal-late', 'renewal-expiring'] : ['renewal-late'];
}
