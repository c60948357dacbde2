import { expect, test } from 'vitest';
import { inTurn } from '../../src/app/in-turn.ts';
import { memoryStore } from '../fakes/memory-store.ts';

test('work on one record is done one after the other, also after a failure, and on others at once', async () => {
  const store = memoryStore();
  const log: string[] = [];
  const work = (key: string, name: string, fails = false) =>
    inTurn(store, key, async () => {
      log.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });
  const results = await Promise.allSettled([work('a', 'first', true), work('a', 'second'), work('b', 'other'), work('a', 'third')]);
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))).toEqual([
    'failed',
    'second',
    'other',
    'third',
  ]);
  const ofA = log.filter((line) => !line.startsWith('other'));
  expect(ofA).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'third begins', 'third ends']);
  expect(log.indexOf('other begins')).toBeLessThan(log.indexOf('first ends'));
});
