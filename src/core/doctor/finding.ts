/** What the doctor finds: one closed table of checks, and for each finding how bad it is, where, what, and what to do. */

export const DOCTOR_CHECKS = {
  'file-mode': 'a file or directory may be read or changed by others',
  'file-kind': 'a link, or another kind of file, stands where a file or directory is expected',
  'file-stale': 'a temporary file of an interrupted run was left behind',
  'file-missing': 'a file that the realm or node needs is not there',
  'check-failed': 'something could not be read, so that what depends on it is not known to be well',
  'realm-format': 'the state was written by another version of joinery',
  'realm-plaintext': 'the keys of the realm are not encrypted',
  'clock-behind': 'the clock is behind a time that was recorded before',
  'key-missing': 'a record names a private key whose file is not there',
  'key-orphan': 'a private key belongs to no record',
  'key-mismatch': 'a private key is not the one of its record or certificate',
  'key-rewrap': 'a change of passphrase was interrupted',
  'key-online': 'a key that should be offline opens with the online passphrase',
  'ca-expiry': 'a certificate authority ends soon, or has ended',
  'cert-expiry': 'a certificate ends soon, or has ended, and no other replaces it',
  'crl-expiry': 'a revocation list is out of date, or will be soon',
  'crl-missing': 'certificates are revoked and no revocation list says so',
  'trust-expiry': 'a trust manifest expires soon, or has expired',
  'anchor-expiry': 'a trust anchor ends soon, or has ended',
  'trust-inactive': 'trust versions are published and none is active',
  'trust-grace': 'a trust anchor is phasing out and its grace window has ended',
  'trust-threshold': 'too few signers could sign the next trust manifest',
  'trust-shared': 'the two trust purposes are not apart',
  'trust-changed': 'a trust file of a node is not what its state says',
  'audit-tampered': 'the audit log is not the one that was signed',
  'audit-uncovered': 'a part of the audit log is under no signed checkpoint',
  'token-key': 'the key that signs tokens is missing or old',
  'token-endless': 'a join token never expires',
  'config-smell': 'the configuration allows something that it need not',
  keychain: 'the keychain of the operating system cannot be used',
  'node-identity': 'the identity of a node is missing or not whole',
  'node-renewal': 'the certificate of a node is overdue for renewal, or has ended',
  'node-chain': 'the certificate of a node does not stand under its trust anchors',
  'node-token': 'a join token lies on a node that has joined',
  'node-pending': 'a join or renewal of a node was not finished',
  'enrollment-record': 'a node that joined and its certificate are not recorded together',
  'enrollment-revoked': 'a node is revoked, and a certificate of it is not',
  'enrollment-cluster': 'nodes belong to a cluster that is not configured any more',
  'enrollment-late': 'nodes do not renew their certificates',
  'fleet-key': 'two nodes have one private key',
  'fleet-identity': 'two nodes have one identity',
  'fleet-trust': 'a node is behind the trust version of the others',
} as const satisfies Record<string, string>;

export type DoctorCheck = keyof typeof DOCTOR_CHECKS;

/** From harmless to bad. */
export const SEVERITIES = ['info', 'warn', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What `--fix` may do without asking: nothing that could lose anything. */
export type Fix =
  { readonly kind: 'mode'; readonly path: string; readonly mode: number } | { readonly kind: 'remove'; readonly path: string };

export interface Finding {
  readonly code: DoctorCheck;
  readonly severity: Severity;
  /** A path, a record, a name. */
  readonly where: string;
  /** What was expected and what was found. */
  readonly what: string;
  /** The next step. */
  readonly next: string;
  readonly fix?: Fix;
}

/** True when a finding is at least as bad as `limit`. */
export function isAtLeast(finding: Pick<Finding, 'severity'>, limit: Severity): boolean {
  return SEVERITIES.indexOf(finding.severity) >= SEVERITIES.indexOf(limit);
}

/** The worst first; among equals the order in which they were found. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort((a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity));
}
