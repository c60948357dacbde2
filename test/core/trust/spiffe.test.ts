import { describe, expect, it } from 'vitest';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { generatePrivateKey, signingKey, verifySignature } from '../../../src/adapters/signatures.ts';
import type { JsonObject, JsonValue } from '../../../src/core/canonical-json.ts';
import { canonicalBundle } from '../../../src/core/trust/bundle.ts';
import { parseSpiffeBundle, spiffeBundle, spiffeBundleMap } from '../../../src/core/trust/spiffe.ts';
import { testCa } from '../../fakes/anchors.ts';

const cas = await Promise.all(
  (['p256', 'p384', 'ed25519', 'rsa3072'] as const).map((type) => testCa(`root-${type}`, { key: signingKey(generatePrivateKey(type)) })),
);
const bundle = spiffeBundle(
  cas.map((ca) => ca.certificate),
  7,
);
const keys = bundle['keys'] as JsonObject[];

/** Rules of "SPIFFE Trust Domain and Bundle" with their sections. */
describe('the SPIFFE bundle document', () => {
  it('4.1: is a JWK Set with sequence and refresh hint', () => {
    expect(Object.keys(bundle).toSorted()).toEqual(['keys', 'spiffe_refresh_hint', 'spiffe_sequence']);
    expect(bundle['spiffe_sequence']).toBe(7);
    expect(Number.isInteger(bundle['spiffe_refresh_hint'])).toBe(true);
  });

  it.each(keys.map((key, index) => [index, key] as const))('4.2: key %i has kty and use, and the parameters of its key', (index, key) => {
    expect(key['use']).toBe('x509-svid');
    expect(key).not.toHaveProperty('kid');
    const certificate = new X509Certificate(cas[index]?.certificate.der as Uint8Array);
    const { use: _use, x5c: _x5c, ...jwk } = key;
    expect(createPublicKey({ key: jwk as never, format: 'jwk' }).equals(certificate.publicKey)).toBe(true);
  });

  it('X509-SVID 6.1: x5c holds exactly one certificate, the authority itself', () => {
    for (const [index, key] of keys.entries()) {
      expect(key['x5c']).toEqual([Buffer.from(cas[index]?.certificate.der as Uint8Array).toString('base64')]);
    }
  });

  it('comes back as the same anchors, alone and from a map', () => {
    const pem = canonicalBundle(
      cas.map((ca) => ({ text: ca.pem, what: 'x' })),
      verifySignature,
    ).pem;
    const map = spiffeBundleMap({ 'lab.example': bundle });
    for (const document of [bundle, map]) {
      expect(canonicalBundle(parseSpiffeBundle(document, 'lab.example', 'bundle.json'), verifySignature).pem).toBe(pem);
    }
  });

  it('4.1.3: keys may be empty', () => {
    expect(parseSpiffeBundle({ keys: [] }, 'x', 'bundle.json')).toEqual([]);
  });

  it('4.2.1, 4.2.2, X509-SVID 6.2: other uses, other key types and entries without x5c are passed over; only the first certificate counts', () => {
    const real = keys[0] as { x5c: string[] } & JsonObject;
    const without = [
      { ...real, use: 'jwt-svid' },
      { ...real, use: undefined },
      { ...real, kty: 'AKP' },
      { ...real, x5c: undefined },
      { ...real, x5c: [] },
    ];
    const document = { keys: [...without, 1, { ...real, x5c: [...real.x5c, 'AAAA'] }] } as JsonValue;
    expect(parseSpiffeBundle(document, 'x', 'bundle.json')).toHaveLength(1);
  });

  it.each<[JsonValue, string]>([
    [[], 'JSON object'],
    [{}, 'keys'],
    [{ keys: 1 }, 'keys'],
    [{ trust_domains: {} }, 'the bundle of lab.example'],
    [{ keys: [{ kty: 'EC', use: 'x509-svid', x5c: [1] }] }, 'x5c'],
    [{ keys: [{ kty: 'EC', use: 'x509-svid', x5c: ['#'] }] }, 'base64'],
  ])('refuses %j', (document, text) => {
    expect(() => parseSpiffeBundle(document, 'lab.example', 'bundle.json')).toThrow(text);
  });
});
