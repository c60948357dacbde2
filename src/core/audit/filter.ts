/** Which audit records somebody asks for. */
import { formatInstant, type Instant } from '../time.ts';
import type { AuditRecord } from './record.ts';

export interface AuditFilter {
  /** An event, or all of an area: `token.*`. */
  readonly event?: string;
  readonly actor?: string;
  readonly subject?: string;
  readonly correlationId?: string;
  readonly result?: AuditRecord['result'];
  /** Inclusive. */
  readonly since?: Instant;
  /** Exclusive. */
  readonly until?: Instant;
}

/** True when every member that the filter has agrees. */
export function matchesFilter(filter: AuditFilter, record: AuditRecord): boolean {
  const { event, since, until } = filter;
  return (
    (event === undefined || isEvent(event, record.event)) &&
    isAsked(filter.actor, record.actor.name) &&
    isAsked(filter.subject, record.subject) &&
    isAsked(filter.correlationId, record.correlation_id) &&
    isAsked(filter.result, record.result) &&
    // RFC 3339 with one width and one zone: the order of the texts is the order of the times.
    (since === undefined || record.time >= formatInstant(since)) &&
    (until === undefined || record.time < formatInstant(until))
  );
}

function isAsked(asked: string | undefined, found: string): boolean {
  return asked === undefined || asked === found;
}

function isEvent(pattern: string, event: string): boolean {
  return pattern.endsWith('.*') ? event.startsWith(pattern.slice(0, -1)) : event === pattern;
}
