/**
 * Rules that a certificate of joinery keeps, checked before it is signed (and by `cert lint`): RFC 5280 for a private PKI, SPIFFE
 * X509-SVID where a SPIFFE ID is in it, and the realm's own (FORMATS 6).
 */
import { equalBytes } from '../encoding.ts';
import type { Violation } from './anchor.ts';
import { type Certificate } from './certificate.ts';
import { sequence, time } from './der-writer.ts';
import { isCertificateDnsName, isWildcardName } from './host-names.ts';
import { inheritanceViolation } from './constraint-inheritance.ts';
import { constraintViolation, MAX_COMPARISONS, nameViolation } from './name-constraints.ts';
import { equalNames } from './names.ts';
import { OID } from './oids.ts';
import { isStrongKey } from './strength.ts';

type Rule = readonly [rule: string, clause: string, holds: (certificate: Certificate) => boolean];

const isCa = (certificate: Certificate): boolean => certificate.extensions.basicConstraints?.cA === true;
const extension = (certificate: Certificate, oid: string) => certificate.extensions.list.find((entry) => entry.oid === oid);
const isCritical = (certificate: Certificate, oid: string): boolean => extension(certificate, oid)?.critical === true;
const mayBe = (certificate: Certificate, oid: string, critical: boolean): boolean => {
  const found = extension(certificate, oid);
  return found === undefined || found.critical === critical;
};
const names = (certificate: Certificate) => certificate.extensions.subjectAltName ?? [];

/** Extensions that a certificate of joinery may carry. */
const KNOWN: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.subjectAltName,
  OID.nameConstraints,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.cRLDistributionPoints,
]);

const RULES: readonly Rule[] = [
  ['version', 'version 3 (RFC 5280 section 4.1.2.1)', (c) => c.version === 3],
  [
    'serial',
    'a positive serial number of 16 to 20 octets (RFC 5280 section 4.1.2.2)',
    (c) => /^[0-7][0-9a-f]{31,39}$/.test(c.serialNumber),
  ],
  ['signature-algorithm', 'a signature algorithm of SHA-2 or an Edwards curve', (c) => c.signatureAlgorithm !== undefined],
  [
    'key',
    'P-256, P-384, P-521, an Edwards curve, or RSA of 2048 bits (3072 in a CA)',
    (c) => isStrongKey(c.publicKey.key, isCa(c) ? 3072 : 2048),
  ],
  ['validity', 'notBefore earlier than notAfter', (c) => c.notBefore < c.notAfter],
  [
    'time-form',
    'UTCTime through 2049 and GeneralizedTime after (RFC 5280 section 4.1.2.5)',
    (c) => equalBytes(c.validity, sequence(time(c.notBefore), time(c.notAfter))),
  ],
  ['issuer', 'a non-empty issuer (RFC 5280 section 4.1.2.4)', (c) => c.issuer.rdns.length > 0],
  ['basic-constraints', 'critical basicConstraints (RFC 5280 section 4.2.1.9)', (c) => isCritical(c, OID.basicConstraints)],
  [
    'path-len',
    'pathLenConstraint in a CA only (RFC 5280 section 4.2.1.9)',
    (c) => isCa(c) || c.extensions.basicConstraints?.pathLenConstraint === undefined,
  ],
  [
    'key-usage',
    'critical keyUsage with a bit set (RFC 5280 section 4.2.1.3)',
    (c) => isCritical(c, OID.keyUsage) && c.extensions.keyUsage?.size !== 0,
  ],
  [
    'key-cert-sign',
    'keyCertSign in a CA and nowhere else (RFC 5280 section 4.2.1.3)',
    (c) => c.extensions.keyUsage?.has('keyCertSign') === isCa(c),
  ],
  ['ca-subject', 'a non-empty subject of a CA (RFC 5280 section 4.1.2.6)', (c) => !isCa(c) || c.subject.rdns.length > 0],
  ['name', 'a subject or a subjectAltName', (c) => c.subject.rdns.length > 0 || names(c).length > 0],
  [
    'san-critical',
    'subjectAltName critical exactly when the subject is empty (RFC 5280 section 4.2.1.6)',
    (c) => mayBe(c, OID.subjectAltName, c.subject.rdns.length === 0),
  ],
  [
    'san-dns',
    'well-formed DNS names (RFC 5280 section 4.2.1.6)',
    (c) => names(c).every((n) => n.kind !== 'dns' || isCertificateDnsName(n.value) || isWildcardName(n.value)),
  ],
  [
    'name-constraints',
    'nameConstraints critical, in a CA (RFC 5280 section 4.2.1.10)',
    (c) => mayBe(c, OID.nameConstraints, true) && (isCa(c) || extension(c, OID.nameConstraints) === undefined),
  ],
  [
    'name-constraints-form',
    'subtrees as in RFC 5280 section 4.2.1.10',
    ({ extensions: { nameConstraints } }) => nameConstraints === undefined || constraintViolation(nameConstraints) === undefined,
  ],
  [
    'ski',
    'subjectKeyIdentifier, not critical (RFC 5280 section 4.2.1.2)',
    (c) => extension(c, OID.subjectKeyIdentifier)?.critical === false,
  ],
  [
    'aki',
    'authorityKeyIdentifier with keyIdentifier, not critical (RFC 5280 section 4.2.1.1)',
    (c) => c.extensions.authorityKeyIdentifier?.keyIdentifier !== undefined && mayBe(c, OID.authorityKeyIdentifier, false),
  ],
  [
    'eku',
    'named key purposes in a leaf, not any',
    (c) => isCa(c) || (c.extensions.extKeyUsage !== undefined && !c.extensions.extKeyUsage.includes(OID.anyExtendedKeyUsage)),
  ],
  ['unknown-extension', 'known extensions only', (c) => c.extensions.list.every((entry) => KNOWN.has(entry.oid))],
  [
    'svid-uri',
    'one URI beside a SPIFFE ID (SPIFFE X509-SVID section 2)',
    (c) => !isSvid(c) || names(c).filter((n) => n.kind === 'uri').length === 1,
  ],
  [
    'svid-key-usage',
    'digitalSignature and no cRLSign in a leaf SVID (SPIFFE X509-SVID section 4.3)',
    (c) => !isSvid(c) || isCa(c) || (c.extensions.keyUsage?.has('digitalSignature') === true && !c.extensions.keyUsage.has('cRLSign')),
  ],
  [
    'svid-path',
    'a path in the SPIFFE ID of a leaf, and none in that of an authority (SPIFFE X509-SVID sections 3.1 and 3.2)',
    (c) => spiffeIds(c).every((id) => /^spiffe:\/\/[^/]+$/.test(id) === isCa(c)),
  ],
];

