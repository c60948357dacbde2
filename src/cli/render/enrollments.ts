/** Nodes that joined, and what they report, for people and for `--json`. */
import type { Enrollment, ShownEnrollment } from '../../app/enrollments.ts';
import type { PurposeAdoption, TrustAdoption } from '../../app/trust-adoption.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { formatInstant, type Instant } from '../../core/time.ts';
import { type Purpose, PURPOSES } from '../../core/trust/purpose.ts';
import { fields, table } from './text.ts';

const at = (instant: number): string => formatInstant(instant as Instant);

export function enrollmentData({ record, state, report }: Enrollment): JsonObject {
  const { cluster, node, role, identity, labels, token, attestation, serial, fingerprint, not_after, joined_at, revoked } = record;
  return {
    cluster,
    node,
    role,
    identity,
    state,
    labels: { ...labels },
    token,
    ...(attestation !== undefined && {
      attestation: { provider: attestation.provider, digest: attestation.digest, verified_at: at(attestation.verified_at) },
    }),
    serial,
    fingerprint,
    joined_at: at(joined_at),
    expires_at: at(not_after),
    ...(revoked !== undefined && { revoked_at: at(revoked.at), reason: revoked.reason }),
    ...(report !== undefined && { reported_at: at(report.reported_at), trust: { ...report.purposes } as JsonObject }),
  };
}

export function enrollmentTable(enrollments: readonly Enrollment[]): string {
  if (enrollments.length === 0) return 'no node has joined';
  const rows = enrollments.map(({ record, state, report }) => {
    const trust =
      report === undefined ? 'no report' : PURPOSES.map((purpose) => versionText(report.purposes[purpose]?.version)).join(' / ');
    return [record.cluster, record.node, record.role, state, at(record.not_after), trust];
  });
  return table(['CLUSTER', 'NODE', 'ROLE', 'STATE', 'EXPIRES', 'TRUST (HTTPS / NODE-CERT)'], rows);
}

function versionText(version: number | undefined): string {
  return version === undefined ? '-' : String(version);
}

export function shownData(shown: ShownEnrollment): JsonObject {
  const certificates = shown.certificates.map(({ serial, fingerprint, ca, issued_at, not_after, revoked }) => ({
    serial,
    fingerprint,
    ca,
    issued_at: at(issued_at),
    expires_at: at(not_after),
    ...(revoked !== undefined && { revoked_at: at(revoked.at), reason: revoked.reason }),
  }));
  return { ...enrollmentData(shown), certificates };
}

export function shownText(shown: ShownEnrollment): string {
  const { record, state, report } = shown;
  const trust = (purpose: Purpose): string => {
    const held = report?.purposes[purpose];
    return held === undefined ? 'not reported' : `version ${held.version} since ${held.updated_at}`;
  };
  const facts = fields({
    cluster: record.cluster,
    node: record.node,
    role: record.role,
    identity: record.identity,
    state: record.revoked === undefined ? state : `${state} at ${at(record.revoked.at)} (${record.revoked.reason})`,
    token: record.token,
    attestation: record.attestation && `${record.attestation.provider}, verified ${at(record.attestation.verified_at)}`,
    joined: at(record.joined_at),
    reported: report && at(report.reported_at),
    'control-plane-https': trust('control-plane-https'),
    'node-cert-lifecycle': trust('node-cert-lifecycle'),
  });
  const rows = shown.certificates.map(({ serial, ca, issued_at, not_after, revoked }) => {
    return [serial, ca, at(issued_at), at(not_after), revoked === undefined ? '' : `revoked (${revoked.reason})`];
  });
  return rows.length === 0 ? facts : `${facts}\n\n${table(['SERIAL', 'CA', 'ISSUED', 'EXPIRES', ''], rows)}`;
}

export function adoptionData({ nodes, purposes, complete }: TrustAdoption): JsonObject {
  return {
    nodes,
    complete,
    purposes: purposes.map(({ purpose, active, versions, unreported, behind }) => ({
      purpose,
      ...(active !== undefined && { active_version: active }),
      versions: versions.map(({ version, nodes: count }) => ({ version, nodes: count })),
      unreported,
      behind: [...behind],
    })),
  };
}

export function adoptionText({ nodes, purposes }: TrustAdoption): string {
  return [`${nodes} nodes with a valid certificate`, ...purposes.map(purposeText)].join('\n\n');
}

function purposeText({ purpose, active, versions, unreported, behind }: PurposeAdoption): string {
  const rows = versions.map(({ version, nodes }) => [String(version), String(nodes), version === active ? 'active' : '']);
  const silent = unreported === 0 ? [] : [['none reported', String(unreported), '']];
  const list = [...rows, ...silent];
  return [
    `${purpose}, active version ${versionText(active)}`,
    ...(list.length === 0 ? [] : [table(['VERSION', 'NODES', ''], list)]),
    ...(behind.length === 0 ? [] : [`not on version ${versionText(active)}: ${behind.join(', ')}`]),
  ].join('\n');
}
