/** What an authority may carry beyond what every authority does: the SPIFFE ID of a trust domain, and name constraints. */
import { JoineryError } from '../errors.ts';
import { isTrustDomain } from '../names.ts';
import type { Certificate } from './certificate.ts';
import { inheritConstraints } from './constraint-inheritance.ts';
import { nameConstraints, subjectAltName } from './extension-writer.ts';
import type { Extension } from './extensions.ts';
import type { NameConstraints } from './name-constraints-extension.ts';
import { OID } from './oids.ts';
import { trustDomainId } from './spiffe-id.ts';

export interface AuthorityScope {
  /**
   * SPIFFE X509-SVID section 3.2: a signing certificate SHOULD be an SVID, with the ID of its trust domain and no path. It is a name, not
   * a bound; section 4.2 leaves bounds (a permitted URI subtree) to the operator, because readers exist that refuse what they do not know.
   */
  readonly trustDomain?: string | undefined;
  readonly constraints?: NameConstraints | undefined;
}

/** The extensions as they are said, nothing added. */
export function scopeExtensions({ trustDomain, constraints }: AuthorityScope): readonly Extension[] {
  return [
    ...(trustDomain === undefined ? [] : [subjectAltName([{ kind: 'uri', value: trustDomainId(trustDomain) }], false)]),
    ...(constraints === undefined ? [] : [nameConstraints(constraints)]),
  ];
}

/** What a cross-certificate of an authority carries: its names as they are, and its constraints, or others in their place. */
export function crossExtensions({ extensions }: Certificate, constraints = extensions.nameConstraints): readonly Extension[] {
  return [...extensions.list.filter(({ oid }) => oid === OID.subjectAltName), ...scopeExtensions({ constraints })];
}

/** {@link crossExtensions} with what an issuer adds to the constraints. */
export function crossUnder(certified: Certificate, issuer: Certificate): readonly Extension[] {
  return crossExtensions(certified, inheritConstraints(certified.extensions.nameConstraints, issuer.extensions.nameConstraints));
}

/** @param what names it in the error: `--trust-domain`. @throws ERR_CERTIFICATE_NAME */
export function assertTrustDomain(text: string, what: string): void {
  if (isTrustDomain(text)) return;
  throw new JoineryError(
    'ERR_CERTIFICATE_NAME',
    `${what}: expected the name of a trust domain like prod.example, found ${JSON.stringify(text.slice(0, 100))}`,
    { hint: 'lower-case letters, digits, dots, dashes and underscores; no spiffe:// before it and no path behind' },
  );
}
