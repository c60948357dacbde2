/** `joinery-peer`: a node that joined, in a role that may, vouches for another: for its name, and for its key. */
import { pinOf } from '../digest.ts';
import { equalBytes, parsePem } from '../encoding.ts';
import { isJoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { name as nodeName } from '../names.ts';
import { object, string } from '../parse.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import type { AttestationContext, Attestor, EnrolledNode } from './context.ts';
import {
  asMalformed,
  assertAnswer,
  assertChallenge,
  challengeBytes,
  challengeUse,
  MAX_EVIDENCE_TEXT,
  quoted,
  readEvidence,
  refuse,
} from './evidence.ts';

export interface JoineryPeerOptions {
  readonly name: string;
  /** Roles that may vouch. */
  readonly roles: readonly string[];
  readonly verifySignature: VerifySignature;
}

const evidenceParser = object({
  nonce: string({ minLength: 1, maxLength: 512 }),
  /** Name of the node that joins. */
  node: nodeName(),
  /** PEM of the certificate of the node that vouches; what follows it is not read. */
  certificate: string({ minLength: 1, maxLength: MAX_EVIDENCE_TEXT }),
  /** Base64; ECDSA in DER. */
  signature: string({ minLength: 1, maxLength: 4096 }),
});

/** Claims: voucher_node, voucher_role, voucher_identity, voucher_serial. */
export function joineryPeerAttestor({ name, roles, verifySignature }: JoineryPeerOptions): Attestor {
  return {
    attest: async (given, context) => {
      const { nonce, node, certificate: pem, signature } = readEvidence(evidenceParser, given);
      if (node !== context.nodeId) throw refuse('node', quoted(context.nodeId), quoted(node));
      const certificate = readCertificate(pem);
      const data = challengeBytes('joinery-peer', nonce, pinOf(context.csrSpki), node);
      assertAnswer({ publicKey: certificate.publicKey, data, signature }, verifySignature);
      const voucher = await voucherOf(certificate, context);
      if (voucher.cluster !== context.cluster) throw refuse('certificate', `a node of cluster ${context.cluster}`, 'one of another');
      if (!roles.includes(voucher.role)) throw refuse('certificate', `a node in role ${roles.join(' or ')}`, voucher.role);
      if (voucher.node === node || equalBytes(certificate.spki, context.csrSpki)) throw refuse('certificate', 'another node', 'itself');
      assertChallenge(nonce, context);
      const claims = {
        voucher_node: voucher.node,
        voucher_role: voucher.role,
        voucher_identity: voucher.identity,
        voucher_serial: voucher.serial,
      };
      return { provider: name, claims, issuedAt: context.now, ...challengeUse(nonce, context.now) };
    },
  };
}

function readCertificate(pem: string): Certificate {
  const [block] = asMalformed(() => parsePem(pem, 'evidence: certificate'));
  if (block === undefined) throw refuse('certificate', 'one in PEM', 'none');
  return asMalformed(() => parseCertificate(block.der, 'evidence: certificate'));
}

/** Why a certificate is none of a node in force is told, but not in the words that are about the caller's own. */
async function voucherOf(certificate: Certificate, context: AttestationContext): Promise<EnrolledNode> {
  try {
    return await context.enrolledNode(certificate);
  } catch (error) {
    if (!isJoineryError(error) || error.family === 'bug') throw error;
    throw refuse('certificate', 'one of a node that joined, in force', error.code);
  }
}
