import { expect, it } from 'vitest';
import { asMalformed } from '../../../src/core/attest/evidence.ts';

it('keeps a bug what it is', () => {
  expect(() =>
    asMalformed(() => {
      throw new TypeError('a bug');
    }),
  ).toThrow(TypeError);
});
