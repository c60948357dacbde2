import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AUDIT_EVENTS } from '../../../src/core/audit/events.ts';
import { auditRecord, auditRecordSchema, MAX_AUDIT_RECORD_BYTES, parseAuditRecord } from '../../../src/core/audit/record.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { decodeUtf8, utf8 } from '../../../src/core/encoding.ts';
import type { AuditEvent } from '../../../src/core/ports.ts';
import { instant } from '../../../src/core/time.ts';

const event: AuditEvent = {
  time: instant(1_800_000_000),
  event: 'token.mint',
  actor: { name: 'alice', verified: false },
  subject: 'a1',
  environment: 'prod',
  correlation_id: 'c-1',
  result: 'ok',
  details: { role: 'worker', b: 1, a: [true, null] },
};

const LINE =
  '{"actor":{"name":"alice","verified":false},"correlation_id":"c-1","details":{"a":[true,null],"b":1,"role":"worker"},"environment":"prod",' +
  '"event":"token.mint","result":"ok","schema":"joinery/audit/1","seq":7,"subject":"a1","time":"2027-01-15T08:00:00Z"}';

describe('audit records', () => {
  it('are one line of RFC 8785', () => {
    expect(decodeUtf8(auditRecord(7, event))).toBe(LINE);
  });

  it('are read back', () => {
    expect(parseAuditRecord(utf8(LINE))).toEqual({ ...event, schema: 'joinery/audit/1', seq: 7, time: '2027-01-15T08:00:00Z' });
  });

  it('keep the reason of a refusal, and always have details', () => {
    const { details: _, ...bare } = event;
    const record = parseAuditRecord(auditRecord(0, { ...bare, result: 'refused', reason: 'expired' }));
    expect(record).toMatchObject({ result: 'refused', reason: 'expired', details: {} });
  });

  it('come back whole for any text in them', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    const details = fc.dictionary(
      text.filter((name) => name !== '__proto__'),
      fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    );
    fc.assert(
      fc.property(fc.nat(), text, details, (seq, subject, extra) => {
        const bytes = auditRecord(seq, { ...event, subject, details: extra as JsonObject });
        const record = parseAuditRecord(bytes);
        expect(record).toMatchObject({ seq, subject });
        expect({ ...record.details }).toEqual({ ...extra });
        expect(decodeUtf8(bytes)).not.toContain('\n');
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    [
      'another order',
      LINE.replace('"result":"ok","schema":"joinery/audit/1"', '"schema":"joinery/audit/1","result":"ok"'),
      'ERR_JSON_MALFORMED',
    ],
    ['white space', `${LINE} `, 'ERR_JSON_MALFORMED'],
    ['a duplicate member', LINE.replace('{"actor"', '{"seq":1,"actor"'), 'ERR_JSON_MALFORMED'],
    ['another schema', LINE.replace('audit/1', 'audit/2'), 'ERR_INPUT_MALFORMED'],
    ['an unknown member', LINE.replace('{"actor"', '{"a":1,"actor"'), 'ERR_INPUT_MALFORMED'],
    ['a time of another form', LINE.replace('08:00:00Z', '08:00:00+00:00'), 'ERR_INPUT_MALFORMED'],
    ['a day that is none', LINE.replace('2027-01-15', '2027-02-30'), 'ERR_INPUT_MALFORMED'],
    ['details of another type', LINE.replace(/"details":\{.*?\}/, '"details":[]'), 'ERR_INPUT_MALFORMED'],
    ['an event name of another form', LINE.replace('token.mint', 'Token'), 'ERR_INPUT_MALFORMED'],
    ['a negative number', LINE.replace('"seq":7', '"seq":-7'), 'ERR_INPUT_MALFORMED'],
    ['no JSON', 'hello', 'ERR_JSON_MALFORMED'],
  ])('are refused with %s', (_, line, code) => {
    expect(line).not.toBe(LINE);
    expect(() => parseAuditRecord(utf8(line), 'record 7')).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(/^record 7: /) }),
    );
  });

  it('are refused when they are no UTF-8 or too long', () => {
    expect(() => parseAuditRecord(Uint8Array.of(0xff))).toThrow(expect.objectContaining({ code: 'ERR_ENCODING_MALFORMED' }));
    expect(() => parseAuditRecord(new Uint8Array(MAX_AUDIT_RECORD_BYTES + 1))).toThrow(
      expect.objectContaining({ code: 'ERR_INPUT_TOO_LARGE' }),
    );
  });

  it('are not written when they could not be read', () => {
    expect(() => auditRecord(0, { ...event, subject: 'x'.repeat(2049) })).toThrow(expect.objectContaining({ code: 'ERR_INPUT_MALFORMED' }));
    expect(() => auditRecord(0, { ...event, details: { x: 'y'.repeat(MAX_AUDIT_RECORD_BYTES) } })).toThrow(
      expect.objectContaining({ code: 'ERR_INPUT_TOO_LARGE' }),
    );
    expect(() => auditRecord(0, { ...event, details: { x: '\ud800' } })).toThrow(expect.objectContaining({ code: 'ERR_JSON_MALFORMED' }));
  });

  it('have a published schema, and every event of the table has a name that it accepts', () => {
    expect(auditRecordSchema).toMatchObject({ type: 'object', required: expect.arrayContaining(['seq', 'details']) });
    for (const name of Object.keys(AUDIT_EVENTS)) expect(() => auditRecord(0, { ...event, event: name })).not.toThrow();
  });
});
