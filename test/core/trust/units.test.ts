import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { isJoineryError, type JoineryError } from '../../../src/core/errors.ts';
import { validSigners } from '../../../src/core/trust/envelope.ts';
import { cosign, openEnvelope } from '../../../src/core/trust/envelope.ts';
import { trustManifestSchema } from '../../../src/core/trust/manifest.ts';
import { otherPurpose, parsePurpose, PURPOSES } from '../../../src/core/trust/purpose.ts';
import { assertSuccessor } from '../../../src/core/trust/transition.ts';
import { make, newKey, nodeRoot, spare, working } from './signing.ts';

async function refusal(work: () => unknown): Promise<JoineryError> {
  try {
    await work();
  } catch (error) {
    if (isJoineryError(error)) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('purposes', () => {
  it('are two, each the other of the other', () => {
    expect(PURPOSES.map((purpose) => otherPurpose(purpose))).toEqual([...PURPOSES].reverse());
    expect(parsePurpose('node-cert-lifecycle')).toBe('node-cert-lifecycle');
    expect(() => parsePurpose('both')).toThrow('--purpose: expected control-plane-https or node-cert-lifecycle');
  });

  it('are two types', () => {
    const forNodes: 'node-cert-lifecycle' = otherPurpose('control-plane-https');
    // @ts-expect-error -- a bundle for one purpose is not accepted for the other by the compiler
    const wrong: 'control-plane-https' = otherPurpose('control-plane-https');
    expect(wrong).toBe(forNodes);
  });
});

describe('the manifest', () => {
  it('has a JSON Schema, which is the published one', () => {
    const published = readFileSync(new URL('../../../docs/schema/trust-bundle-1.json', import.meta.url), 'utf8');
    expect(JSON.parse(published)).toEqual(trustManifestSchema());
    expect(trustManifestSchema()).toMatchObject({ $id: 'https://joinery.dev/schema/trust-bundle-1.json', additionalProperties: false });
  });

  const later = '2027-01-01T00:00:00Z';
  const changes: readonly [string, JsonObject][] = [
    ['bundle_pem', { bundle_pem: nodeRoot.pem.replaceAll('\n', '\r\n') }],
    ['sha256_fingerprint', { sha256_fingerprint: 'a'.repeat(64) }],
    ['replaces_digest', { replaces_version: undefined }],
    ['replaces_version', { replaces_version: 2 }],
    ['expires_at', { expires_at: '2026-11-22T10:00:00Z' }],
    ['grace_until', { grace_until: '2026-11-22T10:00:00Z' }],
    ['published_at', { published_at: 'yesterday', expires_at: later }],
    ['min_signatures', { min_signatures: 3 }],
    ['anchors', { anchors: [] }],
  ];

  it.each(changes)('is refused when its parts do not agree: %s', async (member, change) => {
    const one = await make();
    const error = await refusal(() => make({ replaces: one, change: (manifest) => ({ ...manifest, ...change }) }));
    expect(error.code).toBe('ERR_TRUST_MANIFEST_MALFORMED');
    expect(error.message).toContain(member);
  });

  it('is refused when it describes other anchors, or names a signer twice', async () => {
    for (const member of ['fingerprint', 'spki_pin', 'not_before', 'not_after']) {
      const change = (manifest: JsonObject): JsonObject => {
        const [anchor] = manifest['anchors'] as JsonObject[];
        const wrong = { fingerprint: 'a'.repeat(64), spki_pin: `sha256:${'a'.repeat(64)}` }[member] ?? '2027-01-01T00:00:00Z';
        return { ...manifest, anchors: [{ ...anchor, [member]: wrong }] };
      };
      expect((await refusal(() => make({ change }))).message).toContain('anchors');
    }
    const twice = (manifest: JsonObject) => ({
      ...manifest,
      anchors: [...(manifest['anchors'] as JsonObject[]), ...(manifest['anchors'] as JsonObject[])],
    });
    expect((await refusal(() => make({ change: twice }))).message).toContain('anchors');
    expect((await refusal(() => make({ signers: [working, working] }))).message).toContain('signers: expected each key once');
  });
});

describe('a step', () => {
  it('never keeps or lowers the number', async () => {
    const one = await make();
    const two = await make({ replaces: one });
    const step = (from: typeof one, to: typeof one) => () => assertSuccessor(from.signed, to.signed, verifySignature, 'step');
    expect((await refusal(step(two, one))).code).toBe('ERR_TRUST_ROLLBACK');
    expect((await refusal(step(one, await make({ reason: 'another' })))).code).toBe('ERR_TRUST_VERSION_CHANGED');
    expect((await refusal(step(one, await make({ version: 2 })))).message).toContain('one that replaces none');
    expect(step(one, two)).not.toThrow();
  });
});

describe('co-signing', () => {
  it('adds the signature of another key, once', async () => {
    const made = await make({ minSignatures: 2 });
    const type = 'trust-bundle+jws';
    const both = openEnvelope(await cosign(made.signed.opened, type, spare, 'x'), type, 'x');
    expect(both.digest).toBe(made.signed.digest);
    expect(validSigners(both, made.signed.manifest.signers, verifySignature)).toHaveLength(2);
    expect((await refusal(() => cosign(both, type, spare, 'x'))).code).toBe('ERR_TRUST_SIGNATURE_DUPLICATE');
  });

  it('accepts P-384 keys', async () => {
    const key = newKey('p384');
    const made = await make({ signers: [key] });
    expect(validSigners(made.signed.opened, made.signed.manifest.signers, verifySignature)).toHaveLength(1);
  });
});

describe('an envelope', () => {
  it.each([null, [], {}, { signatures: 1 }, { payload: 'e30', signatures: [] }, { payload: 'e30', signatures: [1] }])(
    'of the wrong form is refused: %j',
    async (value) => {
      expect((await refusal(() => openEnvelope(value, 'trust-bundle+jws', 'x'))).code).toBe('ERR_TRUST_ENVELOPE_MALFORMED');
    },
  );

  it('with a header that is no object is refused', async () => {
    const value = { payload: 'e30', signatures: [{ protected: 'W10', signature: 'AA' }] };
    expect((await refusal(() => openEnvelope(value, 'trust-bundle+jws', 'x'))).code).toBe('ERR_TRUST_ENVELOPE_MALFORMED');
  });
});
