/** `x509pop`: the holder of a device certificate, under authorities that are configured, answers a challenge of this server. */
import { pinOf } from '../digest.ts';
import { parsePem } from '../encoding.ts';
import type { VerifySignature } from '../key-ports.ts';
import { object, string } from '../parse.ts';
import { formatInstant } from '../time.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/crl.ts';
import { OID } from '../x509/oids.ts';
import { validatePath } from '../x509/path.ts';
import type { AttestationContext, Attestor } from './context.ts';
import {
  asMalformed,
  assertAnswer,
  assertChallenge,
  challengeBytes,
  challengeUse,
  MAX_EVIDENCE_TEXT,
  readEvidence,
  refuse,
} from './evidence.ts';

export interface X509popOptions {
  readonly name: string;
  readonly anchors: readonly Certificate[];
  /** Where there are any, every device certificate needs a list that is good and does not name it. */
  readonly crls?: readonly RevocationList[] | undefined;
  readonly purpose?: 'clientAuth' | 'serverAuth' | undefined;
  readonly verifySignature: VerifySignature;
}

const MAX_CERTIFICATES = 10;

const evidenceParser = object({
  nonce: string({ minLength: 1, maxLength: 512 }),
  /** PEM, the device's first. */
  certificates: string({ minLength: 1, maxLength: MAX_EVIDENCE_TEXT }),
  /** Base64; ECDSA in DER, RSA PKCS #1. */
  signature: string({ minLength: 1, maxLength: 4096 }),
});

/** Claims: fingerprint, spki_pin, serial, subject, issuer, anchor, not_after, dns_names, uris. */
export function x509popAttestor(options: X509popOptions): Attestor {
  const { name, verifySignature } = options;
  return {
    attest: async (given, context) => {
      const { nonce, certificates, signature } = readEvidence(evidenceParser, given);
      const [leaf, ...others] = readChain(certificates);
      const anchor = assertPath(options, leaf, others, context);
      assertDeviceKey(leaf);
      assertAnswer(
        { publicKey: leaf.publicKey, data: challengeBytes('x509pop', nonce, pinOf(context.csrSpki)), signature },
        verifySignature,
      );
      assertChallenge(nonce, context);
      return { provider: name, claims: claimsOf(leaf, anchor), issuedAt: context.now, ...challengeUse(nonce, context.now) };
    },
  };
}

function readChain(pem: string): [Certificate, ...Certificate[]] {
  const chain = asMalformed(() =>
    parsePem(pem, 'evidence: certificates')
      .slice(0, MAX_CERTIFICATES)
      .map(({ der }) => parseCertificate(der, 'evidence: certificates')),
  );
  if (chain.length === 0) throw refuse('certificates', 'the one of the device in PEM', 'none');
  return chain as [Certificate, ...Certificate[]];
}

/** @returns the anchor that the path ends in. */
function assertPath(
  { anchors, crls, purpose, verifySignature }: X509popOptions,
  leaf: Certificate,
  intermediates: readonly Certificate[],
  { now }: AttestationContext,
): Certificate {
  const result = validatePath({
    leaf,
    intermediates,
    anchors,
    at: now,
    verifySignature,
    // Makers of devices keep RFC 5280, not the stricter rules that joinery has for its own certificates.
    profile: 'rfc5280',
    purpose: purpose && OID[purpose],
    crls,
  });
  if (result.ok) return result.path.at(-1) as Certificate;
  throw refuse('certificates', 'a path from the device to a configured authority', `${result.code}: ${result.reason}`);
}

/** The key must be the device's own, and for signing. */
function assertDeviceKey({ extensions }: Certificate): void {
  const { basicConstraints, keyUsage } = extensions;
  if (basicConstraints?.cA === true) throw refuse('certificates', 'the certificate of a device', 'that of an authority');
  if (keyUsage !== undefined && !keyUsage.has('digitalSignature')) throw refuse('keyUsage', 'digitalSignature', [...keyUsage].join(', '));
}

function claimsOf(leaf: Certificate, anchor: Certificate) {
  const names = leaf.extensions.subjectAltName ?? [];
  const values = (kind: 'dns' | 'uri'): string[] => names.flatMap((name) => (name.kind === kind ? [name.value] : []));
  return {
    fingerprint: leaf.fingerprint,
    spki_pin: leaf.pin,
    serial: leaf.serialNumber,
    subject: leaf.subject.text,
    issuer: leaf.issuer.text,
    anchor: anchor.fingerprint,
    not_after: formatInstant(leaf.notAfter),
    dns_names: values('dns'),
    uris: values('uri'),
  };
}
