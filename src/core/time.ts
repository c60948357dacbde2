/** Instants are integer seconds since the Unix epoch; durations are integer seconds. Both are branded. */
import { JoineryError } from './errors.ts';

declare const instantBrand: unique symbol;
declare const secondsBrand: unique symbol;

/** Seconds since 1970-01-01T00:00:00Z. */
export type Instant = number & { readonly [instantBrand]: true };

/** A duration in whole seconds. */
export type Seconds = number & { readonly [secondsBrand]: true };

/** 9999-12-31T23:59:59Z, the last instant that X.509 and RFC 3339 can write. */
export const LAST_INSTANT = 253402300799 as Instant;

/** @throws ERR_INTERNAL unless `value` is an integer from 0 to {@link LAST_INSTANT}. */
export function instant(value: number): Instant {
  if (!isInstant(value)) throw new JoineryError('ERR_INTERNAL', `not an instant: ${value}`);
  return value;
}

export function isInstant(value: number): value is Instant {
  return Number.isInteger(value) && value >= 0 && value <= LAST_INSTANT;
}

export function seconds(value: number): Seconds {
  if (!Number.isSafeInteger(value)) throw new JoineryError('ERR_INTERNAL', `not a duration in seconds: ${value}`);
  return value as Seconds;
}

/** `at` moved by `by` seconds (negative: earlier), kept inside what can be written. */
export function plus(at: Instant, by: number): Instant {
  return Math.min(Math.max(at + by, 0), LAST_INSTANT) as Instant;
}

export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const DAY = 86400;
/** Days of a 400-year cycle of the Gregorian calendar, and of the years 0 to 1970 counted from 1 March of year 0. */
const DAYS_OF_CYCLE = 146097;
const DAYS_TO_EPOCH = 719468;

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar (years counted from March, so leap days come last). */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const cycle = Math.floor(y / 400);
  const yearOfCycle = y - cycle * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfCycle = yearOfCycle * 365 + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100) + dayOfYear;
  return cycle * DAYS_OF_CYCLE + dayOfCycle - DAYS_TO_EPOCH;
}

/** The UTC calendar fields of an instant. */
export function toCivil(at: Instant): CivilTime {
  const days = Math.floor(at / DAY) + DAYS_TO_EPOCH;
  const cycle = Math.floor(days / DAYS_OF_CYCLE);
  const dayOfCycle = days - cycle * DAYS_OF_CYCLE;
  const yearOfCycle = Math.floor(
    (dayOfCycle - Math.floor(dayOfCycle / 1460) + Math.floor(dayOfCycle / 36524) - Math.floor(dayOfCycle / 146096)) / 365,
  );
  const dayOfYear = dayOfCycle - (365 * yearOfCycle + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const time = at % DAY;
  return {
    year: yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
    hour: Math.floor(time / 3600),
    minute: Math.floor((time % 3600) / 60),
    second: time % 60,
  };
}

/** @returns undefined when the fields name no moment from 1970 to 9999 (31 February, hour 24, a leap second). */
export function fromCivil(civil: CivilTime): Instant | undefined {
  const { year, month, day, hour, minute, second } = civil;
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  const value = daysOf(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
  if (!isInstant(value)) return undefined;
  const back = toCivil(value);
  return back.day === day && back.month === month ? value : undefined;
}

const pad = (value: number, width = 2): string => String(value).padStart(width, '0');

/** RFC 3339 in UTC with whole seconds: `2026-11-22T10:00:00Z`. */
export function formatInstant(at: Instant): string {
  const { year, month, day, hour, minute, second } = toCivil(at);
  return `${pad(year, 4)}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}Z`;
}

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;

/**
 * Parses {@link formatInstant}'s form and nothing wider.
 * @returns undefined when `text` is not such an instant.
 */
export function parseInstant(text: string): Instant | undefined {
  const fields = RFC3339.exec(text)?.slice(1).map(Number);
  if (fields === undefined) return undefined;
  const [year, month, day, hour, minute, second] = fields as [number, number, number, number, number, number];
  return fromCivil({ year, month, day, hour, minute, second });
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };

/**
 * Parses `90s`, `15m`, `24h`, `30d`, `2w`, `10y` (365 days a year) and sums like `1h30m`.
 * @returns undefined when `text` is not a positive duration.
 */
export function parseDuration(text: string): Seconds | undefined {
  if (!/^(\d{1,9}[smhdwy])+$/.test(text)) return undefined;
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdwy])/g)) total += Number(count) * (UNIT_SECONDS[unit as string] as number);
  return total > 0 && total <= LAST_INSTANT ? (total as Seconds) : undefined;
}

/** The largest two units of a duration: `15m`, `1d 4h`, `9y 364d`. */
export function formatDuration(duration: number): string {
  const parts: string[] = [];
  let rest = Math.abs(Math.trunc(duration));
  for (const unit of ['y', 'd', 'h', 'm', 's']) {
    const size = UNIT_SECONDS[unit] as number;
    if (rest >= size && parts.length < 2) {
      parts.push(`${Math.floor(rest / size)}${unit}`);
      rest %= size;
    }
  }
  return (duration < 0 ? '-' : '') + (parts.join(' ') || '0s');
}
