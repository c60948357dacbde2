/** Whether certificates of a path are revoked (RFC 5280 section 6.3), by complete lists of their issuers. */
import { equalBytes } from '../encoding.ts';
import type { VerifySignature } from '../key-ports.ts';
import { formatInstant, type Instant } from '../time.ts';
import { type Certificate, isSignedBy } from './certificate.ts';
import type { Revocation, RevocationList } from './crl.ts';
import { type GeneralName, generalNameText } from './general-names.ts';
import { equalNames } from './names.ts';
import type { PlacedFinding } from './path-validation.ts';

export interface RevocationContext {
  readonly crls: readonly RevocationList[];
  readonly at: Instant;
  /** A certificate without a good list is refused. */
  readonly required: boolean;
  /** Lists are bound to distribution points by URIs only (CA/Browser Forum Baseline Requirements, section 7.2.2.1). */
  readonly urisOnly: boolean;
  readonly verifySignature: VerifySignature;
  /** Who may have signed a list; the certificates of the path come first. */
  readonly candidates: readonly Certificate[];
  /** True when a signer that is not in the path has a path of its own. */
  isTrusted(signer: Certificate): boolean;
}

/** RFC 5280 section 5.3.1. */
const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'unused',
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
];

/** The reason of an entry as RFC 5280 names it; one that is left out is `unspecified`. */
export function reasonText({ reason }: Pick<Revocation, 'reason'>): string {
  return REASONS[reason ?? 0] ?? `reason ${reason}`;
}

/** @param path from the leaf to the anchor, which is not checked. */
export function revocationViolation(path: readonly Certificate[], context: RevocationContext): PlacedFinding | undefined {
  // From the anchor down, so that a revoked authority is named before what it issued.
  for (let index = path.length - 2; index >= 0; index--) {
    const certificate = path[index] as Certificate;
    // Only what stands above a certificate, and was judged already, can vouch for it.
    const finding = statusOf(certificate, path.slice(index + 1), context);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

/** RFC 5280 section 5.3.1: in a delta list, the end of a hold. */
const REMOVE_FROM_CRL = 8;

function statusOf(certificate: Certificate, above: readonly Certificate[], context: RevocationContext): PlacedFinding | undefined {
  let why = 'expected a revocation list of its issuer, found none';
  let good = false;
  const lists = context.crls.filter((list) => equalNames(list.issuer, certificate.issuer));
  const faultOf = (crl: RevocationList): string | undefined => listFault(crl, certificate, above, context);
  for (const crl of lists) {
    const fault = faultOf(crl) ?? supersession(crl, lists, faultOf);
    const entry = fault === undefined ? entryOf(crl, certificate) : undefined;
    if (entry !== undefined) return revoked(certificate, entry);
    const useless = fault ?? crl.unusable;
    if (useless === undefined) good = true;
    else why = `expected a good revocation list of its issuer, found one that is not: ${useless}`;
  }
  return good || !context.required ? undefined : { fault: 'revocation-unknown', reason: why, certificate };
}

function entryOf(crl: RevocationList, { serialNumber }: Certificate): Revocation | undefined {
  const entry = crl.revoked.get(serialNumber);
  return crl.delta && entry?.reason === REMOVE_FROM_CRL ? undefined : entry;
}

function revoked(certificate: Certificate, entry: Revocation): PlacedFinding {
  const reason = `expected a certificate that is not revoked, found it revoked at ${formatInstant(entry.at)} (${reasonText(entry)})`;
  return { fault: 'revoked', reason, certificate };
}

/** A complete list with a higher number has taken up, or ended, what a delta list says (RFC 5280 section 5.2.4). */
function supersession(
  crl: RevocationList,
  lists: readonly RevocationList[],
  faultOf: (crl: RevocationList) => string | undefined,
): string | undefined {
  const later = (list: RevocationList): boolean => list.unusable === undefined && numberOf(list) > numberOf(crl);
  return crl.delta && lists.some((list) => later(list) && faultOf(list) === undefined) ? 'a later complete list is here' : undefined;
}

function numberOf({ cRLNumber }: RevocationList): bigint {
  return BigInt(`0x${cRLNumber}`);
}

/** Why a list cannot speak about a certificate. */
function listFault(
  crl: RevocationList,
  certificate: Certificate,
  above: readonly Certificate[],
  context: RevocationContext,
): string | undefined {
  if (crl.unusable !== undefined && !crl.delta) return crl.unusable;
  if (context.at < crl.thisUpdate || context.at > crl.nextUpdate)
    return `it is for ${formatInstant(crl.thisUpdate)} to ${formatInstant(crl.nextUpdate)}`;
  if (context.urisOnly && crl.issuingDistributionPoint?.fullName?.some((name) => name.kind !== 'uri') === true)
    return 'its distribution point is not named by URIs only';
  if (!covers(crl, certificate)) return 'it is for other certificates of that issuer';
  return hasSigner(crl, above, context) ? undefined : 'no trusted key that may sign lists has signed it';
}

/** RFC 5280 section 6.3.3 (b). */
function covers({ issuingDistributionPoint: point }: RevocationList, { extensions }: Certificate): boolean {
  if (point === undefined) return true;
  const authority = extensions.basicConstraints?.cA === true;
  if ((point.onlyUserCerts && authority) || (point.onlyCACerts && !authority)) return false;
  const { fullName } = point;
  if (fullName === undefined) return true;
  const names = (extensions.cRLDistributionPoints ?? []).filter((entry) => !entry.partial).flatMap((entry) => entry.fullName);
  return fullName.some((name) => names.some((other) => sameName(name, other)));
}

function sameName(a: GeneralName, b: GeneralName): boolean {
  if (a.kind === 'directory' && b.kind === 'directory') return equalNames(a.name, b.name);
  return a.kind === b.kind && generalNameText(a) === generalNameText(b);
}

function hasSigner(crl: RevocationList, above: readonly Certificate[], context: RevocationContext): boolean {
  const wanted = crl.authorityKeyIdentifier?.keyIdentifier;
  return context.candidates.some((signer) => {
    const { subjectKeyIdentifier, keyUsage } = signer.extensions;
    if (!equalNames(signer.subject, crl.issuer) || keyUsage?.has('cRLSign') === false) return false;
    if (wanted !== undefined && subjectKeyIdentifier !== undefined && !equalBytes(wanted, subjectKeyIdentifier)) return false;
    return isSignedBy(crl, signer.spki, context.verifySignature) && (above.includes(signer) || context.isTrusted(signer));
  });
}
