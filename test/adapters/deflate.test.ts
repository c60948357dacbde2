import { readFileSync } from 'node:fs';
import { inflateRawSync, gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deflate } from '../../src/adapters/deflate.ts';
import { gunzip, gzip } from '../../src/adapters/gzip.ts';
import { fakeRandom } from '../fakes/random.ts';

const back = (data: Uint8Array) => new Uint8Array(inflateRawSync(deflate(data)));
const same = (data: Uint8Array) => Buffer.compare(back(data), data) === 0;
const script = readFileSync(new URL('../../templates/join-agent.sh', import.meta.url));

describe('the shortest deflate', () => {
  it('is read by zlib, whatever was written', () => {
    const runs = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 300 })), { maxLength: 5 });
    const written = runs.map((parts) => Uint8Array.from(parts.flatMap(([byte, count]) => Array.from({ length: count }, () => byte))));
    const property = fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), written), same);
    expect(() => fc.assert(property, { numRuns: 40 })).not.toThrow();
  });

  it('is smaller than zlib makes it, of text and of what is no text, near and far', () => {
    const far = Buffer.concat([script.subarray(0, 2000), fakeRandom('far').bytes(8000), script.subarray(0, 2000)]);
    const mixed = Buffer.concat([script.subarray(0, 4000), Buffer.from(script.subarray(0, 4000).toString('base64'))]);
    for (const data of [script.subarray(0, 6000), far, mixed]) {
      expect(same(data)).toBe(true);
      expect(deflate(data).length).toBeLessThan(gzipSync(data, { level: 9 }).length - 18);
    }
  });

  it('is the same each time, and is gzip with a sum that is checked', () => {
    const data = script.subarray(0, 3000);
    const packed = gzip(data, true);
    expect(gzip(data, true)).toEqual(packed);
    expect(packed.length).toBeLessThan(gzip(data).length);
    expect(Buffer.from(gunzip(packed, 100_000))).toEqual(data);
    const damaged = Uint8Array.from(packed);
    damaged[damaged.length - 8] = (damaged[damaged.length - 8] as number) ^ 1;
    expect(() => gunzip(damaged, 100_000)).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_MALFORMED' }));
  });
});
