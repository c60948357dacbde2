/** Moments that other programs name: any RFC 3339 time, where joinery itself writes one form only. */
import { type Instant, parseInstant } from '../core/time.ts';
import { instantFlag } from './flags.ts';

const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * The second that a moment lies in: X.509 counts whole seconds, so that a certificate is valid through all of its last one.
 * @throws ERR_USAGE
 */
export function momentFlag(flag: string, value: string): Instant {
  const [, date, time, sign = '+', hours = '0', minutes = '0'] = RFC3339.exec(value) ?? [];
  const local = parseInstant(`${date}T${time}Z`);
  const offset = (Number(hours) * 60 + Number(minutes)) * 60;
  const moment = local === undefined ? -1 : local - (sign === '-' ? -offset : offset);
  if (Number(hours) > 23 || Number(minutes) > 59 || moment < 0) return instantFlag(flag, value);
  return moment as Instant;
}
