/** Flags of the audit commands, and how a record looks on a line. */
import * as Flags from '@oclif/core/flags';
import type { AuditFilter } from '../core/audit/filter.ts';
import type { AuditRecord } from '../core/audit/record.ts';
import { JoineryError } from '../core/errors.ts';
import { type Instant, parseDuration, parseInstant, plus } from '../core/time.ts';
import { printable, type Style } from './render/text.ts';

const RESULTS = ['ok', 'refused', 'failed'] as const;

export const auditFilterFlags = {
  event: Flags.string({ description: 'only this event, or all of an area: token.*', helpValue: 'EVENT', helpGroup: 'FILTER' }),
  by: Flags.string({ description: 'only what this actor did', helpValue: 'NAME', helpGroup: 'FILTER' }),
  subject: Flags.string({
    description: 'only what happened to this: a token id, an authority, ...',
    helpValue: 'NAME',
    helpGroup: 'FILTER',
  }),
  correlation: Flags.string({ description: 'only records of this operation', helpValue: 'ID', helpGroup: 'FILTER' }),
  result: Flags.option({ options: RESULTS, description: 'only records with this result', helpGroup: 'FILTER' })(),
  since: Flags.string({
    description: 'only from this time on: 2026-11-22T10:00:00Z, or so long ago: 2h',
    helpValue: 'TIME',
    helpGroup: 'FILTER',
  }),
  until: Flags.string({ description: 'only before this time', helpValue: 'TIME', helpGroup: 'FILTER' }),
};

interface FilterFlags {
  readonly event?: string | undefined;
  readonly by?: string | undefined;
  readonly subject?: string | undefined;
  readonly correlation?: string | undefined;
  readonly result?: AuditFilter['result'];
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** @throws ERR_USAGE for a time that is none. */
export function auditFilter(flags: FilterFlags, now: Instant): AuditFilter {
  const { event, by, subject, correlation, result, since, until } = flags;
  return {
    ...(event !== undefined && { event }),
    ...(by !== undefined && { actor: by }),
    ...(subject !== undefined && { subject }),
    ...(correlation !== undefined && { correlationId: correlation }),
    ...(result !== undefined && { result }),
    ...(since !== undefined && { since: timeFlag('--since', since, now) }),
    ...(until !== undefined && { until: timeFlag('--until', until, now) }),
  };
}

function timeFlag(flag: string, text: string, now: Instant): Instant {
  const ago = parseDuration(text);
  const found = ago === undefined ? parseInstant(text) : plus(now, 0 - ago);
  if (found !== undefined) return found;
  throw new JoineryError(
    'ERR_USAGE',
    `${flag}: expected a time like 2026-11-22T10:00:00Z or 2h, found ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/** One line for people. */
export function auditLine(record: AuditRecord, paint: Style): string {
  const { seq, time, event, actor, subject, result, reason } = record;
  const who = actor.verified ? actor.name : `${actor.name} (unverified)`;
  const outcome = result === 'ok' ? paint('green', result) : paint('red', result);
  const why = reason === undefined ? '' : `: ${reason}`;
  return `${String(seq).padStart(5)}  ${paint('dim', time)}  ${printable(event.padEnd(24))} ${outcome}  ${printable(`${subject}  by ${who}${why}`)}`;
}
