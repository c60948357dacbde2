/** Certificate extensions (RFC 5280 section 4.2). Every function throws ERR_DER_MALFORMED. */
import { contextTag, derError, type DerReader, type DerValue, enterDer, readDer, TAG } from './der.ts';
import { booleanOf, integerOf, namedBitsOf, oidOf, smallIntegerOf } from './der-values.ts';
import { type GeneralName, readGeneralName } from './general-names.ts';
import { readNameConstraints, type NameConstraints } from './name-constraints-extension.ts';
import { OID } from './oids.ts';
import {
  type PolicyConstraints,
  type PolicyMapping,
  readPolicies,
  readPolicyConstraints,
  readPolicyMappings,
} from './policies-extension.ts';

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** DER inside extnValue. */
  readonly value: Uint8Array;
}

export interface BasicConstraints {
  readonly cA: boolean;
  readonly pathLenConstraint: number | undefined;
}

export const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;
export type KeyUsageName = (typeof KEY_USAGES)[number];

export interface AuthorityKeyIdentifier {
  readonly keyIdentifier: Uint8Array | undefined;
  readonly authorityCertIssuer: readonly GeneralName[] | undefined;
  /** Content octets. */
  readonly authorityCertSerialNumber: Uint8Array | undefined;
}

export interface DistributionPoint {
  readonly fullName: readonly GeneralName[];
  /** True when the point names only some reasons, or a relative name. */
  readonly partial: boolean;
  readonly cRLIssuer: readonly GeneralName[];
}

/** RFC 5280 section 4.2.2.1. */
export interface AccessDescription {
  /** Object identifier. */
  readonly accessMethod: string;
  readonly accessLocation: GeneralName;
}

export interface Extensions {
  /** All of them, in order. */
  readonly list: readonly Extension[];
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: ReadonlySet<KeyUsageName> | undefined;
  /** Object identifiers. */
  readonly extKeyUsage: readonly string[] | undefined;
  readonly subjectAltName: readonly GeneralName[] | undefined;
  readonly nameConstraints: NameConstraints | undefined;
  readonly subjectKeyIdentifier: Uint8Array | undefined;
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined;
  readonly cRLDistributionPoints: readonly DistributionPoint[] | undefined;
  readonly certificatePolicies: readonly string[] | undefined;
  readonly policyMappings: readonly PolicyMapping[] | undefined;
  readonly policyConstraints: PolicyConstraints | undefined;
  readonly inhibitAnyPolicy: number | undefined;
  readonly authorityInfoAccess: readonly AccessDescription[] | undefined;
}

/** Reads `Extensions`: at least one, none twice (RFC 5280 section 4.2). `reader` stands before the SEQUENCE. */
export function readExtensionList(reader: DerReader, what: string): Extension[] {
  const seen = new Set<string>();
  return reader.enter(TAG.sequence, 'extensions').all((list) => {
    const inner = list.enter(TAG.sequence, 'extension');
    const oid = oidOf(inner.next(TAG.oid, 'extnID'), `${what} extension`);
    const flag = inner.optional(TAG.boolean, 'critical');
    const critical = flag !== undefined && booleanOf(flag, `${what} extension ${oid}`);
    // X.690 section 11.5: a default value is left out.
    if (flag !== undefined && !critical) throw derError(`${what} extension ${oid}`, 'expected critical FALSE left out, found it written');
    const value = inner.next(TAG.octetString, 'extnValue').content;
    inner.end();
    if (seen.size === seen.add(oid).size) throw derError(what, `expected each extension once, found ${oid} twice`);
    return { oid, critical, value };
  }, 1);
}

/** Reads what the known extensions of a certificate mean. */
export function readExtensions(list: readonly Extension[], what: string): Extensions {
  const known = <T>(oid: string, name: string, read: (value: Uint8Array, where: string) => T): T | undefined => {
    const found = list.find((extension) => extension.oid === oid);
    return found === undefined ? undefined : read(found.value, `${what} ${name}`);
  };
  return {
    list,
    basicConstraints: known(OID.basicConstraints, 'basicConstraints', basicConstraints),
    keyUsage: known(OID.keyUsage, 'keyUsage', keyUsage),
    extKeyUsage: known(OID.extKeyUsage, 'extKeyUsage', extKeyUsage),
    subjectAltName: known(OID.subjectAltName, 'subjectAltName', subjectAltName),
    nameConstraints: known(OID.nameConstraints, 'nameConstraints', readNameConstraints),
    subjectKeyIdentifier: known(
      OID.subjectKeyIdentifier,
      'subjectKeyIdentifier',
      (value, where) => readDer(value, TAG.octetString, where).content,
    ),
    authorityKeyIdentifier: known(OID.authorityKeyIdentifier, 'authorityKeyIdentifier', readAuthorityKeyIdentifier),
    cRLDistributionPoints: known(OID.cRLDistributionPoints, 'cRLDistributionPoints', distributionPoints),
    certificatePolicies: known(OID.certificatePolicies, 'certificatePolicies', readPolicies),
    policyMappings: known(OID.policyMappings, 'policyMappings', readPolicyMappings),
    policyConstraints: known(OID.policyConstraints, 'policyConstraints', readPolicyConstraints),
    authorityInfoAccess: known(OID.authorityInfoAccess, 'authorityInfoAccess', authorityInfoAccess),
    inhibitAnyPolicy: known(OID.inhibitAnyPolicy, 'inhibitAnyPolicy', (value, where) =>
      smallIntegerOf(readDer(value, TAG.integer, where), where),
    ),
  };
}

