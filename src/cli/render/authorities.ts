/** Certificate authorities for people and for `--json`. */
import type { CertificateAuthority } from '../../app/ca-records.ts';
import type { CaNode } from '../../app/list-cas.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { generalNameText } from '../../core/x509/general-names.ts';
import { formatDuration, formatInstant, type Instant } from '../../core/time.ts';
import { constraintsData, namesText } from './general-names.ts';
import { fields, printable, table } from './text.ts';

const CRITICAL_DAYS = 30 * 86400;

/** `expired`, `expires in 20d`, or `valid until 2031-...`. */
function stateOf({ record, certificate }: CertificateAuthority, now: Instant): string {
  if (record.revoked !== undefined) return revokedText(record.revoked);
  const left = certificate.notAfter - now;
  if (left < 0) return `EXPIRED ${formatInstant(certificate.notAfter)}`;
  return left < CRITICAL_DAYS ? `expires in ${formatDuration(left)}` : `until ${formatInstant(certificate.notAfter)}`;
}

function revokedText({ at, reason }: { readonly at: number; readonly reason: string }): string {
  return `REVOKED ${formatInstant(at as Instant)} (${reason})`;
}

export function authorityData({ record, certificate }: Omit<CertificateAuthority, 'check'>): JsonObject {
  const { basicConstraints, nameConstraints, subjectAltName } = certificate.extensions;
  return {
    name: record.name,
    parent: record.parent ?? null,
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: certificate.serialNumber,
    fingerprint: certificate.fingerprint,
    pin: certificate.pin,
    not_before: formatInstant(certificate.notBefore),
    not_after: formatInstant(certificate.notAfter),
    path_len: basicConstraints?.pathLenConstraint ?? null,
    sans: (subjectAltName ?? []).map(generalNameText),
    name_constraints: constraintsData(nameConstraints),
    key: record.key === undefined ? null : { type: record.key.type, custody: record.key.custody, file: record.key.file },
    revoked: record.revoked === undefined ? null : { at: formatInstant(record.revoked.at as Instant), reason: record.revoked.reason },
    certificate_pem: record.certificate_pem,
  };
}

export function authorityText(ca: Omit<CertificateAuthority, 'check'>): string {
  const { record, certificate } = ca;
  return fields({
    name: record.name,
    parent: record.parent ?? '(root)',
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serial: certificate.serialNumber,
    'not before': formatInstant(certificate.notBefore),
    'not after': formatInstant(certificate.notAfter),
    'path length': certificate.extensions.basicConstraints?.pathLenConstraint,
    names: namesText(certificate.extensions.subjectAltName),
    permitted: namesText(certificate.extensions.nameConstraints?.permitted),
    excluded: namesText(certificate.extensions.nameConstraints?.excluded),
    key: record.key === undefined ? 'not in this realm' : `${record.key.type}, ${record.key.custody}, ${record.key.file}`,
    fingerprint: certificate.fingerprint,
    pin: certificate.pin,
    revoked: record.revoked && revokedText(record.revoked).slice('REVOKED '.length),
  });
}

const NONE = 'no certificate authority yet; joinery ca create NAME makes one';

export function authorityTable(cas: readonly CertificateAuthority[], now: Instant): string {
  if (cas.length === 0) return NONE;
  const rows = cas.map((ca) => {
    const { record } = ca;
    return [record.name, record.parent ?? '(root)', record.key?.type ?? '-', record.key?.custody ?? '-', stateOf(ca, now)];
  });
  return table(['NAME', 'PARENT', 'KEY', 'CUSTODY', 'VALIDITY'], rows);
}

/** A picture of the hierarchy. */
export function authorityTree(roots: readonly CaNode[], now: Instant): string {
  if (roots.length === 0) return NONE;
  return roots.flatMap((root) => [line(root.ca, now), ...branches(root.children, '', now)]).join('\n');
}

function line(ca: CertificateAuthority, now: Instant): string {
  const { permitted = [], excluded = [] } = ca.certificate.extensions.nameConstraints ?? {};
  const bounds = [...permitted.map((base) => `only ${generalNameText(base)}`), ...excluded.map((base) => `no ${generalNameText(base)}`)];
  const facts = [ca.record.key?.type ?? 'no key', stateOf(ca, now), ...bounds];
  return printable(`${ca.record.name}  [${facts.join(', ')}]`);
}

function branches(nodes: readonly CaNode[], indent: string, now: Instant): string[] {
  return nodes.flatMap(({ ca, children }, index) => {
    const last = index === nodes.length - 1;
    return [`${indent}${last ? '└─ ' : '├─ '}${line(ca, now)}`, ...branches(children, `${indent}${last ? '   ' : '│  '}`, now)];
  });
}

export function treeData(nodes: readonly CaNode[]): JsonObject[] {
  return nodes.map(({ ca, children }) => ({
    name: ca.record.name,
    not_after: formatInstant(ca.certificate.notAfter),
    fingerprint: ca.certificate.fingerprint,
    children: treeData(children),
  }));
}
