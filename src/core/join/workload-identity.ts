/** The identity of a node as the SPIFFE Workload API gives it out: DER, one after the other. */
import { concat, parsePem, toPem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { DerReader } from '../x509/der.ts';
import { parseSpiffeId, trustDomainId } from '../x509/spiffe-id.ts';

export interface WorkloadIdentity {
  readonly spiffeId: string;
  /** `spiffe://` and the trust domain. */
  readonly trustDomain: string;
  /** The certificate, then its authorities. */
  readonly svid: Uint8Array;
  /** PKCS #8, not encrypted. */
  readonly key: Uint8Array;
  /** Anchors of node-cert-lifecycle. */
  readonly bundle: Uint8Array;
}

export interface IdentityTexts {
  /** SPIFFE ID. */
  readonly identity: string;
  readonly key: Secret;
  /** PEM, the leaf first. */
  readonly certificates: string;
  /** PEM. */
  readonly anchors: string;
}

/** @throws ERR_PEM_MALFORMED, ERR_CERTIFICATE_* */
export function workloadIdentity({ identity, key, certificates, anchors }: IdentityTexts): WorkloadIdentity {
  const der = (pem: string, what: string): Uint8Array => concat(...parsePem(pem, what).map((block) => block.der));
  return {
    spiffeId: identity,
    trustDomain: trustDomainId(parseSpiffeId(identity, 'identity').trustDomain),
    svid: der(certificates, 'node.crt'),
    key: der(key.reveal(), 'node.key'),
    bundle: der(anchors, 'anchors'),
  };
}

/** An identity as a Workload API gives it. */
export interface WorkloadSvid {
  readonly spiffeId: string;
  /** DER of the certificate and its authorities. */
  readonly x509Svid: Uint8Array;
  /** DER of PKCS #8. */
  readonly x509SvidKey: Uint8Array;
  /** DER of the authorities of its trust domain. */
  readonly bundle: Uint8Array;
}

export interface ReadWorkload extends IdentityTexts {
  readonly certificate: Certificate;
}

/** It has come over a local socket, and is read as anything else: whole, and about one identity. @throws ERR_WORKLOAD_MALFORMED */
export function readWorkload({ spiffeId, x509Svid, x509SvidKey, bundle }: WorkloadSvid): ReadWorkload {
  const certificates = certificatesOf(x509Svid, 'x509_svid');
  const anchors = certificatesOf(bundle, 'bundle');
  const [certificate] = certificates;
  const uris = (certificate?.extensions.subjectAltName ?? []).flatMap((name) => (name.kind === 'uri' ? [name.value] : []));
  if (certificate === undefined || anchors.length === 0) throw malformed('expected a certificate and a bundle, found less');
  if (uris.length !== 1 || uris[0] !== spiffeId)
    throw malformed(`expected a certificate of ${spiffeId}, found ${uris.join(', ') || 'no SPIFFE ID'}`);
  const pem = (list: readonly Certificate[]): string => list.map(({ der }) => toPem('CERTIFICATE', der)).join('');
  return {
    identity: spiffeId,
    certificate,
    key: new Secret(toPem('PRIVATE KEY', x509SvidKey)),
    certificates: pem(certificates),
    anchors: pem(anchors),
  };
}

function certificatesOf(bytes: Uint8Array, member: string): readonly Certificate[] {
  const found: Certificate[] = [];
  try {
    const reader = new DerReader(bytes, member);
    while (!reader.done) found.push(parseCertificate(reader.any('certificate').bytes, member));
  } catch (cause) {
    // Reading throws nothing else.
    throw malformed((cause as Error).message, cause);
  }
  return found;
}

function malformed(found: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_WORKLOAD_MALFORMED', `Workload API: ${found}`, { cause });
}

/** @param what names it in errors: `--workload-api`. @returns the absolute path of a Unix socket. @throws ERR_USAGE */
export function parseWorkloadAddress(address: string, what: string): string {
  const [, path] = /^unix:(?:\/\/)?(\/[^\0]+)$/.exec(address) ?? [];
  if (path !== undefined) return path;
  throw new JoineryError('ERR_USAGE', `${what}: expected unix: and an absolute path, found another form`);
}
