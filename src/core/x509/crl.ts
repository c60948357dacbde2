/** Certificate revocation lists (RFC 5280 section 5): strict reading. */
import { equalBytes, toHex } from '../encoding.ts';
import type { SignatureAlgorithm } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import { readAlgorithm, signatureAlgorithmOf } from './algorithms.ts';
import { readSigned, recode } from './certificate.ts';
import { contextTag, derError, type DerReader, type DerValue, enterDer, readDer, TAG } from './der.ts';
import { booleanOf, integerOf, smallIntegerOf, timeOf } from './der-values.ts';
import {
  type AuthorityKeyIdentifier,
  type Extension,
  readAuthorityKeyIdentifier,
  readDistributionPointName,
  readExtensionList,
} from './extensions.ts';
import type { GeneralName } from './general-names.ts';
import { type Name, readName } from './names.ts';
import { OID } from './oids.ts';

export interface Revocation {
  readonly at: Instant;
  /** RFC 5280 section 5.3.1. */
  readonly reason: number | undefined;
}

export interface IssuingDistributionPoint {
  /** undefined when the list is not bound to a distribution point. */
  readonly fullName: readonly GeneralName[] | undefined;
  readonly onlyUserCerts: boolean;
  readonly onlyCACerts: boolean;
  /** Only some reasons, a relative name, an indirect list, or attribute certificates: such a list is read, and never used. */
  readonly unsupported: boolean;
}

export interface RevocationList {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  readonly issuer: Name;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** By serial number as {@link Certificate.serialNumber}. */
  readonly revoked: ReadonlyMap<string, Revocation>;
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Uint8Array;
  /** Hex. */
  readonly cRLNumber: string | undefined;
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier | undefined;
  readonly issuingDistributionPoint: IssuingDistributionPoint | undefined;
  /** Why it cannot say of a certificate that it is good, where it cannot. */
  readonly unusable: string | undefined;
  /** A delta list that lacks nothing else: what it revokes is revoked (RFC 5280 section 5.2.4), but it vouches for nothing. */
  readonly delta: boolean;
}

/** Half a million entries. */
export const MAX_CRL_OCTETS = 32 * 1024 * 1024;

/** @param what names it in errors. @throws ERR_CRL_MALFORMED */
export function parseRevocationList(der: Uint8Array, what = 'revocation list'): RevocationList {
  return recode('ERR_CRL_MALFORMED', () => {
    if (der.length > MAX_CRL_OCTETS) throw derError(what, `expected at most ${MAX_CRL_OCTETS} octets, found ${der.length}`);
    return readRevocationList(der, what);
  });
}

function readRevocationList(der: Uint8Array, what: string): RevocationList {
  const { tbs, algorithm, signature } = readSigned(der, what);
  const reader = enterDer(readDer(tbs, TAG.sequence, what).bytes, TAG.sequence, `${what} tbsCertList`);
  // RFC 5280 section 5.1.2.1: version 2, written because extensions are.
  if (smallIntegerOf(reader.next(TAG.integer, 'version'), what) !== 1) throw derError(what, 'expected version 2, found another');
  if (!equalBytes(readAlgorithm(reader, what).der, algorithm.der))
    throw derError(what, 'expected the signed and the outer signature algorithm equal, found two');
  const issuer = readName(reader.next(TAG.sequence, 'issuer'), `${what} issuer`);
  const thisUpdate = timeOf(reader.any('thisUpdate'), `${what} thisUpdate`);
  const nextUpdate = timeOf(reader.any('nextUpdate'), `${what} nextUpdate`);
  const { revoked, criticalEntry } = readEntries(reader, what);
  const explicit = reader.next(contextTag(0), 'crlExtensions');
  reader.end();
  const list = readExtensionList(reader.inside(explicit, 'crlExtensions'), what);
  return {
    der,
    tbs,
    issuer,
    thisUpdate,
    nextUpdate,
    revoked,
    signature,
    signatureAlgorithm: signatureAlgorithmOf(algorithm),
    ...readCrlExtensions(list, criticalEntry, what),
  };
}

