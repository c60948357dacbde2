/** What each certificate of a path must keep by itself (RFC 5280 section 4), before the path as a whole is judged. */
import { equalBytes } from '../encoding.ts';
import type { Instant } from '../time.ts';
import { formatInstant } from '../time.ts';
import type { Certificate } from './certificate.ts';
import { isCertificateDnsName, isWildcardName } from './host-names.ts';
import { constraintViolation } from './name-constraints.ts';
import { OID } from './oids.ts';
import { isStrongKey } from './strength.ts';
import { webViolation } from './web-rules.ts';

/** Why a path is refused. */
export type PathFault =
  | 'no-anchor'
  | 'budget'
  | 'signature'
  | 'algorithm'
  | 'key'
  | 'validity'
  | 'form'
  | 'serial-number'
  | 'basic-constraints'
  | 'path-length'
  | 'key-usage'
  | 'purpose'
  | 'names'
  | 'name-constraints'
  | 'key-identifier'
  | 'critical-extension'
  | 'policy'
  | 'identity'
  | 'revoked'
  | 'revocation-unknown';

export interface Finding {
  readonly fault: PathFault;
  readonly reason: string;
}

/**
 * `strict` (the default) keeps what RFC 5280 asks of conforming authorities; `web` adds what public web authorities must keep
 * (subject names in subjectAltName only, named key purposes) and takes nameConstraints that are not critical, as they may be there.
 * `rfc5280` is what section 6.1 asks of readers: of an anchor only name, key and constraints count, and nobody's style is judged.
 */
export type PathProfile = 'strict' | 'web' | 'rfc5280';

export type Role = 'anchor' | 'intermediate' | 'leaf';

/** Extensions that path validation processes (RFC 5280 section 6.1); a critical one beyond them is refused. */
const PROCESSED: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.subjectAltName,
  OID.nameConstraints,
  OID.certificatePolicies,
  OID.policyMappings,
  OID.policyConstraints,
  OID.inhibitAnyPolicy,
]);

/** RFC 5280: conforming authorities mark these critical. */
const MUST_BE_CRITICAL: ReadonlySet<string> = new Set([OID.policyConstraints, OID.inhibitAnyPolicy]);

type Rule = (certificate: Certificate, role: Role, context: RuleContext) => Finding | undefined;

export interface RuleContext {
  readonly at: Instant;
  readonly profile: PathProfile;
  /** True when revocation lists are consulted, so that cRLDistributionPoints are processed. */
  readonly revocation: boolean;
}

const found = (broken: boolean | undefined, fault: PathFault, reason: string): Finding | undefined =>
  broken === true ? { fault, reason } : undefined;
const criticality = (certificate: Certificate, oid: string): boolean | undefined =>
  certificate.extensions.list.find((entry) => entry.oid === oid)?.critical;

const validity: Rule = ({ notBefore, notAfter }, _, { at }) =>
  found(
    at < notBefore || at > notAfter,
    'validity',
    `expected to be valid at ${formatInstant(at)}, found ${formatInstant(notBefore)} to ${formatInstant(notAfter)}`,
  );

const MIN_RSA_BITS = 2048;

const key: Rule = ({ publicKey }, _, { profile }) => {
  const { key: public_ } = publicKey;
  const odd = profile === 'web' && public_.kind === 'rsa' && public_.bits % 8 !== 0;
  return found(
    odd || !isStrongKey(public_, MIN_RSA_BITS),
    'key',
    `expected a key of RSA ${MIN_RSA_BITS} bits or more, P-256, P-384, P-521 or an Edwards curve, found another`,
  );
};

/** RFC 5280 section 4.1.2.2. An anchor's own serial number proves nothing and is not looked at. */
const serialNumber: Rule = (certificate, role) =>
  found(
    role !== 'anchor' && !/^(?!(?:00)+$)[0-7][0-9a-f]{1,39}$/.test(certificate.serialNumber),
    'serial-number',
    'expected a positive serial number of at most 20 octets, found another',
  );

const algorithm: Rule = ({ signatureAlgorithm, algorithm: { oid } }, role) =>
  found(
    role !== 'anchor' && signatureAlgorithm === undefined,
    'algorithm',
    `expected a signature with SHA-2 or an Edwards curve, found algorithm ${oid}`,
  );

