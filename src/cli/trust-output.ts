/** How the results of trust commands look, as data and as text. */
import type { AppliedTrust } from '../app/apply-trust.ts';
import type { TrustStatus } from '../app/trust-status.ts';
import type { MissingLink } from '../core/trust/walk.ts';
import type { PublishedTrust } from '../app/propose-trust.ts';
import type { TrustVersionSummary } from '../app/show-trust.ts';
import type { SignedProposal } from '../app/cosign-trust.ts';
import type { TrustSigners } from '../app/trust-keys.ts';
import type { HistoryVersion } from '../core/trust/history-html.ts';
import type { Outcome } from './base-command.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import type { AnchorChange } from '../core/trust/compose.ts';
import { fields, table } from './render/text.ts';

const SIGNS = { kept: '=', added: '+', removed: '-' } as const;
const ORDER = Object.keys(SIGNS);

/** Documents order anchors by fingerprint, which looks like chance to a person: by name, so that two runs look alike. */
export function bySubject<T extends { readonly subject: string }>(anchors: readonly T[]): T[] {
  return anchors.toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
}

/** One line an anchor: what happens to it, its phase, its end, its name, its fingerprint. */
export function anchorTable(changes: readonly AnchorChange[]): string {
  const ordered = bySubject(changes).toSorted((a, b) => ORDER.indexOf(a.change) - ORDER.indexOf(b.change));
  const rows = ordered.map(({ change, phase, not_after, subject, fingerprint }) => [
    `${SIGNS[change]} ${change}`,
    phase ?? '',
    not_after.slice(0, 10),
    subject,
    fingerprint.slice(0, 16),
  ]);
  return table(['ANCHOR', 'PHASE', 'EXPIRES', 'SUBJECT', 'FINGERPRINT'], rows);
}

export function anchorData(changes: readonly AnchorChange[]): readonly JsonObject[] {
  return changes.map((change) => ({ ...change }));
}

export function publishedData(published: PublishedTrust): JsonObject {
  return {
    purpose: published.purpose,
    trust_bundle_version: published.version,
    manifest_digest: published.digest,
    sha256_fingerprint: published.fingerprint,
    replaces_version: published.replaces,
    expires_at: published.expiresAt,
    grace_until: published.graceUntil,
    signatures: published.signatures,
    min_signatures: published.minSignatures,
    anchors: anchorData(published.anchors),
  };
}

export function publishedText(published: PublishedTrust): string {
  const facts = fields({
    purpose: published.purpose,
    version: published.version,
    replaces: published.replaces,
    'manifest digest': published.digest,
    'PEM sha256': published.fingerprint,
    expires: published.expiresAt,
    'grace until': published.graceUntil,
    signatures: `${published.signatures} of ${published.minSignatures}`,
  });
  const verb = published.signatures < published.minSignatures ? 'propose' : 'activate';
  const next = `Next: joinery trust ${verb} --purpose ${published.purpose} --version ${published.version}`;
  return `${facts}\n\n${anchorTable(published.anchors)}\n\n${next}`;
}

export function summaryData(summary: TrustVersionSummary): JsonObject {
  return {
    purpose: summary.purpose,
    trust_bundle_version: summary.version,
    state: summary.state,
    manifest_digest: summary.digest,
    sha256_fingerprint: summary.fingerprint,
    replaces_version: summary.replaces,
    published_at: summary.publishedAt,
    activated_at: summary.activatedAt,
    expires_at: summary.expiresAt,
    expired: summary.expired,
    grace_until: summary.graceUntil,
    anchors: summary.anchors,
    signatures: summary.signatures,
    min_signatures: summary.minSignatures,
    reason: summary.reason,
  };
}

export function summaryTable(summaries: readonly TrustVersionSummary[]): string {
  const rows = summaries.map((summary) => [
    summary.purpose,
    String(summary.version),
    summary.expired && summary.state === 'active' ? 'active (expired)' : summary.state,
    String(summary.anchors),
    summary.publishedAt,
    summary.expiresAt,
    summary.digest.slice(0, 16),
  ]);
  return table(['PURPOSE', 'VERSION', 'STATE', 'ANCHORS', 'PUBLISHED', 'EXPIRES', 'DIGEST'], rows);
}

