/** Ceremonies for people and for `--json`. */
import type { PlannedStep } from '../../app/plan-ceremony.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import type { CrlStep } from '../../core/ceremony/document.ts';
import type { CeremonyRecord } from '../../core/ceremony/record.ts';
import type { VerifiedStep } from '../../core/ceremony/verify.ts';
import { fromBase64, toHex } from '../../core/encoding.ts';
import { digestOf } from '../../core/digest.ts';
import { formatInstant } from '../../core/time.ts';
import { namesText } from './general-names.ts';
import { fields, printable, table } from './text.ts';

type Certified = Extract<PlannedStep, { readonly certificate: object }>;

function certificateRow({ certificate, step }: Certified): Readonly<Record<string, string>> {
  const { subject, issuer, notBefore, notAfter, extensions } = certificate;
  return {
    subject: subject.text,
    issuer: issuer.text,
    serial: step.serial,
    not_before: formatInstant(notBefore),
    not_after: formatInstant(notAfter),
    path_len: String(extensions.basicConstraints?.pathLenConstraint ?? 'any'),
    key_usage: [...(extensions.keyUsage ?? [])].join(', '),
    names: namesText(extensions.subjectAltName) ?? 'none',
    permitted: namesText(extensions.nameConstraints?.permitted) ?? 'any',
    excluded: namesText(extensions.nameConstraints?.excluded) ?? 'none',
  };
}

function listRow(step: CrlStep): Readonly<Record<string, string>> {
  return {
    issuer: step.issuer,
    crl_number: String(step.number),
    this_update: formatInstant(step.this_update),
    next_update: formatInstant(step.next_update),
  };
}

function rowOf(planned: PlannedStep): Readonly<Record<string, string>> {
  const { tbs, keyType } = planned;
  const what = planned.certificate === undefined ? listRow(planned.step) : certificateRow(planned);
  return { ...what, key_type: keyType, ...(tbs !== undefined && { tbs_sha256: digestOf(tbs) }) };
}

function revokedRows({ step }: PlannedStep): readonly Readonly<Record<'serial' | 'at' | 'reason', string>>[] {
  return step.kind === 'crl' ? step.revoked.map(({ serial, at, reason }) => ({ serial, at: formatInstant(at), reason })) : [];
}

export function plannedData(planned: PlannedStep): JsonObject {
  const { label, tbs, step } = planned;
  const revoked = step.kind === 'crl' ? { revoked: revokedRows(planned) } : {};
  return { step: label, ...rowOf(planned), ...revoked, ...(tbs !== undefined && { tbs: toHex(tbs) }) };
}

export function plannedText(planned: PlannedStep): string {
  const row = Object.fromEntries(Object.entries(rowOf(planned)).map(([name, value]) => [name.replaceAll('_', ' '), value]));
  const revoked = revokedRows(planned).map(({ serial, at, reason }) => `  revoked ${serial} ${at} ${reason}`);
  return [printable(planned.label), fields(row), ...revoked].join('\n');
}

export function recordRows(record: CeremonyRecord): JsonObject[] {
  return record.steps.map(({ label, signed_at, signed }) => ({ step: label, signed_at, sha256: digestOf(fromBase64(signed)) }));
}

export function recordText(record: CeremonyRecord): string {
  return table(
    ['STEP', 'SIGNED', 'SHA-256'],
    record.steps.map(({ label, signed_at, signed }) => [label, signed_at, digestOf(fromBase64(signed))]),
  );
}

export function verifiedRows(steps: readonly VerifiedStep[]): JsonObject[] {
  return steps.map(({ label, certificate }) => ({
    step: label,
    ...(certificate !== undefined && { fingerprint: certificate.fingerprint }),
  }));
}
