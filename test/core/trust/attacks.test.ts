import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { canonicalJson, type JsonObject } from '../../../src/core/canonical-json.ts';
import { isJoineryError, type JoineryError } from '../../../src/core/errors.ts';
import { jwkThumbprint, type PublicJwk } from '../../../src/core/jwk.ts';
import type { TrustVersion } from '../../../src/core/trust/chain.ts';
import type { Purpose } from '../../../src/core/trust/purpose.ts';
import { type KnownVersion, type NodeTrust, walkTrust, type WalkRequest } from '../../../src/core/trust/walk.ts';
import { plus } from '../../../src/core/time.ts';
import { activate, forge, make, type Made, newKey, NOW, spare, webRoot, working, YEAR } from './signing.ts';

const CPH = 'control-plane-https';
const known = (made: Made): NodeTrust => ({ held: made as KnownVersion, floor: made as KnownVersion });
const offer = (...made: readonly { readonly version: TrustVersion }[]) =>
  made.map(({ version }, index) => ({ version, what: `document ${index}` }));
const withManifest = (made: Made, manifest: JsonObject) => ({ version: { ...made.version, manifest } as unknown as TrustVersion });
const payloadOf = (made: Made) => canonicalJson(made.signed.opened.payload);

function walk(request: Partial<WalkRequest<Purpose>>) {
  return walkTrust({ purpose: CPH, offers: [], known: undefined, firstDigest: undefined, now: NOW, verify: verifySignature, ...request });
}

const thumbprintOf = (signer: number) => jwkThumbprint(two.signed.manifest.signers[signer] as PublicJwk);

const one = await make();
const two = await make({ replaces: one });
const three = await make({ replaces: two });
const rotated = newKey();
const mallory = newKey();

type Attack = readonly [name: string, code: string, request: () => Partial<WalkRequest<Purpose>> | Promise<Partial<WalkRequest<Purpose>>>];

