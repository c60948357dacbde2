/**
 * Audit records for pipelines that know neither joinery nor JSON: Common Event Format (ArcSight CEF version 0) and syslog
 * (RFC 5424). Control characters of a record, which its sender may have chosen, never end a line or a field.
 */
import { canonicalJson } from '../canonical-json.ts';
import { parseInstant } from '../time.ts';
import { AUDIT_EVENTS } from './events.ts';
import type { AuditRecord } from './record.ts';

export const EXPORT_FORMATS = ['jsonl', 'cef', 'syslog'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What a line says beyond the record. */
export interface ExportSource {
  /** Version of joinery. */
  readonly version: string;
  /** RFC 5424 HOSTNAME; `-` when it is not known. */
  readonly hostname: string;
}

/** CEF severity 0 to 10. */
const CEF_SEVERITY = { ok: 3, refused: 6, failed: 7 } as const;
/** RFC 5424 table 2: notice, warning, error. */
const SYSLOG_SEVERITY = { ok: 5, refused: 4, failed: 3 } as const;
/** RFC 5424 table 1: log audit. */
const SYSLOG_FACILITY = 13;

// The names of structured data need a private enterprise number; 32473 is IANA's for documentation (RFC 5612).
const STRUCTURED_ID = 'joinery@32473';

// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

function plain(text: string): string {
  return text.replace(CONTROL, ' ');
}

const titleOf = (event: string): string => (Object.hasOwn(AUDIT_EVENTS, event) ? AUDIT_EVENTS[event as keyof typeof AUDIT_EVENTS] : event);

/** `CEF:0|joinery|joinery|<version>|<event>|<title>|<severity>|<key=value ...>`; times are milliseconds since 1970, as CEF wants them. */
export function cefLine(record: AuditRecord, { version }: ExportSource): string {
  const header = ['joinery', 'joinery', version, record.event, titleOf(record.event), String(CEF_SEVERITY[record.result])];
  const extension: Readonly<Record<string, string | undefined>> = {
    rt: String((parseInstant(record.time) as number) * 1000),
    externalId: String(record.seq),
    suser: record.actor.name,
    act: record.event,
    outcome: record.result,
    reason: record.reason,
    cs1Label: 'subject',
    cs1: record.subject,
    cs2Label: 'correlationId',
    cs2: record.correlation_id,
    cs3Label: 'environment',
    cs3: record.environment,
    cs4Label: 'actorVerified',
    cs4: String(record.actor.verified),
    msg: canonicalJson(record.details),
  };
  const fields = Object.entries(extension).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${cefValue(value)}`]));
  return `CEF:0|${header.map(cefHeader).join('|')}|${fields.join(' ')}`;
}

function cefHeader(text: string): string {
  return plain(text).replace(/[\\|]/g, '\\$&');
}

function cefValue(text: string): string {
  return plain(text).replace(/[\\=]/g, '\\$&');
}

/** RFC 5424 section 6; the message is the record itself in canonical JSON, so that nothing is lost on the way. */
export function syslogLine(record: AuditRecord, { hostname }: ExportSource): string {
  const priority = SYSLOG_FACILITY * 8 + SYSLOG_SEVERITY[record.result];
  const data: Readonly<Record<string, string>> = {
    seq: String(record.seq),
    actor: record.actor.name,
    verified: String(record.actor.verified),
    subject: record.subject,
    result: record.result,
    correlation: record.correlation_id,
    environment: record.environment,
  };
  const fields = Object.entries(data).map(([name, value]) => `${name}="${parameter(value)}"`);
  // MSGID is at most 32 characters, and the names of events are printable ASCII.
  const id = record.event.slice(0, 32);
  return `<${priority}>1 ${record.time} ${hostname} joinery - ${id} [${STRUCTURED_ID} ${fields.join(' ')}] \ufeff${canonicalJson(record)}`;
}

/** RFC 5424 section 6.3.3: quote, backslash and bracket are escaped. */
function parameter(text: string): string {
  return plain(text).replace(/["\\\]]/g, '\\$&');
}
