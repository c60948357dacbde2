import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, verifySignature } from '../../../src/adapters/signatures.ts';
import { isJoineryError, type JoineryError } from '../../../src/core/errors.ts';
import { canonicalBundle, MAX_BUNDLE } from '../../../src/core/trust/bundle.ts';
import { testCa } from '../../fakes/anchors.ts';

const root = await testCa('root');
const second = await testCa('second');
const third = await testCa('third');
const issuing = await testCa('issuing', { issuer: root });
const leaf = await testCa('leaf', { issuer: root, leaf: true });
const privateKey = generatePrivateKey('p256').export({ type: 'pkcs8', format: 'pem' }) as string;

const bundle = (...texts: string[]) =>
  canonicalBundle(
    texts.map((text, index) => ({ text, what: `file ${index + 1}` })),
    verifySignature,
  );

function refusal(text: string): JoineryError {
  try {
    bundle(text);
  } catch (error) {
    if (isJoineryError(error)) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('canonical bundle', () => {
  const canonical = bundle(root.pem + second.pem + third.pem);

  it('sorts by fingerprint, with 64 columns, LF, and one final newline', () => {
    const fingerprints = canonical.anchors.map((anchor) => anchor.fingerprint);
    expect(fingerprints).toEqual(fingerprints.toSorted());
    expect(canonical.pem).toMatch(/^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n){3}$/);
    expect(bundle(canonical.pem).pem).toBe(canonical.pem);
  });

  it('is the same for every spelling, order and repetition of the same anchors', () => {
    const spelling = fc.constantFrom<(pem: string) => string>(
      (pem) => pem,
      (pem) => pem.replaceAll('\n', '\r\n'),
      (pem) => pem.replaceAll('\n', '  \t\n'),
      (pem) => `# a comment\nsubject=CN = root\n${pem}\n\n`,
      (pem) => `    Signature Value:\n        30:44:02:20:1a:2b\n${pem}`,
      (pem) => `\uFEFF${pem}`,
      (pem) => pem + pem,
    );
    const part = (pem: string) => fc.tuple(spelling, fc.nat()).map(([spell, rank]) => ({ text: spell(pem), rank }));
    fc.assert(
      fc.property(part(root.pem), part(second.pem), part(third.pem), (...parts) => {
        const texts = parts.toSorted((a, b) => a.rank - b.rank).map((entry) => entry.text);
        expect(bundle(...texts).pem).toBe(canonical.pem);
        expect(bundle(texts.join('\n').replaceAll('\uFEFF', '')).pem).toBe(canonical.pem);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['a private key', root.pem + privateKey, 'ERR_TRUST_PRIVATE_KEY'],
    [
      'an encrypted private key of the old form',
      `${root.pem}-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n`,
      'ERR_TRUST_PRIVATE_KEY',
    ],
    ['an intermediate', root.pem + issuing.pem, 'ERR_TRUST_NOT_ANCHOR'],
    ['a leaf', root.pem + leaf.pem, 'ERR_TRUST_NOT_ANCHOR'],
    ['another kind of block', `${root.pem}-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n`, 'ERR_TRUST_NOT_ANCHOR'],
    [
      'something that is no certificate',
      `${root.pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
      'ERR_CERTIFICATE_MALFORMED',
    ],
    ['a damaged marker', `${root.pem}----BEGIN CERTIFICATE-----\n${second.pem}`, 'ERR_PEM_MALFORMED'],
    ['a marker behind other text', `${root.pem}x -----BEGIN CERTIFICATE-----\n${second.pem}`, 'ERR_PEM_MALFORMED'],
    ['base64 outside a block', `${root.pem}${'A'.repeat(64)}\n${second.pem}`, 'ERR_PEM_MALFORMED'],
    ['bytes that are not text', `${root.pem}\u0000\u0001\n${second.pem}`, 'ERR_PEM_MALFORMED'],
    ['a block that does not end', `${root.pem}-----BEGIN CERTIFICATE-----\nAAAA\n`, 'ERR_PEM_MALFORMED'],
  ])('refuses %s, naming the line', (_what, text, code) => {
    const error = refusal(text);
    expect(error.code).toBe(code);
    const line = root.pem.split('\n').length;
    expect(error.message).toContain(`file 1, line ${line}`);
    expect(error.message).not.toContain(privateKey.split('\n')[1]);
  });

  it('refuses a text without a certificate, and one without end', () => {
    expect(refusal('# nothing\n').code).toBe('ERR_PEM_MALFORMED');
    expect(refusal(' '.repeat(MAX_BUNDLE + 1)).code).toBe('ERR_INPUT_TOO_LARGE');
  });

  it('only ever refuses random text with a code', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(refusal(text)).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });
});