/** In the words of TUF where it has one. */
const attacks: readonly Attack[] = [
  ['rollback: an older version', 'ERR_TRUST_ROLLBACK', () => ({ known: known(two), offers: offer(one) })],
  [
    'rollback: a lower number behind the newest version',
    'ERR_TRUST_ROLLBACK',
    async () => ({
      known: known(three),
      offers: offer(
        three,
        await make({ replaces: three, change: (manifest) => ({ ...manifest, trust_bundle_version: 2, replaces_version: 1 }) }),
      ),
    }),
  ],
  [
    'a successor with the number of what it replaces',
    'ERR_TRUST_FORK',
    async () => ({
      known: known(three),
      offers: offer(
        three,
        await make({ replaces: three, change: (manifest) => ({ ...manifest, trust_bundle_version: 3, replaces_version: 2 }) }),
      ),
    }),
  ],
  [
    'a link whose number is another than that of its digest',
    'ERR_TRUST_LINK_MISSING',
    async () => ({
      known: known(three),
      offers: offer(await make({ replaces: three, change: (manifest) => ({ ...manifest, replaces_version: 2 }) })),
    }),
  ],
  ['freeze: the newest version has expired', 'ERR_TRUST_EXPIRED', () => ({ known: known(one), offers: offer(two), now: plus(NOW, YEAR) })],
  ['freeze on first contact', 'ERR_TRUST_EXPIRED', () => ({ firstDigest: one.signed.digest, offers: offer(one), now: plus(NOW, YEAR) })],
  [
    'fast-forward: a number so high that nothing can follow',
    'ERR_TRUST_FAST_FORWARD',
    async () => ({
      known: known(one),
      offers: offer(await make({ replaces: one, version: 2147483647 })),
    }),
  ],
  [
    'mix-and-match between purposes',
    'ERR_TRUST_PURPOSE',
    async () => ({ known: known(one), offers: offer(await make({ purpose: 'node-cert-lifecycle' })) }),
  ],
  [
    'mix-and-match between environments',
    'ERR_TRUST_ENVIRONMENT',
    async () => ({
      known: known(one),
      offers: offer(await make({ replaces: one, environment: { name: 'prod', domain: 'lab.example.internal' } })),
    }),
  ],
  [
    'a manifest for another domain, on first contact',
    'ERR_TRUST_ENVIRONMENT',
    () => ({
      firstDigest: one.signed.digest,
      environment: { environment_domain: 'other.example.internal' },
      offers: offer(one),
    }),
  ],
  [
    'wrong signer',
    'ERR_TRUST_SIGNER_UNKNOWN',
    async () => ({ known: known(one), offers: offer(await make({ replaces: one, signers: [mallory] })) }),
  ],
  [
    'a signature of a signer that does not hold',
    'ERR_TRUST_SIGNATURE',
    async () => {
      const forged = await forge(payloadOf(two), mallory, { kid: two.signed.opened.signatures[0]?.kid as string });
      return { known: known(one), offers: offer(withManifest(two, forged)) };
    },
  ],
  [
    'the right key under another algorithm',
    'ERR_TRUST_SIGNATURE',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(payloadOf(two), working, { alg: 'ES256' }))),
    }),
  ],
  [
    "genuine PEM with the attacker's own signers on first contact",
    'ERR_TRUST_FIRST_DIGEST',
    async () => ({
      firstDigest: one.signed.digest,
      offers: offer(await make({ signers: [mallory], anchors: [webRoot.certificate] })),
    }),
  ],
  ['first contact without a digest', 'ERR_TRUST_FIRST_DIGEST', () => ({ offers: offer(one) })],
  ['first contact with nothing', 'ERR_TRUST_FIRST_DIGEST', () => ({ firstDigest: one.signed.digest })],
  [
    'an ES256 key under the name of EdDSA',
    'ERR_TRUST_SIGNATURE',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(payloadOf(two), spare, { alg: 'EdDSA' }))),
    }),
  ],
  [
    "one signer's signature under the kid of another",
    'ERR_TRUST_SIGNATURE',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(payloadOf(two), working, { alg: 'ES256', kid: thumbprintOf(1) }))),
    }),
  ],
  [
    'threshold met by one key, listed twice as a signer',
    'ERR_TRUST_MANIFEST_MALFORMED',
    async () => {
      const [first] = two.signed.manifest.signers;
      const twice = { ...two.signed.opened.payload, signers: [first, { ...first }], min_signatures: 2 } as unknown as JsonObject;
      return { known: known(one), offers: offer(withManifest(two, await forge(canonicalJson(twice), working))) };
    },
  ],
  [
    'one key in another spelling of base64url',
    'ERR_TRUST_MANIFEST_MALFORMED',
    async () => {
      const [first] = two.signed.manifest.signers as readonly [PublicJwk];
      const bent = { ...first, x: `${first.x.slice(0, -1)}${String.fromCodePoint((first.x.codePointAt(42) as number) + 1)}` };
      const payload = { ...two.signed.opened.payload, signers: [first, bent] } as unknown as JsonObject;
      return { known: known(one), offers: offer(withManifest(two, await forge(canonicalJson(payload), working))) };
    },
  ],
  [
    'a payload nested without end',
    'ERR_JSON_MALFORMED',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(`{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, working))),
    }),
  ],
  [
    'embedded key',
    'ERR_TRUST_KEY_EMBEDDED',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(payloadOf(two), working, { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' } }))),
    }),
  ],
  [
    'unprotected header',
    'ERR_TRUST_HEADER_UNPROTECTED',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(payloadOf(two), working, {}, { kid: 'another' }))),
    }),
  ],
  [
    'an extension that must be understood',
    'ERR_TRUST_ENVELOPE_MALFORMED',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(payloadOf(two), working, { crit: ['b64'] }))),
    }),
  ],
  [
    'alg none',
    'ERR_TRUST_ENVELOPE_MALFORMED',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(payloadOf(two), working, { alg: 'none' }))),
    }),
  ],
  [
    'an activation in place of a manifest',
    'ERR_TRUST_ENVELOPE_MALFORMED',
    () => ({
      known: known(one),
      offers: offer({ version: { manifest: two.version.activation, activation: two.version.activation } }),
    }),
  ],
  [
    'duplicate JSON members',
    'ERR_JSON_MALFORMED',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(`{"purpose":"node-cert-lifecycle",${payloadOf(two).slice(1)}`, working))),
    }),
  ],
  [
    'signature over bytes that are not canonical',
    'ERR_TRUST_NOT_CANONICAL',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(` ${payloadOf(two)}`, working))),
    }),
  ],
  [
    'a payload that is no object',
    'ERR_TRUST_NOT_CANONICAL',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge('[]', working))),
    }),
  ],
  [
    'threshold met by duplicates of one key',
    'ERR_TRUST_SIGNATURE_DUPLICATE',
    async () => {
      const needsTwo = await make({ minSignatures: 2, keys: [working, spare] });
      const next = await make({ replaces: needsTwo, minSignatures: 2 });
      const [signature] = next.version.manifest.signatures;
      const doubled = { ...next.version.manifest, signatures: [signature, signature] };
      return { known: known(needsTwo), offers: offer(withManifest(next, doubled as unknown as JsonObject)) };
    },
  ],
  [
    'threshold not met',
    'ERR_TRUST_THRESHOLD',
    async () => {
      const needsTwo = await make({ minSignatures: 2, keys: [working, spare] });
      return { known: known(needsTwo), offers: offer(await make({ replaces: needsTwo })) };
    },
  ],
  [
    'the new version lowers the threshold and meets its own only',
    'ERR_TRUST_THRESHOLD',
    async () => {
      const needsTwo = await make({ minSignatures: 2, keys: [working, spare] });
      return { known: known(needsTwo), offers: offer(await make({ replaces: needsTwo, signers: [working], keys: [working] })) };
    },
  ],
  [
    'a rotation signed by the old key only',
    'ERR_TRUST_SIGNER_UNKNOWN',
    async () => ({
      known: known(one),
      offers: offer(await make({ replaces: one, signers: [rotated], keys: [working] })),
    }),
  ],
  [
    'key rotation replayed: the old key signs after it was rotated out',
    'ERR_TRUST_SIGNER_UNKNOWN',
    async () => {
      const after = await make({ replaces: one, signers: [rotated], keys: [working, rotated] });
      return { known: known(after), offers: offer(await make({ replaces: after, signers: [rotated], keys: [working] })) };
    },
  ],
  [
    'key rotation replayed: the rotating version again',
    'ERR_TRUST_ROLLBACK',
    async () => {
      const after = await make({ replaces: one, signers: [rotated], keys: [working, rotated] });
      const last = await make({ replaces: after, signers: [rotated] });
      return { known: known(last), offers: offer(after) };
    },
  ],
  [
    'changed content under a known version',
    'ERR_TRUST_VERSION_CHANGED',
    async () => ({
      known: known(one),
      offers: offer(await make({ reason: 'another' })),
    }),
  ],
  [
    'changed content under the version before',
    'ERR_TRUST_VERSION_CHANGED',
    async () => ({
      known: { ...known(two), previous: one },
      offers: offer(await make({ reason: 'another' }), three),
    }),
  ],
  [
    'two contents for one number',
    'ERR_TRUST_FORK',
    async () => ({
      known: known(one),
      offers: offer(two, await make({ replaces: one, reason: 'another' })),
    }),
  ],
  [
    'two successors of one version',
    'ERR_TRUST_FORK',
    async () => ({
      known: known(one),
      offers: offer(two, await make({ replaces: one, version: 3 })),
    }),
  ],
  [
    'a version that was published and never activated',
    'ERR_TRUST_NOT_ACTIVATED',
    () => ({
      known: known(one),
      offers: offer({ version: { manifest: two.version.manifest, activation: one.version.activation } }),
    }),
  ],
  [
    'an activation signed by somebody else',
    'ERR_TRUST_SIGNER_UNKNOWN',
    async () => ({
      known: known(one),
      offers: offer({ version: { manifest: two.version.manifest, activation: await activate(two.signed, [mallory]) } }),
    }),
  ],
  [
    'a first manifest that its own signers did not sign',
    'ERR_TRUST_SIGNER_UNKNOWN',
    async () => {
      const unsigned = await make({ keys: [mallory] });
      return { firstDigest: unsigned.signed.digest, offers: offer(unsigned) };
    },
  ],
  [
    'unknown schema',
    'ERR_TRUST_MANIFEST_MALFORMED',
    async () => ({
      known: known(one),
      offers: offer(
        withManifest(two, await forge(canonicalJson({ ...two.signed.opened.payload, schema: 'joinery/trust-bundle/2' }), working)),
      ),
    }),
  ],
  [
    'endless data: a payload over the limit',
    'ERR_TRUST_ENVELOPE_MALFORMED',
    async () => ({
      known: known(one),
      offers: offer(withManifest(two, await forge(canonicalJson({ filler: 'x'.repeat(1024 * 1024) }), working))),
    }),
  ],
];

describe('attacks on a walk', () => {
  it.each(attacks)('%s: %s', async (_name, code, request) => {
    const input = await request();
    let error: JoineryError | undefined;
    try {
      walk(input);
    } catch (thrown) {
      if (!isJoineryError(thrown)) throw thrown;
      error = thrown;
    }
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(/expected .*found |unknown member/s);
  });
});

describe('an honest walk', () => {
  it('goes from first contact to the newest version, whatever the order of the documents', () => {
    const result = walk({ firstDigest: one.signed.digest, offers: offer(three, one, two, one) });
    expect(result.steps.map((step) => step.signed.manifest.trust_bundle_version)).toEqual([1, 2, 3]);
    expect(result.missing).toBeUndefined();
  });

  it('stops at the last good version when a link is missing, and names it', async () => {
    const four = await make({ replaces: three });
    const result = walk({ known: known(one), offers: offer(four, two) });
    expect(result.steps.map((step) => step.signed.manifest.trust_bundle_version)).toEqual([2]);
    expect(result.missing).toEqual({ after: 2, version: 3, digest: three.signed.digest, before: 4 });
  });

  it('does nothing for what is known', () => {
    expect(walk({ known: known(two), offers: offer(one, two) })).toEqual({ steps: [], missing: undefined });
    expect(walk({ known: known(two) })).toEqual({ steps: [], missing: undefined });
  });

  it('passes expired versions on the way, because expiry is a matter of the last one', async () => {
    const late = await make({ replaces: two, now: plus(NOW, 2 * YEAR) });
    const result = walk({ known: known(one), offers: offer(two, late), now: plus(NOW, 2 * YEAR) });
    expect(result.steps).toHaveLength(2);
  });

  it('accepts a rotation signed by old and new keys', async () => {
    const after = await make({ replaces: one, signers: [rotated], keys: [working, rotated] });
    const activated = { version: { ...after.version, activation: await activate(after.signed, [rotated]) } };
    expect(walk({ known: known(one), offers: offer(activated) }).steps).toHaveLength(1);
  });
});