/** A map filled once: linear in the number of entries. */
function readEntries(reader: DerReader, what: string): { revoked: Map<string, Revocation>; criticalEntry: string | undefined } {
  const revoked = new Map<string, Revocation>();
  let criticalEntry: string | undefined;
  const entries = reader.optional(TAG.sequence, 'revokedCertificates');
  if (entries === undefined) return { revoked, criticalEntry };
  const list = reader.inside(entries, 'revokedCertificates');
  if (list.done) throw derError(what, 'expected revokedCertificates left out when there are none, found an empty list');
  while (!list.done) {
    const entry = list.enter(TAG.sequence, 'entry');
    const serial = toHex(integerOf(entry.next(TAG.integer, 'userCertificate'), what));
    const at = timeOf(entry.any('revocationDate'), what);
    const extensions = entry.done ? [] : readExtensionList(entry, what);
    entry.end();
    const code = extensions.find((extension) => extension.oid === OID.reasonCode);
    criticalEntry ??= extensions.find((extension) => extension.critical && !ENTRY_EXTENSIONS.has(extension.oid))?.oid;
    // Two entries may differ in date and reason. In an indirect list, which is never used, they may be of two issuers.
    if (revoked.has(serial) && criticalEntry === undefined) throw derError(what, `expected each serial number once, found ${serial} twice`);
    revoked.set(serial, { at, reason: code && reasonOf(code.value, what) });
  }
  return { revoked, criticalEntry };
}

const ENTRY_EXTENSIONS: ReadonlySet<string> = new Set([OID.reasonCode, OID.invalidityDate]);
const LIST_EXTENSIONS: ReadonlySet<string> = new Set([OID.issuingDistributionPoint, OID.deltaCRLIndicator]);

function reasonOf(value: Uint8Array, what: string): number {
  const { content } = readDer(value, TAG.enumerated, `${what} reasonCode`);
  return smallIntegerOf({ tag: TAG.integer, content, bytes: value }, `${what} reasonCode`);
}

function readCrlExtensions(list: readonly Extension[], criticalEntry: string | undefined, what: string) {
  const valueOf = (oid: string): Extension | undefined => list.find((extension) => extension.oid === oid);
  const number = valueOf(OID.cRLNumber);
  const aki = valueOf(OID.authorityKeyIdentifier);
  const idp = valueOf(OID.issuingDistributionPoint);
  const issuingDistributionPoint = idp && readIssuingDistributionPoint(idp.value, what);
  const unknown = list.find((extension) => extension.critical && !LIST_EXTENSIONS.has(extension.oid))?.oid ?? criticalEntry;
  const reasons = [
    [unknown !== undefined, `it has the critical extension ${unknown}, which is not understood`],
    [issuingDistributionPoint?.unsupported === true, 'it covers some reasons or is indirect'],
    [number === undefined, 'it has no cRLNumber (RFC 5280 section 5.2.3)'],
  ] as const;
  const fault = reasons.find(([applies]) => applies)?.[1];
  const delta = valueOf(OID.deltaCRLIndicator) !== undefined;
  return {
    cRLNumber: number && toHex(integerOf(readDer(number.value, TAG.integer, what), `${what} cRLNumber`)),
    authorityKeyIdentifier: aki && readAuthorityKeyIdentifier(aki.value, `${what} authorityKeyIdentifier`),
    issuingDistributionPoint,
    unusable: fault ?? (delta ? 'it is a delta list' : undefined),
    delta: delta && fault === undefined,
  };
}

/** RFC 5280 section 5.2.5. */
function readIssuingDistributionPoint(value: Uint8Array, what: string): IssuingDistributionPoint {
  const where = `${what} issuingDistributionPoint`;
  const reader = enterDer(value, TAG.sequence, where);
  const point = reader.optional(contextTag(0), 'distributionPoint');
  const [user, ca] = [1, 2].map((number) => flag(reader.optional(contextTag(number, 'primitive'), `[${number}]`), where));
  const reasons = reader.optional(contextTag(3, 'primitive'), 'onlySomeReasons');
  const [indirect, attribute] = [4, 5].map((number) => flag(reader.optional(contextTag(number, 'primitive'), `[${number}]`), where));
  reader.end();
  const name = point && readDistributionPointName(reader.inside(point, 'distributionPoint'), where);
  const unsupported = [reasons !== undefined, indirect, attribute, name?.relative].includes(true);
  return { fullName: name?.fullName, onlyUserCerts: user === true, onlyCACerts: ca === true, unsupported };
}

function flag(value: DerValue | undefined, where: string): boolean {
  return value !== undefined && booleanOf(value, where);
}
