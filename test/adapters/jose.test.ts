import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openJwe, sealJwe } from '../../src/adapters/jose.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { publicJwk } from '../../src/core/jwk.ts';
import { Secret } from '../../src/core/secret.ts';

const node = async () => {
  const pair = portableKeys.generate('p256');
  return { jwk: publicJwk(pair.spki), key: new Secret(await pair.toPem(undefined)) };
};
const code = (wanted: string) => expect.objectContaining({ code: wanted }) as Error;

describe('sealed answers', () => {
  it('open with the one key, and hold what was sealed', async () => {
    const [one, two] = [await node(), await node()];
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (plaintext) => {
        const jwe = await sealJwe(plaintext, one.jwk);
        expect(Buffer.from(jwe.split('.')[0]!, 'base64url').toString()).toContain('"enc":"A256GCM"');
        expect(Buffer.from(await openJwe(jwe, one.key))).toEqual(Buffer.from(plaintext));
        await expect(openJwe(jwe, two.key)).rejects.toEqual(code('ERR_CLUSTER_ANSWER_KEY'));
      }),
      { numRuns: 20 },
    );
  });

  it('are refused when changed, for other algorithms, and with an unusable key', async () => {
    const { jwk, key } = await node();
    const jwe = await sealJwe(Buffer.from('text'), jwk);
    const parts = jwe.split('.');
    const other = (change: object) =>
      [
        Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(parts[0]!, 'base64url').toString()) as object), ...change })).toString(
          'base64url',
        ),
        ...parts.slice(1),
      ].join('.');
    for (const changed of [other({ enc: 'A128GCM' }), other({ alg: 'ECDH-ES+A256KW' }), other({ kid: 'x' }), `${jwe.slice(0, -2)}AA`])
      await expect(openJwe(changed, key)).rejects.toEqual(code('ERR_CLUSTER_ANSWER_KEY'));
    await expect(openJwe(jwe, new Secret('no pem'))).rejects.toEqual(code('ERR_CLUSTER_ANSWER_KEY'));
    for (const text of ['', '....', parts.join('..'), `${jwe}.x`])
      await expect(openJwe(text, key)).rejects.toEqual(code('ERR_CLUSTER_ANSWER'));
  });
});