/** RFC 5280 sections 4.1.2.4 and 4.1.2.6. */
const names: Rule = (certificate, role) => {
  const { issuer, subject, extensions } = certificate;
  const nameless = subject.rdns.length === 0;
  return (
    found(issuer.rdns.length === 0, 'names', 'expected an issuer, found an empty name') ??
    found(nameless && role !== 'leaf', 'names', 'expected a subject of an authority, found an empty name') ??
    found(nameless && extensions.subjectAltName === undefined, 'names', 'expected a subject or a subjectAltName, found neither') ??
    found(
      nameless && criticality(certificate, OID.subjectAltName) === false,
      'names',
      'expected subjectAltName critical beside an empty subject, found it not critical',
    )
  );
};

/** RFC 5280 section 4.2.1.6: dNSName in preferred syntax, so that no two readers see two names. */
const alternativeNames: Rule = (certificate, role, { profile }) => {
  if (role !== 'leaf') return undefined;
  const bad = certificate.extensions.subjectAltName?.find(
    (name) => name.kind === 'dns' && !isCertificateDnsName(name.value) && !isWildcardName(name.value),
  );
  const needless = profile === 'web' && certificate.subject.rdns.length > 0 && criticality(certificate, OID.subjectAltName) === true;
  return (
    found(bad !== undefined, 'names', 'expected well-formed DNS names, found another') ??
    found(needless, 'names', 'expected subjectAltName not critical beside a subject, found it critical')
  );
};

const basicConstraints: Rule = (certificate, role) => {
  const { version, extensions } = certificate;
  const { cA = false, pathLenConstraint } = extensions.basicConstraints ?? {};
  const authority = role !== 'leaf';
  return (
    found(authority && version !== 3, 'form', `expected an authority of version 3, found version ${version}`) ??
    found(authority && !cA, 'basic-constraints', 'expected basicConstraints with cA true, found none') ??
    found(
      role === 'anchor' && criticality(certificate, OID.basicConstraints) !== true,
      'basic-constraints',
      'expected critical basicConstraints of an anchor, found them not critical',
    ) ??
    found(!cA && pathLenConstraint !== undefined, 'basic-constraints', 'expected pathLenConstraint with cA true only, found it without')
  );
};

/** RFC 5280 section 4.2.1.3. */
const keyUsage: Rule = ({ extensions }, role) => {
  const { keyUsage: usage, basicConstraints: basic } = extensions;
  return (
    found(usage?.size === 0, 'key-usage', 'expected keyUsage with a bit set, found none') ??
    found(role !== 'leaf' && usage?.has('keyCertSign') === false, 'key-usage', 'expected keyUsage with keyCertSign, found it without') ??
    found(usage?.has('keyCertSign') === true && basic?.cA !== true, 'key-usage', 'expected keyCertSign with cA true only, found it without')
  );
};

/** RFC 5280 sections 4.2.1.1 and 4.2.1.2: both are in every certificate of a conforming authority, and never critical. */
const keyIdentifiers: Rule = (certificate, role) => {
  const { extensions, selfIssued } = certificate;
  const own = role !== 'leaf' && extensions.subjectKeyIdentifier === undefined;
  const above = extensions.authorityKeyIdentifier?.keyIdentifier === undefined && !(role !== 'intermediate' && selfIssued);
  const critical = [OID.authorityKeyIdentifier, OID.subjectKeyIdentifier].some((oid) => criticality(certificate, oid) === true);
  return (
    found(critical, 'key-identifier', 'expected key identifiers not critical, found one critical') ??
    found(own, 'key-identifier', 'expected a subjectKeyIdentifier of an authority, found none') ??
    found(above, 'key-identifier', 'expected an authorityKeyIdentifier with keyIdentifier, found none')
  );
};

/** CA/Browser Forum Baseline Requirements section 7.1.2: a leaf is no authority, and an authorityKeyIdentifier holds a keyIdentifier and no more. */
const webForms: Rule = ({ extensions }, role, { profile }) => {
  if (profile !== 'web') return undefined;
  const { basicConstraints: basic, authorityKeyIdentifier: above } = extensions;
  const more = above?.authorityCertIssuer !== undefined || above?.authorityCertSerialNumber !== undefined;
  return (
    found(role === 'leaf' && basic?.cA === true, 'basic-constraints', 'expected a leaf that is no authority, found cA true') ??
    found(more, 'key-identifier', 'expected only keyIdentifier in authorityKeyIdentifier, found more')
  );
};

