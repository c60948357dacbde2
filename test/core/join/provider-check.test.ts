import { describe, expect, test } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { toPem } from '../../../src/core/encoding.ts';
import { checkProvided, type ProviderExpectation } from '../../../src/core/join/provider-check.ts';
import { plus } from '../../../src/core/time.ts';
import { integer } from '../../../src/core/x509/der-writer.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { type Authority, make, type MakeOptions, NOW } from '../x509/make.ts';

const ID = 'spiffe://example.org/prod/worker/n1';
const root = make({ name: 'provider root', ca: true });
const between = make({ name: 'provider issuing', ca: true, issuer: root });
const pem = (...given: readonly Authority[]): string => given.map(({ certificate }) => toPem('CERTIFICATE', certificate.der)).join('');

const leaf = (more: MakeOptions = {}): Authority =>
  make({
    name: 'n1',
    issuer: between,
    names: [{ kind: 'uri', value: ID }],
    purposes: [OID.clientAuth, OID.serverAuth],
    notBefore: '2026-11-22T09:59:00Z',
    notAfter: '2026-11-23T10:00:00Z',
    ...more,
  });

function check(given: Authority, more: Partial<ProviderExpectation> = {}, chain = pem(between)) {
  return checkProvided(
    { certificatePem: pem(given), chainPem: chain },
    {
      what: 'identity_provider of cluster prod',
      spki: leaf().certificate.spki,
      names: [`URI:${ID}`],
      notAfter: plus(NOW, 86_400),
      now: NOW,
      authorities: [root.certificate],
      verifySignature,
      ...more,
    },
  );
}

describe('what a provider gives', () => {
  test('is taken with the path to the authority that is configured', () => {
    expect(check(leaf()).map(({ fingerprint }) => fingerprint)).toHaveLength(3);
    // A chain in any order, with the root and others.
    expect(check(leaf(), {}, pem(root, make({ name: 'other', ca: true }), between))).toHaveLength(3);
    // SPIRE: 128 random bits, of which the first nine happen to be zero.
    expect(check(leaf({ parts: { serialNumber: integer(Uint8Array.from({ length: 14 }, (_, index) => index + 1)) } }))).toHaveLength(3);
  });

  test.each<[string, Authority, Partial<ProviderExpectation>, RegExp]>([
    ['no key usage', leaf({ usages: null }), {}, /found no key usage/],
    ['a key that signs certificates', leaf({ usages: ['digitalSignature', 'keyCertSign'] }), {}, /found digitalSignature, keyCertSign/],
    ['a key that signs lists', leaf({ usages: ['digitalSignature', 'cRLSign'] }), {}, /found digitalSignature, cRLSign/],
    ['a key that signs nothing', leaf({ usages: ['keyEncipherment'] }), {}, /found keyEncipherment/],
    ['no name', leaf({ names: [] }), {}, /found none/],
    [
      'a second name',
      leaf({
        names: [
          { kind: 'uri', value: ID },
          { kind: 'dns', value: 'a.example' },
        ],
      }),
      {},
      /found URI:.*, DNS:a.example/,
    ],
    ['a serial number that can be guessed', leaf({ parts: { serialNumber: integer(7) } }), {}, /8 to 20 octets, found 1/],
    ['one that has ended', leaf({ notAfter: '2026-11-22T09:59:30Z' }), {}, /expected an end by/],
    ['an authority that is not configured', leaf(), { authorities: [make({ name: 'other', ca: true }).certificate] }, /./],
    [
      'an authority that has ended',
      leaf(),
      { authorities: [make({ name: 'provider root', ca: true, notAfter: '2026-11-22T09:00:00Z' }).certificate] },
      /./,
    ],
    ['a purpose that is not for clients', leaf({ purposes: [OID.serverAuth] }), {}, /./],
  ])('is refused with %s', (_, given, more, message) => {
    expect(() => check(given, more)).toThrow(message);
  });
});
