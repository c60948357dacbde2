/** What may stand in a trust bundle: a self-signed CA certificate. */
import type { VerifySignature } from '../key-ports.ts';
import { type Certificate, isSignedBy } from './certificate.ts';

export interface Violation {
  /** Stable name of the rule. */
  readonly rule: string;
  readonly message: string;
}

/**
 * Checks that a certificate can be a trust anchor of joinery: version 3, self-issued, a CA by basicConstraints, allowed to
 * sign certificates where keyUsage is present, and signed by its own key. Validity in time is the caller's question.
 */
export function checkAnchor(certificate: Certificate, verifySignature: VerifySignature): readonly Violation[] {
  const { version, selfIssued, extensions } = certificate;
  const rules: readonly [boolean, string, string][] = [
    [version === 3, 'anchor-version', `expected version 3, found ${version}`],
    [selfIssued, 'anchor-self-issued', 'expected issuer and subject equal, found two names'],
    [extensions.basicConstraints?.cA === true, 'anchor-ca', 'expected basicConstraints with cA true, found none'],
    [extensions.keyUsage?.has('keyCertSign') !== false, 'anchor-key-usage', 'expected keyUsage with keyCertSign, found it without'],
    [isSignedBy(certificate, certificate.spki, verifySignature), 'anchor-signature', 'expected a signature by its own key, found another'],
  ];
  return rules.filter(([holds]) => !holds).map(([, rule, message]) => ({ rule, message }));
}
