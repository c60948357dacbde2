/**
 * One record of the audit log, `joinery/audit/1` (FORMATS 7): the RFC 8785 bytes are what is stored, hashed and exported.
 * `time` is RFC 3339 text in UTC with whole seconds, so that an exported line needs no joinery to be read; `details` is
 * always there, `{}` when there are none.
 */
import { canonicalBytes, type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { decodeUtf8, equalBytes } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { jsonObject, boolean, integer, object, oneOf, optional, type Parsed, parseDocument, refine, string } from '../parse.ts';
import type { AuditEvent } from '../ports.ts';
import { formatInstant, parseInstant } from '../time.ts';

export const AUDIT_SCHEMA = 'joinery/audit/1';

/** Longest record in bytes, so that no caller's input swells the log. */
export const MAX_AUDIT_RECORD_BYTES = 262144;

const timeText = refine(string({ maxLength: 20, describe: 'an RFC 3339 time in UTC' }), (text) =>
  parseInstant(text) === undefined
    ? { issue: 'expected an RFC 3339 time in UTC with whole seconds, found something else' }
    : { value: text },
);

const record = object({
  schema: oneOf([AUDIT_SCHEMA]),
  seq: integer(),
  time: timeText,
  // Not the closed table of this release: a log may hold the events of a later one.
  event: string({ maxLength: 64, pattern: /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+$/, describe: 'an event name' }),
  actor: object({ name: string({ minLength: 1, maxLength: 2048 }), verified: boolean() }),
  subject: string({ maxLength: 2048 }),
  environment: string({ maxLength: 63 }),
  correlation_id: string({ minLength: 1, maxLength: 128 }),
  result: oneOf(['ok', 'refused', 'failed']),
  reason: optional(string({ maxLength: 2048 })),
  details: jsonObject(),
});

export type AuditRecord = Parsed<typeof record>;

/** The published JSON Schema of a record. */
export const auditRecordSchema: JsonObject = record.schema;

/**
 * The bytes that the log holds for an event at place `seq`.
 * @throws ERR_INPUT_MALFORMED, ERR_INPUT_TOO_LARGE: what could not be read back is not written.
 */
export function auditRecord(seq: number, event: AuditEvent): Uint8Array {
  const { time, details = {}, ...rest } = event;
  const value = { schema: AUDIT_SCHEMA, seq, time: formatInstant(time), details, ...rest };
  parseDocument(record, value, `audit event ${event.event}`);
  const bytes = canonicalBytes(value);
  assertLength(bytes, `audit event ${event.event}`);
  return bytes;
}

/**
 * Reads a record and insists on its canonical spelling.
 * @param what names the record in the error.
 * @throws ERR_JSON_MALFORMED, ERR_ENCODING_MALFORMED, ERR_INPUT_MALFORMED, ERR_INPUT_TOO_LARGE
 */
export function parseAuditRecord(bytes: Uint8Array, what = 'audit record'): AuditRecord {
  assertLength(bytes, what);
  const value = parseStrictJson(decodeUtf8(bytes, what), what);
  const parsed = parseDocument(record, value, what);
  if (!equalBytes(canonicalBytes(value), bytes))
    throw new JoineryError('ERR_JSON_MALFORMED', `${what}: expected RFC 8785 bytes, found another spelling`);
  return parsed;
}

function assertLength(bytes: Uint8Array, what: string): void {
  if (bytes.length <= MAX_AUDIT_RECORD_BYTES) return;
  throw new JoineryError('ERR_INPUT_TOO_LARGE', `${what}: expected at most ${MAX_AUDIT_RECORD_BYTES} bytes, found ${bytes.length}`);
}