function basicConstraints(value: Uint8Array, where: string): BasicConstraints {
  const reader = enterDer(value, TAG.sequence, where);
  const flag = reader.optional(TAG.boolean, 'cA');
  const cA = flag !== undefined && booleanOf(flag, where);
  if (flag !== undefined && !cA) throw derError(where, 'expected cA FALSE left out, found it written');
  const pathLen = reader.optional(TAG.integer, 'pathLenConstraint');
  reader.end();
  return { cA, pathLenConstraint: pathLen && smallIntegerOf(pathLen, where) };
}

function keyUsage(value: Uint8Array, where: string): ReadonlySet<KeyUsageName> {
  const bits = namedBitsOf(readDer(value, TAG.bitString, where), where);
  // Bits that RFC 5280 does not name say nothing to us.
  return new Set(bits.flatMap((bit) => KEY_USAGES[bit] ?? []));
}

function extKeyUsage(value: Uint8Array, where: string): readonly string[] {
  return enterDer(value, TAG.sequence, where).all((reader) => oidOf(reader.next(TAG.oid, 'keyPurposeId'), where), 1);
}

function subjectAltName(value: Uint8Array, where: string): readonly GeneralName[] {
  const names = generalNames(enterDer(value, TAG.sequence, where), where);
  const bad = names.find((name) => name.kind === 'ip' && name.bytes.length !== 4 && name.bytes.length !== 16);
  if (bad !== undefined) throw derError(where, 'expected an address of 4 or 16 octets, found another length');
  return names;
}

function generalNames(reader: DerReader, where: string): GeneralName[] {
  return reader.all((inner) => readGeneralName(inner, where), 1);
}

function optionalNames(reader: DerReader, value: DerValue | undefined, where: string): GeneralName[] | undefined {
  return value && generalNames(reader.inside(value, 'generalNames'), where);
}

/** RFC 5280 section 4.2.1.1; also a CRL's. */
export function readAuthorityKeyIdentifier(value: Uint8Array, where: string): AuthorityKeyIdentifier {
  const reader = enterDer(value, TAG.sequence, where);
  const keyIdentifier = reader.optional(contextTag(0, 'primitive'), 'keyIdentifier')?.content;
  const authorityCertIssuer = optionalNames(reader, reader.optional(contextTag(1), 'authorityCertIssuer'), where);
  const serial = reader.optional(contextTag(2, 'primitive'), 'authorityCertSerialNumber');
  reader.end();
  return { keyIdentifier, authorityCertIssuer, authorityCertSerialNumber: serial && integerOf(serial, where) };
}

function authorityInfoAccess(value: Uint8Array, where: string): AccessDescription[] {
  return enterDer(value, TAG.sequence, where).all((list) => {
    const reader = list.enter(TAG.sequence, 'accessDescription');
    const accessMethod = oidOf(reader.next(TAG.oid, 'accessMethod'), where);
    const accessLocation = readGeneralName(reader, where);
    reader.end();
    return { accessMethod, accessLocation };
  }, 1);
}

function distributionPoints(value: Uint8Array, where: string): DistributionPoint[] {
  return enterDer(value, TAG.sequence, where).all((list) => {
    const reader = list.enter(TAG.sequence, 'distributionPoint');
    const name = reader.optional(contextTag(0), 'distributionPoint');
    const reasons = reader.optional(contextTag(1, 'primitive'), 'reasons');
    const cRLIssuer = optionalNames(reader, reader.optional(contextTag(2), 'cRLIssuer'), where) ?? [];
    reader.end();
    const point = name && readDistributionPointName(reader.inside(name, 'distributionPointName'), where);
    return { fullName: point?.fullName ?? [], partial: reasons !== undefined || point?.relative === true, cRLIssuer };
  }, 1);
}

/** DistributionPointName (RFC 5280 section 4.2.1.13): full names, or a name relative to the CRL issuer. */
export function readDistributionPointName(reader: DerReader, where: string): { fullName: GeneralName[]; relative: boolean } {
  const full = reader.optional(contextTag(0), 'fullName');
  const fullName = optionalNames(reader, full, where) ?? [];
  if (full === undefined) reader.next(contextTag(1), 'nameRelativeToCRLIssuer');
  reader.end();
  return { fullName, relative: full === undefined };
}
