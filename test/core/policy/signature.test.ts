import { describe, expect, it } from 'vitest';
import { generatePrivateKey, signingKey, verifySignature } from '../../../src/adapters/signatures.ts';
import { verifyJws } from '../../../src/adapters/jose.ts';
import { toBase64Url, utf8 } from '../../../src/core/encoding.ts';
import { jwkThumbprint, publicJwk } from '../../../src/core/jwk.ts';
import { signaturePath, signPolicyBytes, verifyPolicySignature } from '../../../src/core/policy/signature.ts';

const keys = (['p256', 'ed25519', 'p384'] as const).map((type) => signingKey(generatePrivateKey(type)));
const [first, second, third] = keys as [(typeof keys)[0], (typeof keys)[0], (typeof keys)[0]];
const jwks = keys.map((key) => publicJwk(key.spki));
const bytes = utf8('kind: JoinPolicy\n');

const verify = (text: string, signers = jwks, of = bytes) =>
  verifyPolicySignature({ bytes: of, signatures: utf8(text), signers, verifySignature, what: 'policy.yaml.jws' });

describe('a signature of a policy', () => {
  it('lies beside the policy', () => {
    expect(signaturePath('a/policy.yaml')).toBe('a/policy.yaml.jws');
  });

  it.each([0, 1, 2])('holds by each kind of key (%i), and is a detached JWS that others verify', async (index) => {
    const key = keys[index] as typeof first;
    const line = await signPolicyBytes(bytes, key);
    expect(verify(`${line}\n`)).toBe(jwkThumbprint(jwks[index] as (typeof jwks)[0]));
    const compact = line.replace('..', `.${toBase64Url(bytes)}.`);
    expect(await verifyJws(compact, { ...publicJwk(key.spki) }, ['ES256', 'EdDSA', 'ES384'][index] as 'ES256')).toBe(true);
  });

  it('is found among those of others', async () => {
    const lines = [await signPolicyBytes(bytes, first), 'no signature', await signPolicyBytes(bytes, second)].join('\r\n');
    expect(verify(lines, jwks.slice(1))).toBe(jwkThumbprint(jwks[1] as (typeof jwks)[0]));
  });

  it('is refused by a key that is no signer, for other bytes, of another kind, cut, doubled too often', async () => {
    const line = await signPolicyBytes(bytes, first);
    const own = await signPolicyBytes(bytes, second);
    const [header = ''] = line.split('.');
    const wrong: [string, typeof jwks, Uint8Array][] = [
      [line, jwks.slice(1), bytes],
      [line, jwks, utf8('kind: JoinPolicy')],
      ['', jwks, bytes],
      [`${header}..${own.split('.')[2]}`, jwks, bytes],
      [`${toBase64Url(utf8('{"alg":"none"}'))}..`, jwks, bytes],
      [`${line.split('.')[0]}..`, jwks, bytes],
      [line.replace('..', `.${toBase64Url(bytes)}.`), jwks, bytes],
      [Array.from({ length: 17 }, () => line).join('\n'), jwks, bytes],
      [line, [], bytes],
    ];
    for (const [text, signers, of] of wrong)
      expect(() => verify(text, signers, of)).toThrow(expect.objectContaining({ code: 'ERR_POLICY_SIGNATURE' }));
    expect(() => verify(`${line}=`)).toThrow(expect.objectContaining({ code: 'ERR_ENCODING_MALFORMED' }));
    expect(third.type).toBe('p384');
  });
});
