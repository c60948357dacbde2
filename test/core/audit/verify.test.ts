import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leafHash, merkleRoot } from '../../../src/core/audit/merkle.ts';
import { auditRecord } from '../../../src/core/audit/record.ts';
import { AuditVerifier, CHECKPOINT_EVENT, type KeptCheckpoint } from '../../../src/core/audit/verify.ts';
import { toHex, utf8 } from '../../../src/core/encoding.ts';
import type { AuditEvent, StoredAuditRecord } from '../../../src/core/ports.ts';
import { instant } from '../../../src/core/time.ts';

const event = (subject: string): AuditEvent => ({
  time: instant(1_800_000_000),
  event: 'token.mint',
  actor: { name: 'alice', verified: false },
  subject,
  environment: 'prod',
  correlation_id: 'c-1',
  result: 'ok',
});

function stored(seq: number, what: AuditEvent = event(`s${seq}`)): StoredAuditRecord {
  const bytes = auditRecord(seq, what);
  return { seq, bytes, leaf: leafHash(bytes) };
}

const log = (size: number): StoredAuditRecord[] => Array.from({ length: size }, (_, seq) => stored(seq));
const rootOf = (records: readonly StoredAuditRecord[]): Uint8Array => merkleRoot(records.map((record) => record.leaf));
const headOf = (records: readonly StoredAuditRecord[], size: number, source = 'state.db'): KeptCheckpoint => ({
  origin: 'joinery/prod/audit',
  size,
  root: rootOf(records.slice(0, size)),
  source,
});

function verify(records: readonly StoredAuditRecord[], heads: readonly KeptCheckpoint[]): unknown {
  const verifier = new AuditVerifier(heads);
  for (const record of records) {
    const finding = verifier.add(record);
    if (finding !== undefined) return finding;
  }
  return verifier.finish();
}

const ten = log(10);
const heads = [headOf(ten, 4), headOf(ten, 8)];
const without = (index: number): StoredAuditRecord[] => ten.filter((_, at) => at !== index);
const replaced = (index: number, record: StoredAuditRecord): StoredAuditRecord[] => ten.map((old, at) => (at === index ? record : old));

describe('an untouched log', () => {
  it('is covered up to its last head, and no further', () => {
    expect(verify(ten, heads)).toEqual({ size: 10, root: toHex(rootOf(ten)), checkpoints: 2, covered: 8 });
  });

  it('may be empty, have no head, a head of nothing, and the same head from two places', () => {
    expect(verify([], [])).toMatchObject({ size: 0, covered: 0, checkpoints: 0 });
    expect(verify(ten, [])).toMatchObject({ size: 10, covered: 0 });
    expect(verify([], [headOf([], 0)])).toMatchObject({ checkpoints: 1, covered: 0 });
    expect(verify(ten, [headOf(ten, 10), headOf(ten, 10, 'stick/head'), headOf(ten, 4)])).toMatchObject({ checkpoints: 3, covered: 10 });
  });
});

