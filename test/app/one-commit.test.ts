import { describe, expect, it } from 'vitest';
import { inOneCommit } from '../../src/app/one-commit.ts';
import { commit } from '../../src/app/realm.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { caRealm } from './ca-realm.ts';

const write = (key: string, value: string | undefined) => (value === undefined ? ({ key, delete: true } as const) : { key, value });
const put = (...pairs: readonly (readonly [string, string | undefined])[]) => ({
  checks: [],
  writes: pairs.map(([key, value]) => write(key, value)),
  audit: [],
});

describe('inOneCommit', () => {
  it('shows what was staged to what follows, in one change', async () => {
    const realm = caRealm();
    await commit(realm.store, put(['a/1', 'one'], ['a/3', 'three'], ['a/5', 'five']));
    let commits = 0;
    realm.store.beforeCommit = () => void (commits += 1);
    await inOneCommit(realm, async ({ store }) => {
      await commit(store, put(['a/2', 'two'], ['a/3', undefined], ['a/5', 'FIVE'], ['b', 'other']));
      const staged = await store.get('a/2');
      await commit(store, { ...put(['a/2', 'TWO']), checks: [{ key: 'a/2', version: staged?.version ?? 'absent' }] });
      await commit(store, { ...put(['a/3', 'again']), checks: [{ key: 'a/3', version: 'absent' }] });
      await commit(store, put(['a/3', undefined]));
      expect(await store.get('a/3')).toBeUndefined();
      expect(await store.list('a/')).toMatchObject([{ key: 'a/1' }, { key: 'a/2', value: 'TWO' }, { key: 'a/5', value: 'FIVE' }]);
      expect(await store.list('a/', { limit: 2, after: 'a/1' })).toMatchObject([{ key: 'a/2' }, { key: 'a/5' }]);
      expect(await store.list('a/', { limit: 1 })).toMatchObject([{ key: 'a/1' }]);
      expect(await store.list('b')).toHaveLength(1);
      expect([await store.auditSize(), await store.auditRecords(0, 1)]).toEqual([0, []]);
      store.watch('a', () => undefined)();
    });
    expect(commits).toBe(1);
    expect(realm.store.dump()).toEqual({ 'a/1': 'one', 'a/2': 'TWO', 'a/5': 'FIVE', b: 'other' });
    const closing = inOneCommit(realm, ({ store }) => store.close());
    await expect(closing).rejects.toThrow('the store is closed');
  });

  it('holds every check, and each against what was staged before it', async () => {
    const realm = caRealm();
    await commit(realm.store, put(['a', 'one']));
    const stale = inOneCommit(realm, async ({ store }) => {
      await commit(store, { ...put(['b', 'x']), checks: [{ key: 'a', version: 99 }] });
    });
    await expect(stale).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT', details: { key: 'a' } });
    const twice = inOneCommit(realm, async ({ store }) => {
      await commit(store, { ...put(), checks: [{ key: 'a', version: 1 }] });
      await commit(store, { ...put(), checks: [{ key: 'a', version: 2 }] });
    });
    await expect(twice).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' });
    const over = inOneCommit(realm, async ({ store }) => {
      await commit(store, put(['c', 'x']));
      await commit(store, { ...put(), checks: [{ key: 'c', version: 'absent' }] });
    });
    await expect(over).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT', details: { key: 'c' } });
    expect(Object.keys(realm.store.dump())).toEqual(['a']);
  });

  it('removes keys and writes no file when the work is refused', async () => {
    const realm = caRealm();
    const work = inOneCommit(realm, async (staged) => {
      await staged.vault.generate({ name: 'k', type: 'p256', custody: 'online' });
      await staged.files.replace(`${realm.directory}/ca/x.crt`, new Uint8Array(1), 0o644);
      throw new JoineryError('ERR_USAGE', 'refused');
    });
    await expect(work).rejects.toMatchObject({ code: 'ERR_USAGE' });
    expect(realm.vault.keys.size).toBe(0);
    expect(await realm.files.list(`${realm.directory}/ca`)).toEqual([]);
  });
});
