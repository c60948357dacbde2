/** Rules of the CA/Browser Forum's Baseline Requirements, section 7.1, that go beyond RFC 5280: for the profile `web` only. */
import type { Certificate } from './certificate.ts';
import { ipText } from './general-names.ts';
import { ATTRIBUTE_TYPES } from './names.ts';
import { OID, oidText } from './oids.ts';

interface WebFinding {
  readonly fault: 'purpose' | 'names' | 'form';
  readonly reason: string;
}

/** RFC 6962 section 3.1: signs certificates for logs, and stands in no leaf. */
const PRECERTIFICATE_SIGNING = '1.3.6.1.4.1.11129.2.4.4';

/** Section 7.1.2.7.10: beside serverAuth these must not stand. */
const NOT_BESIDE_SERVERS: readonly string[] = [
  OID.anyExtendedKeyUsage,
  OID.codeSigning,
  OID.emailProtection,
  OID.timeStamping,
  OID.ocspSigning,
  PRECERTIFICATE_SIGNING,
];

/** What a certificate of a public web authority breaks in its role. */
export function webViolation(certificate: Certificate, role: 'anchor' | 'intermediate' | 'leaf'): WebFinding | undefined {
  if (role === 'anchor') return anchorPurposes(certificate);
  return pointNames(certificate) ?? (role === 'leaf' ? (leafPurposes(certificate) ?? commonNames(certificate)) : undefined);
}

/** Section 7.1.2.1.2. */
function anchorPurposes({ extensions }: Certificate): WebFinding | undefined {
  return extensions.extKeyUsage && { fault: 'purpose', reason: 'expected no extKeyUsage in a root, found one' };
}

/** Section 7.1.2.11.2. */
function pointNames({ extensions }: Certificate): WebFinding | undefined {
  const other = extensions.cRLDistributionPoints?.flatMap((point) => point.fullName).find((name) => name.kind !== 'uri');
  return other && { fault: 'form', reason: `expected only URIs in cRLDistributionPoints, found another name (${other.kind})` };
}

/** Sections 7.1.2.7.6 and 7.1.2.7.10. */
function leafPurposes({ extensions: { extKeyUsage: purposes, list } }: Certificate): WebFinding | undefined {
  if (purposes?.includes(OID.serverAuth) !== true) return undefined;
  const other = purposes.find((purpose) => NOT_BESIDE_SERVERS.includes(purpose));
  if (other !== undefined) return { fault: 'purpose', reason: `expected no ${oidText(other)} beside serverAuth, found it` };
  const critical = list.some((entry) => entry.oid === OID.extKeyUsage && entry.critical);
  return critical ? { fault: 'purpose', reason: 'expected extKeyUsage not critical, found it critical' } : undefined;
}

/** Other than ASCII, numbers and colons as of an address, or an A-label: what a person may take for a name that was checked. */
const LIKE_A_NAME = /[^ -~]|:|^0x[\da-f]+$|^[\d.]+$|^xn--/i;

/**
 * Section 7.1.4.3: a commonName is a copy of a subjectAltName. Judged where it could be taken for one: an address, an internationalized
 * name, or a name in other case. Another text is no name to any reader of today, and authorities of private networks write them.
 */
function commonNames({ subject, extensions }: Certificate): WebFinding | undefined {
  const names = (extensions.subjectAltName ?? []).flatMap((name) => {
    if (name.kind === 'dns') return [name.value];
    return name.kind === 'ip' ? [ipText(name.bytes)] : [];
  });
  const folded = new Set(names.map((name) => name.toLowerCase()));
  const bad = subject.rdns
    .flat()
    .flatMap(({ type, value }) => (type === ATTRIBUTE_TYPES.CN && value !== undefined ? [value] : []))
    .find((value) => !names.includes(value) && (LIKE_A_NAME.test(value) || folded.has(value.toLowerCase())));
  return bad === undefined ? undefined : { fault: 'names', reason: 'expected commonName as a copy of a subjectAltName, found another' };
}
