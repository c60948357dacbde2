import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import type { AttestationContext, EnrolledNode } from '../../../src/core/attest/context.ts';
import { joineryPeerAttestor } from '../../../src/core/attest/joinery-peer.ts';
import { CHALLENGE_TTL } from '../../../src/core/attest/evidence.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { pinOf } from '../../../src/core/digest.ts';
import { JoineryError } from '../../../src/core/errors.ts';
import { testCa, type TestCa } from '../../fakes/anchors.ts';
import { attest, CSR_SPKI, file, NONCE, NOW, openssl, OTHER_SPKI, outcomeOf, pemOf } from './attest-world.ts';

const ca = await testCa('nodes');
const host = await testCa('h1', { issuer: ca, leaf: true, ipAddress: '10.0.0.1' });
const stranger = await testCa('h1', { issuer: ca, leaf: true, ipAddress: '10.0.0.1' });
const enrolled: EnrolledNode = { cluster: 'prod', node: 'h1', role: 'host', identity: 'spiffe://lab.example/prod/host/h1', serial: '0a' };
const attestor = joineryPeerAttestor({ name: 'peers', roles: ['host'], verifySignature });

const lines = (nonce: string, spki: Uint8Array, node: string): Uint8Array =>
  Buffer.from(`joinery/attestation/1\njoinery-peer\n${nonce}\n${pinOf(spki)}\n${node}\n`);
async function evidence({
  by = host,
  nonce = NONCE,
  spki = CSR_SPKI,
  node = 'n1',
  said = node,
}: { by?: TestCa; nonce?: string; spki?: Uint8Array; node?: string; said?: string } = {}): Promise<JsonObject> {
  return {
    nonce,
    node: said,
    certificate: by.pem,
    signature: Buffer.from(await by.key.sign(lines(nonce, spki, node), 'der')).toString('base64'),
  };
}

/** The server knows `host` alone. */
const known = (change: Partial<EnrolledNode> = {}): Partial<AttestationContext> => ({
  enrolledNode: (certificate) =>
    certificate.fingerprint === host.certificate.fingerprint
      ? Promise.resolve({ ...enrolled, ...change })
      : Promise.reject(new JoineryError('ERR_JOIN_UNAUTHENTICATED', 'nobody')),
});

describe('joinery-peer', () => {
  it('believes a node that may vouch', async () => {
    const verified = await attest(attestor, await evidence(), known());
    expect(verified).toMatchObject({ provider: 'peers', issuedAt: NOW, replayableUntil: NOW + CHALLENGE_TTL });
    expect(verified.claims).toEqual({
      voucher_node: 'h1',
      voucher_role: 'host',
      voucher_identity: enrolled.identity,
      voucher_serial: '0a',
    });
  });

  test.each<[string, Promise<JsonObject>, Partial<AttestationContext>, string]>([
    ['for another key', evidence(), { ...known(), csrSpki: OTHER_SPKI }, 'ERR_ATTESTATION_FAILED evidence: signature'],
    ['for another node', evidence(), { ...known(), nodeId: 'n2' }, 'ERR_ATTESTATION_FAILED evidence: node: expected "n2", found "n1"'],
    ['for another node than it says', evidence({ node: 'n2', said: 'n1' }), known(), 'ERR_ATTESTATION_FAILED evidence: signature'],
    ['of a nonce of somebody else, or an old one', evidence({ nonce: 'x' }), known(), 'ERR_ATTESTATION_STALE evidence: nonce'],
    [
      'of a certificate that is not known here',
      evidence({ by: stranger }),
      known(),
      'ERR_ATTESTATION_FAILED evidence: certificate: expected one of a node that joined, in force, found ERR_JOIN_UNAUTHENTICATED',
    ],
    [
      'of a role that may not',
      evidence(),
      known({ role: 'worker' }),
      'ERR_ATTESTATION_FAILED evidence: certificate: expected a node in role host, found worker',
    ],
    [
      'of another cluster',
      evidence(),
      known({ cluster: 'edge' }),
      'ERR_ATTESTATION_FAILED evidence: certificate: expected a node of cluster prod',
    ],
    [
      'of a node for itself',
      evidence({ node: 'h1' }),
      { ...known(), nodeId: 'h1' },
      'ERR_ATTESTATION_FAILED evidence: certificate: expected another node, found itself',
    ],
    [
      'of a key for itself',
      evidence({ spki: host.certificate.spki }),
      { ...known(), csrSpki: host.certificate.spki },
      'ERR_ATTESTATION_FAILED evidence: certificate: expected another node, found itself',
    ],
    [
      'without a signature',
      evidence().then((given) => ({ ...given, signature: undefined })),
      known(),
      'ERR_ATTESTATION_MALFORMED evidence: signature',
    ],
    [
      'by another key than that of the certificate',
      evidence({ by: { ...host, key: stranger.key } }),
      known(),
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    [
      'without a certificate',
      evidence().then((given) => ({ ...given, certificate: 'x' })),
      known(),
      'ERR_ATTESTATION_FAILED evidence: certificate: expected one in PEM',
    ],
    [
      'with half a certificate',
      evidence().then((given) => ({ ...given, certificate: host.pem.slice(0, 100) })),
      known(),
      'ERR_ATTESTATION_MALFORMED evidence: certificate',
    ],
    [
      'with a certificate that is too large',
      evidence().then((given) => ({ ...given, certificate: host.pem.repeat(60) })),
      known(),
      'ERR_ATTESTATION_MALFORMED evidence: certificate',
    ],
  ])('refuses a word %s', async (_name, given, more, expected) => {
    expect(await outcomeOf(attestor, await given, more)).toContain(expected);
  });

  it('takes no certificate of a key that cannot answer', async () => {
    const key = file('dsa.key', pemOf(generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey));
    const pem = openssl(['req', '-x509', '-key', key, '-subj', '/CN=dsa']).toString();
    expect(await outcomeOf(attestor, { ...(await evidence()), certificate: pem }, known())).toContain(
      'ERR_ATTESTATION_FAILED evidence: signature',
    );
  });

  it('does not hide a bug', async () => {
    await expect(attest(attestor, await evidence(), { enrolledNode: () => Promise.reject(new Error('a bug')) })).rejects.toThrow('a bug');
  });

  it('reads any evidence or refuses it by a code', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          nonce: fc.string(),
          node: fc.constantFrom('n1', 'n2'),
          certificate: fc.oneof(fc.string(), fc.constant(host.pem)),
          signature: fc.oneof(fc.base64String(), fc.jsonValue()),
        }),
        async (given) => {
          expect(await outcomeOf(attestor, given as JsonObject, known())).toMatch(/^ERR_ATTESTATION_(MALFORMED|FAILED) /);
        },
      ),
      { numRuns: 100 },
    );
  });
});
