/** SPIFFE IDs (SPIFFE-ID sections 2.1 to 2.3): who a node is. */
import { JoineryError } from '../errors.ts';
import { isTrustDomain } from '../names.ts';

export interface SpiffeId {
  readonly id: string;
  readonly trustDomain: string;
  /** Without the slashes between them; empty for the trust domain itself. */
  readonly segments: readonly string[];
}

/** SPIFFE-ID section 2.3. */
const MAX_OCTETS = 2048;
const SEGMENT = /^[A-Za-z0-9._-]+$/;
/** Administrators and joinery's own services (FORMATS 0): never a node. */
const RESERVED = 'joinery';

/** @param what names it in the error: `--uri`. @throws ERR_CERTIFICATE_NAME */
export function parseSpiffeId(text: string, what: string): SpiffeId {
  const [, trustDomain = '', path = ''] = /^spiffe:\/\/([^/]*)((?:\/[^/]+)*)$/.exec(text) ?? [];
  const segments = path.split('/').slice(1);
  const wellFormed =
    text.length <= MAX_OCTETS &&
    isTrustDomain(trustDomain) &&
    segments.every((segment) => SEGMENT.test(segment) && segment !== '.' && segment !== '..');
  if (!wellFormed) {
    throw new JoineryError(
      'ERR_CERTIFICATE_NAME',
      `${what}: expected a SPIFFE ID like spiffe://prod.example/node/n1, found ${JSON.stringify(text.slice(0, 100))}`,
      { hint: 'a trust domain in lower case, then segments of A-Z a-z 0-9 . _ - (not . or ..), no query, no slash at the end' },
    );
  }
  return { id: text, trustDomain, segments };
}

/** The SPIFFE ID of a trust domain itself, of signing certificates (SPIFFE X509-SVID section 3.2). */
export function trustDomainId(trustDomain: string): string {
  return `spiffe://${trustDomain}`;
}

/** The SPIFFE ID of an administrator of a trust domain. */
export function adminId(trustDomain: string, name: string): string {
  return `spiffe://${trustDomain}/${RESERVED}/admin/${name}`;
}

/** Why the ID cannot be an administrator's of the trust domain, or undefined. */
export function adminIdViolation({ id, segments }: SpiffeId, ownTrustDomain: string): string | undefined {
  const own = adminId(ownTrustDomain, segments[2] ?? '');
  return id === own ? undefined : `expected a SPIFFE ID like ${adminId(ownTrustDomain, 'NAME')}, found ${id}`;
}

/** Why the ID cannot be a node's of the trust domain, or undefined. */
export function nodeIdViolation({ trustDomain, segments }: SpiffeId, ownTrustDomain: string): string | undefined {
  if (trustDomain !== ownTrustDomain) return `expected a SPIFFE ID in the trust domain ${ownTrustDomain}, found one in ${trustDomain}`;
  // X509-SVID section 5.2: an ID without a path is the trust domain's own, of signing certificates.
  if (segments.length === 0) return 'expected a path in the SPIFFE ID, found none';
  // Whatever the case: readers that compare paths without case exist.
  if (segments[0]?.toLowerCase() === RESERVED) return `expected another path than /${RESERVED}/, which is reserved, found it`;
  return undefined;
}