export function summaryFields(summary: TrustVersionSummary): string {
  return fields({
    purpose: summary.purpose,
    version: summary.version,
    state: summary.state,
    replaces: summary.replaces,
    'manifest digest': summary.digest,
    'PEM sha256': summary.fingerprint,
    published: summary.publishedAt,
    activated: summary.activatedAt,
    expires: summary.expiresAt,
    'grace until': summary.graceUntil,
    signatures: `${summary.signatures} of ${summary.minSignatures}`,
    reason: summary.reason,
  });
}

export function appliedData(applied: AppliedTrust): JsonObject {
  return {
    purpose: applied.purpose,
    from_version: applied.from,
    trust_bundle_version: applied.version,
    floor: applied.floor,
    manifest_digest: applied.digest,
    sha256_fingerprint: applied.fingerprint,
    expires_at: applied.expiresAt,
    expired: applied.expired,
    steps: applied.steps,
    healed: applied.healed,
    ...(applied.missing && { missing: { ...applied.missing } }),
  };
}

export function appliedText(applied: AppliedTrust): string {
  return fields({
    purpose: applied.purpose,
    version: applied.from === undefined || applied.from === applied.version ? applied.version : `${applied.version} (was ${applied.from})`,
    floor: applied.floor === applied.version ? undefined : applied.floor,
    'manifest digest': applied.digest,
    'PEM sha256': applied.fingerprint,
    expires: applied.expiresAt,
    'versions walked': applied.steps,
  });
}

export function missingText({ after, version, digest, before }: MissingLink): string {
  const why =
    version === undefined
      ? 'begins a new chain: accept it with joinery trust reset and its digest from the operator'
      : `replaces version ${version} (${digest}), which is missing`;
  return `stopped at version ${after}: version ${before}, which was offered, ${why}`;
}

export function statusData(status: TrustStatus): JsonObject {
  return {
    purpose: status.purpose,
    trust_bundle_version: status.version,
    floor: status.floor,
    manifest_digest: status.digest,
    sha256_fingerprint: status.fingerprint,
    updated_at: status.updatedAt,
    expires_at: status.expiresAt,
    path: status.path,
    problems: status.problems,
  };
}

export function statusText(statuses: readonly TrustStatus[]): string {
  const rows = statuses.map((status) => [
    status.purpose,
    status.floor === status.version ? String(status.version) : `${status.version} (floor ${status.floor})`,
    status.problems.length === 0 ? 'ok' : status.problems.join(', '),
    status.updatedAt,
    status.expiresAt,
    status.fingerprint,
  ]);
  return table(['PURPOSE', 'VERSION', 'STATE', 'UPDATED', 'EXPIRES', 'PEM SHA256'], rows);
}

export function historyData({ version, state, publishedAt, expiresAt, digest, reason, anchors }: HistoryVersion): JsonObject {
  return {
    trust_bundle_version: version,
    state,
    published_at: publishedAt,
    expires_at: expiresAt,
    manifest_digest: digest,
    reason,
    anchors: anchors.map(({ fingerprint, subject, phase, notAfter }) => ({ fingerprint, subject, phase, not_after: notAfter })),
  };
}

export function signersOutcome(signers: TrustSigners): Outcome {
  const rows = signers.signers.map(({ name, status, here, kid, createdAt }) => [name, status, here ? 'here' : 'elsewhere', createdAt, kid]);
  const data = signers.signers.map(({ name, status, here, kid, createdAt, jwk }) => ({
    name,
    status,
    key_here: here,
    kid,
    created_at: createdAt,
    jwk: { ...jwk },
  }));
  const text = `${table(['NAME', 'STATUS', 'KEY', 'CREATED', 'KID'], rows)}\n\nthe next version needs ${signers.minSignatures} signature(s)`;
  return { data: { purpose: signers.purpose, min_signatures: signers.minSignatures, signers: data }, text };
}

export function proposalData(proposal: SignedProposal): JsonObject {
  return {
    purpose: proposal.purpose,
    trust_bundle_version: proposal.version,
    manifest_digest: proposal.digest,
    signatures: proposal.signatures,
    min_signatures: proposal.minSignatures,
    anchors: anchorData(proposal.anchors),
  };
}

export function proposalText(proposal: SignedProposal): string {
  const facts = fields({
    purpose: proposal.purpose,
    version: proposal.version,
    'manifest digest': proposal.digest,
    signatures: `${proposal.signatures} of ${proposal.minSignatures}`,
  });
  return `${facts}\n\n${anchorTable(proposal.anchors)}`;
}