/** The same section: a self-signed anchor names itself. That it has a subjectKeyIdentifier, {@link keyIdentifiers} has seen. */
const webAnchors: Rule = ({ extensions, selfIssued }, role, { profile }) => {
  const { authorityKeyIdentifier: above, subjectKeyIdentifier: own } = extensions;
  if (profile !== 'web' || role !== 'anchor' || !selfIssued || above === undefined) return undefined;
  const same = above.keyIdentifier !== undefined && equalBytes(above.keyIdentifier, own as Uint8Array);
  return found(!same, 'key-identifier', 'expected the own key identifier in a self-signed anchor, found another');
};

const web: Rule = (certificate, role, { profile }) => (profile === 'web' ? webViolation(certificate, role) : undefined);

const nameConstraints: Rule = (certificate, _, { profile }) => {
  const { nameConstraints: constraints, basicConstraints: basic } = certificate.extensions;
  if (constraints === undefined) return undefined;
  const lax = profile !== 'web' && criticality(certificate, OID.nameConstraints) === false;
  return (
    found(basic?.cA !== true, 'name-constraints', 'expected nameConstraints in an authority only, found them in a leaf') ??
    found(lax, 'name-constraints', 'expected nameConstraints critical, found them not critical')
  );
};

/** RFC 5280 sections 6.1.4 (o) and 6.1.5 (f). */
const unknownExtensions: Rule = ({ extensions }, _, { revocation }) => {
  const processed = (oid: string): boolean => PROCESSED.has(oid) || (revocation && oid === OID.cRLDistributionPoints);
  const unknown = extensions.list.find((entry) => entry.critical && !processed(entry.oid));
  return found(unknown !== undefined, 'critical-extension', `expected critical extensions that are understood, found ${unknown?.oid}`);
};

const criticalExtensions: Rule = ({ extensions }) => {
  const lax = extensions.list.find((entry) => !entry.critical && MUST_BE_CRITICAL.has(entry.oid));
  return found(lax !== undefined, 'policy', `expected extension ${lax?.oid} critical, found it not critical`);
};

/** RFC 5280 section 6.1.4 (k) and (n). */
const authority: Rule = ({ version, extensions: { basicConstraints: basic, keyUsage: usage } }, role) =>
  found(role === 'intermediate' && version !== 3, 'form', `expected an authority of version 3, found version ${version}`) ??
  found(role === 'intermediate' && basic?.cA !== true, 'basic-constraints', 'expected basicConstraints with cA true, found none') ??
  found(
    role === 'intermediate' && usage?.has('keyCertSign') === false,
    'key-usage',
    'expected keyUsage with keyCertSign, found it without',
  );

/** Constraints that cannot be read one way only cannot be processed (RFC 5280 section 4.2.1.10). */
const subtrees: Rule = ({ extensions: { nameConstraints: constraints } }) => {
  const wrong = constraints && constraintViolation(constraints);
  return found(wrong !== undefined, 'name-constraints', `${wrong}`);
};

const RULES: readonly Rule[] = [
  validity,
  algorithm,
  key,
  serialNumber,
  basicConstraints,
  keyUsage,
  names,
  alternativeNames,
  keyIdentifiers,
  webForms,
  webAnchors,
  web,
  nameConstraints,
  subtrees,
  unknownExtensions,
  criticalExtensions,
];

/** RFC 5280 section 6.1, and no weak keys and signatures. */
const RULES_OF_READERS: readonly Rule[] = [validity, algorithm, key, authority, subtrees, unknownExtensions];
/** Section 6.1.1 (d): an anchor is a name and a key. Its constraints count too (RFC 5937), so they must be readable. */
const RULES_OF_ANCHORS: readonly Rule[] = [key, subtrees];

function rulesFor(role: Role, profile: PathProfile): readonly Rule[] {
  if (profile !== 'rfc5280') return RULES;
  return role === 'anchor' ? RULES_OF_ANCHORS : RULES_OF_READERS;
}

/** The first rule that a certificate breaks in its role. */
export function ruleViolation(certificate: Certificate, role: Role, context: RuleContext): Finding | undefined {
  for (const rule of rulesFor(role, context.profile)) {
    const finding = rule(certificate, role, context);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
