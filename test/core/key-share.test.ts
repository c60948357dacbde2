import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertShares, formatShare, type KeyShare, parseShare, readSharedSecret, writeSharedSecret } from '../../src/core/key-share.ts';

const refusal = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;
const share = (change: Partial<KeyShare> = {}): KeyShare => ({
  set: '00112233aabbccdd',
  index: 1,
  shares: 5,
  threshold: 3,
  bytes: Uint8Array.of(1, 2, 3),
  ...change,
});

describe('the shared secret', () => {
  it('gives any passphrase back, in whole blocks that hide its length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (passphrase) => {
        const secret = writeSharedSecret(passphrase, 'set');
        expect(secret.length % 64).toBe(0);
        expect(readSharedSecret(secret, 'set')).toBe(passphrase);
      }),
    );
    expect(writeSharedSecret('twelve chars', 'set').length).toBe(writeSharedSecret('correct horse battery', 'set').length);
  });

  it('refuses what the shares of another set, or wrong ones, give', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 130 }), (bytes) => {
        expect(() => readSharedSecret(bytes, 'set')).toThrow(refusal('ERR_SHARE_MISMATCH'));
      }),
    );
    expect(() => readSharedSecret(writeSharedSecret('a passphrase', 'one'), 'two')).toThrow(refusal('ERR_SHARE_MISMATCH'));
  });
});

describe('a share as text', () => {
  it('reads back, with comments, blank lines and CRLF around it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.integer({ min: 2, max: 255 }), (bytes, shares) => {
        const written = share({ bytes, shares, threshold: shares, index: shares });
        expect(parseShare(`# note\r\n\r\n  ${formatShare(written)}  \r\n`, 'share')).toEqual(written);
      }),
      { numRuns: 50 },
    );
  });

  it('finds one changed character', () => {
    const line = formatShare(share({ bytes: new Uint8Array(40).fill(7) }));
    for (let at = 0; at < line.length; at++) {
      const changed = line.slice(0, at) + (line[at] === '0' ? '1' : '0') + line.slice(at + 1);
      expect(() => parseShare(changed, 'share'), `at ${at}`).toThrow(refusal('ERR_SHARE_MALFORMED', 'share: '));
    }
  });

  it.each([
    ['', 'found none'],
    ['# only a comment', 'found none'],
    [formatShare(share({ index: 0 })), 'share 0'],
    [formatShare(share({ index: 6 })), 'share 6'],
    [formatShare(share({ threshold: 1 })), 'threshold 1'],
    [formatShare(share({ threshold: 6 })), 'threshold 6'],
  ])('refuses %j', (text, message) => {
    expect(() => parseShare(text, 'a.txt')).toThrow(refusal('ERR_SHARE_MALFORMED', message));
  });
});

describe('shares together', () => {
  const three = [1, 2, 3].map((index) => share({ index }));

  it('name their set', () => {
    expect(assertShares(three)).toBe('00112233aabbccdd');
  });

  it.each<[string, readonly KeyShare[]]>([
    ['found none', []],
    ['expected 3 shares, found 2', three.slice(1)],
    ['found one twice', [...three, share()]],
    ['expected shares of one set', [...three, share({ index: 4, set: 'ffffffffffffffff' })]],
    ['expected shares of one set', [...three, share({ index: 4, threshold: 2 })]],
    ['expected shares of one set', [...three, share({ index: 4, bytes: new Uint8Array(9) })]],
  ])('are refused: %s', (message, shares) => {
    expect(() => assertShares(shares)).toThrow(refusal('ERR_SHARE_MISMATCH', message));
  });
});
