/** The two purposes stay apart (the seed's first rule): no anchor serves both, and neither side's anchor stands behind the other's. */
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { type Certificate, isSignedBy } from '../x509/certificate.ts';
import type { Purpose } from './purpose.ts';

export interface AnchorsOf {
  readonly purpose: Purpose;
  readonly anchors: readonly Certificate[];
}

export interface SharedAnchor {
  /** The anchor of the first side. */
  readonly anchor: Certificate;
  readonly how: 'same key' | 'issued by it' | 'issues it';
}

/**
 * Compares by key, so that a re-issued certificate of one key is found as well.
 * @param crossCertificates other CA certificates that are known: one of them may certify an anchor's key under the other side's anchor.
 */
export function sharedAnchors(
  ours: readonly Certificate[],
  theirs: readonly Certificate[],
  verify: VerifySignature,
  crossCertificates: readonly Certificate[] = [],
): readonly SharedAnchor[] {
  const shared: SharedAnchor[] = [];
  for (const anchor of ours) {
    if (theirs.some((other) => other.pin === anchor.pin)) shared.push({ anchor, how: 'same key' });
    else if (certifies(theirs, anchor, crossCertificates, verify)) shared.push({ anchor, how: 'issued by it' });
    else if (theirs.some((other) => certifies([anchor], other, crossCertificates, verify))) shared.push({ anchor, how: 'issues it' });
  }
  return shared;
}

/** One of `issuers` signed a certificate of the subject's key. */
function certifies(
  issuers: readonly Certificate[],
  subject: Certificate,
  crossCertificates: readonly Certificate[],
  verify: VerifySignature,
): boolean {
  const certificates = [subject, ...crossCertificates.filter((certificate) => certificate.pin === subject.pin)];
  return certificates.some((certificate) => issuers.some((issuer) => isSignedBy(certificate, issuer.spki, verify)));
}

/** @throws ERR_TRUST_ANCHOR_SHARED, unless a reason is given. */
export function assertSeparate(
  ours: AnchorsOf,
  theirs: AnchorsOf,
  reason: string | undefined,
  verify: VerifySignature,
  crossCertificates: readonly Certificate[] = [],
): void {
  if (reason !== undefined) return;
  const [first] = sharedAnchors(ours.anchors, theirs.anchors, verify, crossCertificates);
  if (first === undefined) return;
  const { anchor, how } = first;
  throw new JoineryError(
    'ERR_TRUST_ANCHOR_SHARED',
    `${ours.purpose}: expected no anchor in common with ${theirs.purpose}, found ${anchor.subject.text} (${anchor.fingerprint}): ${how}`,
    {
      hint: 'use a root of its own for each purpose, or share it on purpose with --allow-shared-anchor and a reason',
      details: { fingerprint: anchor.fingerprint, how },
    },
  );
}
