import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { leafHash } from '../../src/core/audit/merkle.ts';
import { auditRecord, parseAuditRecord } from '../../src/core/audit/record.ts';
import type { JsonValue } from '../../src/core/canonical-json.ts';
import { isJoineryError } from '../../src/core/errors.ts';
import type { AuditEvent, Commit, Store } from '../../src/core/ports.ts';
import { AUDIT_LOG_CHANGED, compareKeys } from '../../src/core/store-keys.ts';
import { instant } from '../../src/core/time.ts';

export function testEvent(subject: string, overrides: Partial<AuditEvent> = {}): AuditEvent {
  return {
    time: instant(1_800_000_000),
    event: 'realm.create',
    actor: { name: 'alice', verified: false },
    subject,
    environment: 'test',
    correlation_id: 'c-1',
    result: 'ok',
    ...overrides,
  };
}

const put = (key: string, value: JsonValue, audit: readonly AuditEvent[] = []): Commit => ({ checks: [], writes: [{ key, value }], audit });
const remove = (key: string): Commit => ({ checks: [], writes: [{ key, delete: true }], audit: [] });

/** What every engine of the store port must do. `open` gives a new, empty store each time. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store.close();
    });

    const version = async (key: string): Promise<number> => (await store.get(key))?.version as number;

    it('gives back what was written, and undefined for what was not', async () => {
      await store.commit(put('a', { n: 1, list: [true, null, 'é'] }));
      expect((await store.get('a'))?.value).toEqual({ n: 1, list: [true, null, 'é'] });
      expect(await store.get('b')).toBeUndefined();
    });

    it('stores null as a value, and leaves undefined members out', async () => {
      await store.commit({
        checks: [],
        writes: [
          { key: 'a', value: null },
          { key: 'b', value: { x: undefined, y: 1 } },
        ],
        audit: [],
      });
      expect((await store.get('a'))?.value).toBeNull();
      expect((await store.get('b'))?.value).toStrictEqual({ y: 1 });
    });

    it('writes what the value was at the call, whatever the caller does to it later', async () => {
      const value = { n: 1 };
      const done = store.commit(put('a', value));
      value.n = 2;
      await done;
      expect((await store.get('a'))?.value).toEqual({ n: 1 });
    });

    it('raises the version with every write and never reuses one after a delete', async () => {
      const versions: number[] = [];
      for (const round of [1, 2, 3]) {
        await store.commit(put('a', round));
        versions.push(await version('a'));
        await store.commit(remove('a'));
        expect(await store.get('a')).toBeUndefined();
      }
      await store.commit(put('b', 1));
      versions.push(await version('b'));
      expect(versions).toEqual([...new Set(versions)].sort((x, y) => x - y));
    });

    it('commits only when every check holds, and names the key that does not', async () => {
      await store.commit(put('a', 1));
      const seen = await version('a');
      const second: Commit = {
        checks: [
          { key: 'a', version: seen },
          { key: 'b', version: 'absent' },
        ],
        writes: [{ key: 'a', value: 2 }],
        audit: [testEvent('x')],
      };
      expect(await store.commit(second)).toEqual({ ok: true, audit: [0] });
      expect(await store.commit(second)).toEqual({ ok: false, conflict: 'a' });
      expect(
        await store.commit({ checks: [{ key: 'a', version: 'absent' }], writes: [{ key: 'c', value: 1 }], audit: [testEvent('y')] }),
      ).toEqual({ ok: false, conflict: 'a' });
      expect(await store.commit({ checks: [{ key: 'never', version: 1 }], writes: [], audit: [] })).toEqual({
        ok: false,
        conflict: 'never',
      });
      expect((await store.get('a'))?.value).toBe(2);
      expect(await store.get('c')).toBeUndefined();
      expect(await store.auditSize()).toBe(1);
    });

    it('takes a deleted key for absent', async () => {
      await store.commit(put('a', 1));
      const old = await version('a');
      await store.commit(remove('a'));
      expect(await store.commit({ checks: [{ key: 'a', version: old }], writes: [], audit: [] })).toEqual({ ok: false, conflict: 'a' });
      expect(await store.commit({ checks: [{ key: 'a', version: 'absent' }], writes: [], audit: [] })).toEqual({ ok: true, audit: [] });
    });

    it('writes change and audit records together, numbered without a gap', async () => {
      expect(await store.commit(put('a', 1, [testEvent('one'), testEvent('two')]))).toEqual({ ok: true, audit: [0, 1] });
      expect(await store.commit({ checks: [], writes: [], audit: [testEvent('three')] })).toEqual({ ok: true, audit: [2] });
      const records = await store.auditRecords(0, 10);
      expect(records.map((record) => parseAuditRecord(record.bytes).subject)).toEqual(['one', 'two', 'three']);
      for (const [seq, record] of records.entries()) {
        expect(record.seq).toBe(seq);
        expect(record.leaf).toEqual(leafHash(record.bytes));
      }
      expect(records[0]?.bytes).toEqual(auditRecord(0, testEvent('one')));
      expect((await store.auditRecords(1, 1)).map((record) => record.seq)).toEqual([1]);
      expect(await store.auditRecords(3, 10)).toEqual([]);
    });

    it('writes nothing of a commit whose audit event is malformed, and goes on', async () => {
      const bad = put('a', 1, [testEvent('fine'), testEvent('bad', { event: 'NOT AN EVENT' })]);
      const [first, second, third] = await Promise.allSettled([
        store.commit(put('x', 1, [testEvent('x')])),
        store.commit(bad),
        store.commit(put('y', 1, [testEvent('y')])),
      ]);
      expect(first).toEqual({ status: 'fulfilled', value: { ok: true, audit: [0] } });
      expect(second.status === 'rejected' && isJoineryError(second.reason, 'ERR_INPUT_MALFORMED')).toBe(true);
      expect(third).toEqual({ status: 'fulfilled', value: { ok: true, audit: [1] } });
      expect(await store.get('a')).toBeUndefined();
      expect(await store.auditSize()).toBe(2);
    });

    it('refuses values that are no JSON', async () => {
      await expect(store.commit(put('a', Number.NaN))).rejects.toMatchObject({ code: 'ERR_JSON_MALFORMED' });
      await expect(store.commit(put('a', { s: '\ud800' }))).rejects.toMatchObject({ code: 'ERR_JSON_MALFORMED' });
      expect(await store.get('a')).toBeUndefined();
    });

    it.each([
      ['empty', ''],
      ['with NUL', 'a\u0000b'],
      ['with a line feed', 'a\nb'],
      ['with a lone surrogate', '\ud800'],
      ['over 1024 bytes', 'k'.repeat(1025)],
    ])('refuses a key %s', async (_, key) => {
      await expect(store.commit(put(key, 1))).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
      await expect(store.get(key)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    });

    it('refuses a commit that writes or checks one key twice', async () => {
      const twice: Commit['writes'] = [
        { key: 'a', value: 1 },
        { key: 'a', value: 2 },
      ];
      await expect(store.commit({ checks: [], writes: twice, audit: [] })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
      const checks: Commit['checks'] = [
        { key: 'a', version: 'absent' },
        { key: 'a', version: 1 },
      ];
      await expect(store.commit({ checks, writes: [], audit: [] })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    });

    it('lists a prefix in byte order, in pages', async () => {
      const keys = ['a', 'p', 'p/', 'p/1', 'p/10', 'p/2', 'p/\uffff', 'p/\u{10ffff}', 'p/\u{10ffff}x', 'p0', 'q'];
      await store.commit({ checks: [], writes: keys.toReversed().map((key) => ({ key, value: key })), audit: [] });
      const listed = (await store.list('p/')).map((entry) => entry.key);
      expect(listed).toEqual(['p/', 'p/1', 'p/10', 'p/2', 'p/\uffff', 'p/\u{10ffff}', 'p/\u{10ffff}x']);
      expect((await store.list('p/', { limit: 2 })).map((entry) => entry.key)).toEqual(['p/', 'p/1']);
      expect((await store.list('p/', { after: 'p/1', limit: 2 })).map((entry) => entry.key)).toEqual(['p/10', 'p/2']);
      expect(await store.list('p/', { after: 'p/\u{10ffff}x' })).toEqual([]);
      expect((await store.list('')).length).toBe(keys.length);
      expect(await store.list('zzz')).toEqual([]);
      await store.commit(remove('p/1'));
      expect((await store.list('p/', { limit: 2 })).map((entry) => entry.key)).toEqual(['p/', 'p/10']);
      const entry = (await store.list('p/2'))[0];
      expect(entry).toEqual({ key: 'p/2', value: 'p/2', version: await version('p/2') });
    });

    it('lists at most 1000 entries by default', async () => {
      const writes = Array.from({ length: 1001 }, (_, index) => ({ key: `k${index}`, value: index }));
      await store.commit({ checks: [], writes, audit: [] });
      expect((await store.list('k')).length).toBe(1000);
    });

    it('loses no update of 64 concurrent writers', async () => {
      await store.commit(put('counter', 0));
      const increment = async (): Promise<void> => {
        const { value, version: seen } = (await store.get('counter')) as { value: number; version: number };
        const change: Commit = {
          checks: [{ key: 'counter', version: seen }],
          writes: [{ key: 'counter', value: value + 1 }],
          audit: [testEvent('counter')],
        };
        if (!(await store.commit(change)).ok) await increment();
      };
      await Promise.all(Array.from({ length: 64 }, increment));
      expect((await store.get('counter'))?.value).toBe(64);
      expect(await store.auditSize()).toBe(64);
    });

    it('gives exactly one of 64 concurrent claims of one key the win', async () => {
      const claims = Array.from({ length: 64 }, (_, index) =>
        store.commit({
          checks: [{ key: 'claim', version: 'absent' }],
          writes: [{ key: 'claim', value: index }],
          audit: [testEvent(`${index}`)],
        }),
      );
      const results = await Promise.all(claims);
      expect(results.filter((result) => result.ok).length).toBe(1);
      expect(results.findIndex((result) => result.ok)).toBe((await store.get('claim'))?.value);
      expect(await store.auditSize()).toBe(1);
    });

    it('tells watchers of the prefixes that they watch, until they stop', async () => {
      const seen: string[] = [];
      const log: string[] = [];
      const stop = store.watch('node/', (keys) => seen.push(...keys));
      const stopLog = store.watch(AUDIT_LOG_CHANGED, (keys) => log.push(...keys));
      await store.commit(put('node/1', 1));
      await store.commit(put('other', 1));
      await store.commit({
        checks: [],
        writes: [
          { key: 'node/2', value: 1 },
          { key: 'node/1', delete: true },
        ],
        audit: [],
      });
      await vi.waitFor(() => expect([...new Set(seen)].sort()).toEqual(['node/1', 'node/2']), { timeout: 5000 });
      expect(log).toEqual([]);
      await store.commit({ checks: [], writes: [], audit: [testEvent('refused')] });
      await vi.waitFor(() => expect(log).toEqual([AUDIT_LOG_CHANGED]), { timeout: 5000 });
      stop();
      stopLog();
      stop();
      const before = seen.length;
      await store.commit(put('node/3', 1));
      await store.get('node/3');
      expect(seen.length).toBe(before);
    });

    it('does not tell of what a conflict left unwritten', async () => {
      const seen: string[] = [];
      const stop = store.watch('', (keys) => seen.push(...keys));
      await store.commit({ checks: [{ key: 'a', version: 7 }], writes: [{ key: 'a', value: 1 }], audit: [] });
      await store.commit(put('b', 1));
      await vi.waitFor(() => expect(seen).toContain('b'), { timeout: 5000 });
      expect(seen).not.toContain('a');
      stop();
    });

    it('refuses everything once closed, closes twice in peace, and finishes what was under way', async () => {
      const pending = store.commit(put('a', 1));
      const closed = store.close();
      expect(await pending).toEqual({ ok: true, audit: [] });
      await closed;
      await store.close();
      await expect(store.get('a')).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
      await expect(store.list('')).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
      await expect(store.commit(put('a', 2))).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
      await expect(store.auditSize()).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
      await expect(store.auditRecords(0, 1)).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    });

    it('agrees with a simple model under any sequence of commits', async () => {
      const key = fc.constantFrom('a', 'a/b', 'a/é', 'b', 'c');
      const step = fc.record({
        key,
        value: fc.option(fc.integer(), { nil: undefined }),
        check: fc.constantFrom('none', 'right', 'wrong'),
        events: fc.nat(2),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          const fresh = await open();
          try {
            const model = new Map<string, JsonValue>();
            let audits = 0;
            for (const { key: name, value, check, events } of steps) {
              const current = await fresh.get(name);
              const right = current?.version ?? ('absent' as const);
              const checks: Commit['checks'] = check === 'none' ? [] : [{ key: name, version: check === 'right' ? right : 999_999 }];
              const writes = [value === undefined ? ({ key: name, delete: true } as const) : { key: name, value }];
              const result = await fresh.commit({ checks, writes, audit: Array.from({ length: events }, () => testEvent(name)) });
              expect(result.ok).toBe(check !== 'wrong');
              if (!result.ok) continue;
              audits += events;
              if (value === undefined) model.delete(name);
              else model.set(name, value);
            }
            const listed = await fresh.list('');
            expect(listed.map((entry) => [entry.key, entry.value])).toEqual([...model].sort(([x], [y]) => compareKeys(x, y)));
            expect(await fresh.auditSize()).toBe(audits);
          } finally {
            await fresh.close();
          }
        }),
        { numRuns: 20 },
      );
    });
  });
}
