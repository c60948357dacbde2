import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, signingKey } from '../../../src/adapters/signatures.ts';
import { pinOf } from '../../../src/core/digest.ts';
import { assertNoTestKey, testKeyName } from '../../../src/core/x509/test-keys.ts';

const coordinate = (hex: string) => Buffer.from(hex, 'hex').toString('base64url');
/** The public points that RFC 9500 section 2.3 prints. */
const POINTS = {
  'P-256': [
    '422548f88fb782ffb5eca3744452c72a1e558fbd6f73be5e48e93232cc45c5b1',
    '6c4cd10c4cb8d5b8a17139e94882c8992572993425f41419ab7e90a42a494272',
  ],
  'P-384': [
    '5b0901b88523296eb919d50ffa1a9cb374bc4d409586282bfeca11b1d95adbb54734af570bf82b7228cf226bcf4c25dd',
    'bcfe3b1a3ad39430eff763e1d68d2e151d91720b7795b58da6b34639613a8fb9b5a8da48c6747117f9919e8424f37ec8',
  ],
  'P-521': [
    '01d0fd7257a84c747f562575c07385dbebf2f52bea58083db82fdd1531d8aae3cc875ff02ff7fa2da260d8eb62d6d2f5d649278e321736a0628cbbb30308b6e618db',
    '00f62ad204c6460359bc818ab8961bf0f0fc0ec5aae8a428173ce56f00de9b157c1e5c82c64f562fcadefc4a4c28f6d342cf3ef616fc82d33b7285c921f2bf36fdd8',
  ],
} as const;

function spkiOf(curve: keyof typeof POINTS): Uint8Array {
  const [x, y] = POINTS[curve];
  const key = createPublicKey({ key: { kty: 'EC', crv: curve, x: coordinate(x), y: coordinate(y) }, format: 'jwk' });
  return new Uint8Array(key.export({ type: 'spki', format: 'der' }));
}

describe('the test keys of RFC 9500', () => {
  it.each(['P-256', 'P-384', 'P-521'] as const)('knows the one of %s', (curve) => {
    expect(testKeyName(pinOf(spkiOf(curve)))).toContain(`testECC${curve.replace('-', '')}`);
    expect(() => assertNoTestKey(spkiOf(curve), '--key')).toThrowError(
      expect.objectContaining({ code: 'ERR_KEY_TEST', message: expect.stringContaining('--key') as string }) as Error,
    );
  });

  it('takes a key that was just made', () => {
    expect(() => assertNoTestKey(signingKey(generatePrivateKey('p256')).spki, '--key')).not.toThrow();
  });
});