function spiffeIds(certificate: Certificate): string[] {
  return names(certificate).flatMap((name) => (name.kind === 'uri' && name.value.startsWith('spiffe:') ? [name.value] : []));
}

function isSvid(certificate: Certificate): boolean {
  return spiffeIds(certificate).length > 0;
}

function trustDomains(certificate: Certificate): (string | undefined)[] {
  return spiffeIds(certificate).map((id) => id.split('/')[2]);
}

/** A text says what was found. */
type IssuerRule = readonly [rule: string, clause: string, holds: (certificate: Certificate, issuer: Certificate) => boolean | string];

const ISSUER_RULES: readonly IssuerRule[] = [
  ['issuer-name', "the issuer's subject as issuer (RFC 5280 section 4.1.2.4)", (c, issuer) => equalNames(c.issuer, issuer.subject)],
  [
    'issuer-ca',
    'an issuer that may sign certificates (RFC 5280 section 4.2.1.3)',
    (_, issuer) => isCa(issuer) && issuer.extensions.keyUsage?.has('keyCertSign') !== false,
  ],
  [
    'issuer-path-len',
    "a place under the issuer's pathLenConstraint (RFC 5280 section 4.2.1.9)",
    (c, issuer) => !isCa(c) || fitsUnder(c, issuer),
  ],
  ['issuer-validity', "an end not after the issuer's", (c, issuer) => c.notAfter <= issuer.notAfter && c.notBefore >= issuer.notBefore],
  [
    'issuer-name-constraints',
    "names that the issuer's nameConstraints permit (RFC 5280 section 4.2.1.10)",
    (c, { extensions: { nameConstraints } }) =>
      nameConstraints === undefined || (nameViolation(c, nameConstraints, { left: MAX_COMPARISONS }) ?? true),
  ],
  [
    'issuer-subtrees',
    "name constraints inside the issuer's (RFC 5280 section 4.2.1.10)",
    (c, { extensions: { nameConstraints } }) =>
      !isCa(c) || nameConstraints === undefined || (inheritanceViolation(c.extensions.nameConstraints, nameConstraints) ?? true),
  ],
  [
    'issuer-trust-domain',
    "a SPIFFE ID in the issuer's trust domain (SPIFFE X509-SVID section 3.2)",
    (c, issuer) => isCa(c) || trustDomains(issuer).every((own) => trustDomains(c).every((other) => other === own)),
  ],
  ['issuer-key-id', "the issuer's key identifier (RFC 5280 section 4.2.1.1)", (c, issuer) => sameKeyIdentifier(c, issuer)],
];

function fitsUnder(certificate: Certificate, issuer: Certificate): boolean {
  const most = issuer.extensions.basicConstraints?.pathLenConstraint;
  if (most === undefined) return true;
  const own = certificate.extensions.basicConstraints?.pathLenConstraint ?? Infinity;
  return own < most;
}

function sameKeyIdentifier(certificate: Certificate, issuer: Certificate): boolean {
  const { keyIdentifier } = certificate.extensions.authorityKeyIdentifier ?? {};
  const { subjectKeyIdentifier } = issuer.extensions;
  return keyIdentifier === undefined || subjectKeyIdentifier === undefined || equalBytes(keyIdentifier, subjectKeyIdentifier);
}

/** Every rule that the certificate breaks; none means it may be signed. `issuer` is left out for a self-signed one. */
export function lintCertificate(certificate: Certificate, issuer?: Certificate): readonly Violation[] {
  const own = RULES.filter(([, , holds]) => !holds(certificate)).map(([rule, clause]) => ({ rule, message: `expected ${clause}` }));
  const fromIssuer = issuer === undefined ? [] : ISSUER_RULES.flatMap((rule) => violationOf(rule, certificate, issuer));
  return [...own, ...fromIssuer];
}

function violationOf([rule, clause, holds]: IssuerRule, certificate: Certificate, issuer: Certificate): Violation[] {
  const found = holds(certificate, issuer);
  if (found === true) return [];
  return [{ rule, message: found === false ? `expected ${clause}` : `expected ${clause}: ${found}` }];
}

/** A broken rule as the message of a refusal. */
export function violationSentence({ message }: Violation): string {
  return message.includes(', found ') ? message : `${message}, found another`;
}
