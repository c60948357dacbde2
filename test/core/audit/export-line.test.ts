import { describe, expect, it } from 'vitest';
import { cefLine, syslogLine } from '../../../src/core/audit/export-line.ts';
import { auditRecord, type AuditRecord, parseAuditRecord } from '../../../src/core/audit/record.ts';
import { type Instant, parseInstant } from '../../../src/core/time.ts';

const source = { version: '1.2.3', hostname: 'ca.example.com' };
const recordWith = (changes: Partial<AuditRecord> = {}): AuditRecord => {
  const bytes = auditRecord(7, {
    time: parseInstant('2026-11-22T10:00:00Z') as Instant,
    event: 'token.mint',
    actor: { name: 'alice', verified: true },
    subject: 'id',
    environment: 'lab',
    correlation_id: 'c-1',
    result: 'ok',
    details: { uses: 1 },
  });
  return { ...parseAuditRecord(bytes), ...changes };
};

describe('CEF', () => {
  it('has the seven fields of the header and the record in the extension', () => {
    const line = cefLine(recordWith(), source);
    expect(line).toMatch(
      /^CEF:0\|joinery\|joinery\|1\.2\.3\|token\.mint\|a join token was minted\|3\|rt=1795341600000 externalId=7 suser=alice /,
    );
    expect(line).toContain(' cs1Label=subject cs1=id ');
    expect(line).not.toContain('reason=');
  });

  it('lets nothing that a sender chose end a field or the line', () => {
    const line = cefLine(recordWith({ event: 'x.y', subject: 'a=b\\c\nCEF:0|', result: 'refused', reason: 'no | more' }), source);
    expect(line).not.toContain('\n');
    expect(line).toContain('|x.y|x.y|6|');
    expect(line).toContain('cs1=a\\=b\\\\c CEF:0| ');
    expect(line).toContain('reason=no | more');
  });
});

describe('syslog', () => {
  it('is RFC 5424 with structured data and the record as message', () => {
    const record = recordWith();
    const line = syslogLine(record, source);
    const [, priority, time, host, message] =
      /^<(\d+)>1 (\S+) (\S+) joinery - token\.mint \[joinery@32473 (?:[a-z]+="[^"]*" ?)+\] \ufeff(.*)$/.exec(line) ?? [];
    expect([priority, time, host]).toEqual(['109', '2026-11-22T10:00:00Z', 'ca.example.com']);
    expect(JSON.parse(message as string)).toEqual(record);
  });

  it('says how bad it was, keeps to 32 characters of MSGID, and escapes', () => {
    const line = syslogLine(recordWith({ event: `a.${'b'.repeat(40)}`, subject: 'q"]\\\r\n', result: 'failed' }), source);
    expect(line.startsWith('<107>1 ')).toBe(true);
    expect(line).toContain(` joinery - a.${'b'.repeat(30)} [`);
    expect(line).toContain('subject="q\\"\\]\\\\  "');
    expect(line).not.toContain('\n');
  });
});
