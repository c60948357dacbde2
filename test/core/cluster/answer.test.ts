import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyJws } from '../../../src/adapters/jose.ts';
import { generatePrivateKey, signingKey } from '../../../src/adapters/signatures.ts';
import { type ClusterAnswer, heldBytes, openAnswer, parseHeld, signAnswer } from '../../../src/core/cluster/answer.ts';
import { canonicalBytes } from '../../../src/core/canonical-json.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import { toBase64Url, utf8 } from '../../../src/core/encoding.ts';
import { testCa } from '../../fakes/anchors.ts';

const ca = await testCa('cluster');
const content: ClusterAnswer = {
  schema: 'joinery/cluster-answer/1',
  cluster: 'prod',
  node: 'node-1',
  phase: 'stable',
  sequence: 1,
  generation: 1,
  issued_at: 1,
  ca_pem: ca.pem,
  certificate_pem: ca.pem,
  key_pem: 'k',
};
const code = (wanted: string) => expect.objectContaining({ code: wanted }) as Error;

describe('openAnswer', () => {
  it('opens what a trusted authority signed', async () => {
    const jws = await signAnswer(content, ca.key);
    expect(await openAnswer(jws, { authorities: [ca.certificate], verifyJws })).toEqual(content);
    expect(await openAnswer(jws, { authorities: [], fingerprint: ca.certificate.fingerprint, verifyJws })).toEqual(content);
  });

  it('refuses another signer, also one that brings its own authority, another type and another form', async () => {
    const other = await testCa('cluster');
    const forged = await signAnswer({ ...content, ca_pem: other.pem }, other.key);
    for (const trust of [{ authorities: [ca.certificate] }, { authorities: [], fingerprint: ca.certificate.fingerprint }])
      await expect(openAnswer(forged, { ...trust, verifyJws })).rejects.toEqual(code('ERR_CLUSTER_ANSWER_UNTRUSTED'));
    // The authority of the token is named, but another key signed.
    const borrowed = await signAnswer({ ...content, ca_pem: ca.pem }, other.key);
    await expect(openAnswer(borrowed, { authorities: [], fingerprint: ca.certificate.fingerprint, verifyJws })).rejects.toEqual(
      code('ERR_CLUSTER_ANSWER_UNTRUSTED'),
    );
    const input = `${toBase64Url(canonicalBytes({ alg: 'ES256', typ: 'join+jwt' }))}.${toBase64Url(canonicalBytes({ ...content }))}`;
    const token = `${input}.${toBase64Url(await ca.key.sign(utf8(input), 'ieee-p1363'))}`;
    await expect(openAnswer(token, { authorities: [ca.certificate], verifyJws })).rejects.toEqual(code('ERR_CLUSTER_ANSWER_UNTRUSTED'));
    await expect(openAnswer('no dots', { authorities: [], fingerprint: 'x', verifyJws })).rejects.toEqual(code('ERR_CLUSTER_ANSWER'));
  });

  it('knows no RSA authorities, which sign no answers', async () => {
    const rsa = await testCa('rsa', { key: signingKey(generatePrivateKey('rsa3072')) });
    const jws = await signAnswer(content, ca.key);
    await expect(openAnswer(jws, { authorities: [rsa.certificate], verifyJws })).rejects.toEqual(code('ERR_CLUSTER_ANSWER_UNTRUSTED'));
    const edwards = await testCa('edwards', { key: signingKey(generatePrivateKey('ed25519')) });
    expect(await openAnswer(await signAnswer(content, edwards.key), { authorities: [edwards.certificate], verifyJws })).toEqual(content);
  });

  it('throws coded errors only', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        await openAnswer(text, { authorities: [ca.certificate], fingerprint: 'f', verifyJws }).catch((error: unknown) =>
          expect(isJoineryError(error)).toBe(true),
        );
      }),
      { numRuns: 100 },
    );
  });
});

it('what a member holds reads back', () => {
  const { cluster, node, phase, sequence, generation } = content;
  expect(parseHeld(heldBytes(content), 'x')).toEqual({ schema: 'joinery/cluster-held/1', cluster, node, phase, sequence, generation });
  expect(() => parseHeld(utf8('[]'), 'x')).toThrow(code('ERR_INPUT_MALFORMED'));
});
