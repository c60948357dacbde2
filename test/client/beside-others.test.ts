import { expect, test } from 'vitest';
import { besideOthers } from '../../src/client/beside-others.ts';
import { JoineryError } from '../../src/core/errors.ts';

const DIRECTORY = '/node';
const fails = (code: 'ERR_FILE_EXISTS' | 'ERR_FILE_NOT_FOUND' | 'ERR_STORE_CONFLICT' | 'ERR_FILE_ACCESS', path = '/node/identity/gen-2') =>
  Promise.reject(new JoineryError(code, 'x', { details: { path } }));

/** @param switchAfter looks at `identity/current` after which it is another. */
function run(work: () => Promise<string>, switchAfter = Infinity) {
  let looks = 0;
  const world = {
    switches: { target: () => Promise.resolve(looks++ < switchAfter ? 'gen-1' : 'gen-2') },
    timer: { sleep: () => Promise.resolve() },
  } as unknown as Parameters<typeof besideOthers>[0];
  return besideOthers(world, { directory: DIRECTORY, generation: 'gen-1', work, again: () => Promise.resolve('again') });
}

test('what another run has done is done', async () => {
  expect(await run(() => Promise.resolve('done'))).toBe('done');
  for (const code of ['ERR_FILE_EXISTS', 'ERR_FILE_NOT_FOUND', 'ERR_STORE_CONFLICT'] as const) {
    expect(await run(() => fails(code), 0)).toBe('again');
    expect(await run(() => fails(code), 7)).toBe('again');
  }
});

test('one code where the other run comes to no end', async () => {
  for (const code of ['ERR_FILE_EXISTS', 'ERR_FILE_NOT_FOUND'] as const)
    await expect(run(() => fails(code))).rejects.toMatchObject({ code: 'ERR_NODE_BUSY', family: 'conflict' });
});

test('other failures are no race, and are not waited for', async () => {
  await expect(run(() => fails('ERR_FILE_ACCESS'), 0)).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
  // A file that the caller named.
  await expect(run(() => fails('ERR_FILE_NOT_FOUND', '/evidence.json'), 0)).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
});