describe('a changed log', () => {
  it('shows the record whose bytes were edited by hand', () => {
    const bytes = utf8(new TextDecoder().decode(ten[5]?.bytes).replace('alice', 'mallo'));
    expect(verify(replaced(5, { ...(ten[5] as StoredAuditRecord), bytes }), heads)).toEqual({
      kind: 'record',
      seq: 5,
      problem: 'its stored leaf hash is not the hash of its bytes',
    });
  });

  it('shows the record whose bytes are no record any more', () => {
    expect(verify(replaced(5, { ...(ten[5] as StoredAuditRecord), bytes: utf8('{}') }), heads)).toMatchObject({ kind: 'record', seq: 5 });
    expect(verify(replaced(5, { ...(ten[5] as StoredAuditRecord), bytes: Uint8Array.of(0xff) }), heads)).toMatchObject({
      kind: 'record',
      seq: 5,
    });
  });

  it('shows the interval of an edit that also made the leaf new', () => {
    expect(verify(replaced(5, stored(5, event('forged'))), heads)).toEqual({
      kind: 'interval',
      from: 4,
      to: 7,
      problem: 'the records are not those over which the head of 8 records in state.db was signed',
    });
    expect(verify(replaced(0, stored(0, event('forged'))), heads)).toMatchObject({ kind: 'interval', from: 0, to: 3 });
  });

  it('shows where records are missing', () => {
    expect(verify(without(5), heads)).toEqual({ kind: 'record', seq: 5, problem: 'expected record 5, found record 6' });
    expect(verify(ten.slice(3), heads)).toEqual({ kind: 'record', seq: 0, problem: 'expected record 0, found record 3' });
  });

  it('shows records that were moved, also with their places swapped', () => {
    const swapped = ten.map((record, seq) => ({ ...(ten[seq === 2 ? 3 : seq === 3 ? 2 : seq] ?? record), seq }));
    expect(verify(swapped, heads)).toEqual({ kind: 'record', seq: 2, problem: 'it stands at place 2 and says that it is number 3' });
  });

  it('shows a removal that renumbered the rest', () => {
    const renumbered = without(5).map((_, seq) => stored(seq, event(`s${seq < 5 ? seq : seq + 1}`)));
    expect(verify(renumbered, heads)).toMatchObject({ kind: 'interval', from: 4, to: 7 });
  });

  it('shows a cut below a head', () => {
    expect(verify(ten.slice(0, 6), heads)).toEqual({
      kind: 'cut',
      from: 6,
      to: 7,
      problem: 'the log ends after 6 records, state.db has a head over 8',
    });
    expect(verify(ten, [headOf(log(12), 12, 'stick/head')])).toMatchObject({ kind: 'cut', from: 10, to: 11 });
  });

  it('shows another history under an outside head', () => {
    const other = ten.map((_, seq) => stored(seq, event(`other ${seq}`)));
    expect(verify(ten, [...heads, headOf(other, 10, 'stick/head')])).toMatchObject({ kind: 'interval', from: 8, to: 9 });
    expect(verify([], [headOf(ten, 0), { ...headOf(ten, 4), size: 0 }])).toMatchObject({ kind: 'interval', from: 0, to: 0 });
  });

  it('does not see an edit behind the last head: nothing is promised there', () => {
    expect(verify(replaced(9, stored(9, event('forged'))), heads)).toMatchObject({ covered: 8, size: 10 });
  });

  it('never hides an edit below a head', () => {
    fc.assert(
      fc.property(fc.nat(7), fc.constantFrom('edit', 'remove', 'repeat', 'cut'), (at, attack) => {
        const forged = {
          edit: () => replaced(at, stored(at, event('forged'))),
          remove: () => without(at),
          repeat: () => [...ten.slice(0, at + 1), ...ten.slice(at)],
          cut: () => ten.slice(0, at),
        }[attack]();
        expect(verify(forged, heads)).toHaveProperty('problem');
      }),
      { numRuns: 60 },
    );
  });
});

describe('the memory of the log for its heads', () => {
  const remember = (seq: number, size: unknown, root: unknown): StoredAuditRecord =>
    stored(seq, { ...event('head'), event: CHECKPOINT_EVENT, details: { size, root } as never });
  const head = headOf(ten, 10);

  it('is content when the head is kept', () => {
    expect(verify([...ten, remember(10, 10, toHex(head.root))], [head])).toMatchObject({ size: 11, covered: 10 });
  });

  it('shows a head that was removed, or is another one', () => {
    expect(verify([...ten, remember(10, 10, toHex(head.root))], [])).toEqual({
      kind: 'checkpoint',
      seq: 10,
      problem: 'the head over 10 records was signed, and it is not kept any more',
    });
    expect(verify([...ten, remember(10, 10, '00')], [head])).toEqual({
      kind: 'checkpoint',
      seq: 10,
      problem: 'the head over 10 records was signed, and another one is kept',
    });
    expect(verify([remember(0, 'x', null)], [])).toMatchObject({
      kind: 'checkpoint',
      problem: expect.stringContaining('over "x" records'),
    });
    expect(verify([remember(0, undefined, null)], [])).toMatchObject({
      kind: 'checkpoint',
      problem: expect.stringContaining('over null records'),
    });
  });
});
