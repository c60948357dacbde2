/** Writing certificate revocation lists (RFC 5280 section 5), one entry at a time: a list may have hundreds of thousands. */
import { fromHex } from '../encoding.ts';
import type { KeyType } from '../key-ports.ts';
import type { Instant } from '../time.ts';
import type { Certificate } from './certificate.ts';
import { TAG } from './der.ts';
import { integer, sequence, tagged, time, tlv } from './der-writer.ts';
import { authorityKeyIdentifier, writeExtension } from './extension-writer.ts';
import { OID } from './oids.ts';
import { issuerKeyIdentifier, SIGNATURE_ALGORITHMS } from './template.ts';

/** CRLReason (RFC 5280 section 5.3.1) without what only a delta CRL needs. Only certificateHold is not for good. */
const REASON_CODES = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const;

export type RevocationReason = keyof typeof REASON_CODES;
export const REVOCATION_REASON_NAMES = Object.keys(REASON_CODES) as readonly RevocationReason[];
/** What a list of what happened may say: that a hold was ended, too. A full CRL just no longer names the certificate. */
export const LOGGED_REASON_NAMES = [...REVOCATION_REASON_NAMES, 'removeFromCRL'] as const;

export interface CrlEntry {
  /** Lower-case hex. */
  readonly serialNumber: string;
  readonly at: Instant;
  readonly reason: RevocationReason;
}

/** DER of one entry of revokedCertificates. RFC 5280 section 5.3.1: reasonCode is left out rather than unspecified. */
export function writeCrlEntry({ serialNumber, at, reason }: CrlEntry): Uint8Array {
  const extensions = reason === 'unspecified' ? [] : [REASON_EXTENSIONS[reason]];
  return sequence(integer(fromHex(serialNumber)), time(at), ...extensions);
}

/** crlEntryExtensions of each reason, encoded once. */
const REASON_EXTENSIONS = Object.fromEntries(
  Object.entries(REASON_CODES).map(([reason, code]) => [
    reason,
    sequence(writeExtension({ oid: OID.reasonCode, critical: false, value: tlv(TAG.enumerated, Uint8Array.of(code)) })),
  ]),
) as Readonly<Record<RevocationReason, Uint8Array>>;

export interface CrlTemplate {
  readonly issuer: Certificate;
  /** Type of the key that signs. */
  readonly signer: KeyType;
  /** Grows with every list of the issuer (RFC 5280 section 5.2.3). */
  readonly number: number;
  readonly thisUpdate: Instant;
  readonly nextUpdate: Instant;
  /** Entries by {@link writeCrlEntry}, one or more in each piece. */
  readonly entries: readonly Uint8Array[];
}

const VERSION_2 = integer(1);

/** DER of tbsCertList of a full CRL, version 2. */
export function writeTbsCertList(template: CrlTemplate): Uint8Array {
  const { issuer, entries } = template;
  const number = { oid: OID.cRLNumber, critical: false, value: integer(template.number) };
  return sequence(
    VERSION_2,
    SIGNATURE_ALGORITHMS[template.signer],
    issuer.subject.der,
    time(template.thisUpdate),
    time(template.nextUpdate),
    // RFC 5280 section 5.1.2.6: left out when nothing is revoked.
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    tagged(0, sequence(writeExtension(authorityKeyIdentifier(issuerKeyIdentifier(issuer))), writeExtension(number))),
  );
}
