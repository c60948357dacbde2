/** Name constraints (RFC 5280 sections 4.2.1.10 and 6.1.4 (g)): which names may stand below an authority. */
import { concat, equalBytes } from '../encoding.ts';
import type { Certificate } from './certificate.ts';
import { writeGeneralName } from './extension-writer.ts';
import type { GeneralName } from './general-names.ts';
import { generalNameText } from './general-names.ts';
import { isCertificateDnsName } from './host-names.ts';
import type { NameConstraints } from './name-constraints-extension.ts';
import { type Name, startsWithName } from './names.ts';
import { OID } from './oids.ts';

/** Comparisons for one path: many names under many constraints are an attack on the reader. */
export const MAX_COMPARISONS = 250_000;

/** Counts down; shared by all checks of one path. */
export interface Budget {
  left: number;
}

/**
 * Checks the names of a certificate against the constraints of one authority above it.
 * @returns what is wrong, or undefined.
 */
export function nameViolation(certificate: Certificate, constraints: NameConstraints, budget: Budget): string | undefined {
  for (const name of namesOf(certificate)) {
    const permitted = constraints.permitted.filter((base) => base.kind === name.kind);
    const excluded = constraints.excluded.filter((base) => base.kind === name.kind);
    budget.left -= constraints.permitted.length + constraints.excluded.length;
    if (budget.left < 0) return `expected at most ${MAX_COMPARISONS} comparisons of names and constraints, found more`;
    const text = generalNameText(name);
    if (excluded.some((base) => !isOutside(name, base))) return `expected no excluded name, found ${text}`;
    if (permitted.length > 0 && !permitted.some((base) => isWithin(name, base))) return `expected a permitted name, found ${text}`;
  }
  return undefined;
}

/** The subject, the alternative names, and an e-mail address in the subject where there is none beside it. */
function namesOf({ subject, extensions }: Certificate): GeneralName[] {
  const alternative = extensions.subjectAltName ?? [];
  const hasEmail = alternative.some((name) => name.kind === 'email');
  const emails = hasEmail ? [] : emailsOf(subject);
  const directory = subject.rdns.length === 0 ? [] : [{ kind: 'directory', name: subject } as const];
  return [...directory, ...emails, ...alternative];
}

function emailsOf(subject: Name): GeneralName[] {
  return subject.rdns
    .flat()
    .flatMap(({ type, value }) => (type === OID.emailAddress && value !== undefined ? [{ kind: 'email', value }] : []));
}

/** True when the name lies inside the subtree. Forms that are not understood lie nowhere. */
function isWithin(name: GeneralName, base: GeneralName): boolean {
  if (name.kind === 'dns' && base.kind === 'dns') return isDnsWithin(name.value, base.value);
  if (name.kind === 'email' && base.kind === 'email') return isEmailWithin(name.value, base.value);
  if (name.kind === 'uri' && base.kind === 'uri') return isUriWithin(name.value, base.value);
  if (name.kind === 'ip' && base.kind === 'ip') return isIpWithin(name.bytes, base.bytes);
  return name.kind === 'directory' && base.kind === 'directory' && startsWithName(name.name, base.name);
}

/** True when no part of the name lies inside the subtree: forms that are not understood are never surely outside. */
function isOutside(name: GeneralName, base: GeneralName): boolean {
  switch (name.kind) {
    case 'dns':
      return !isWithin(name, base) && !wildcardReaches(name.value, (base as { value: string }).value);
    case 'uri':
      // A URI without a host name cannot be judged (RFC 5280 section 4.2.1.10).
      return hostOfUri(name.value) !== undefined && !isWithin(name, base);
    case 'email':
      return mailbox(name.value) !== undefined && !isWithin(name, base);
    case 'ip':
    case 'directory':
      return !isWithin(name, base);
    default:
      return false;
  }
}

/** Zero or more labels added on the left: `example.com` holds `example.com` and `a.example.com`. */
function isDnsWithin(name: string, base: string): boolean {
  const [lower, constraint] = [name.toLowerCase(), base.toLowerCase()];
  return constraint === '' || lower === constraint || lower.endsWith(`.${constraint}`);
}

/** `*.example.com` can stand for the excluded `a.example.com`. */
function wildcardReaches(name: string, base: string): boolean {
  return name.startsWith('*.') && base.includes('.') && base.slice(base.indexOf('.')).toLowerCase() === name.slice(1).toLowerCase();
}

/** RFC 5321 section 4.1.2: Dot-string or Quoted-string. Of `a@b@c`, readers disagree which part is the host. */
const LOCAL_PART = /^(?:[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*|"(?:[ !#-[\]-~]|\\[ -~])*")$/;

function mailbox(address: string): { local: string; host: string } | undefined {
  const at = address.lastIndexOf('@');
  const [local, host] = [address.slice(0, Math.max(at, 0)), address.slice(at + 1)];
  return LOCAL_PART.test(local) && isCertificateDnsName(host) ? { local, host: host.toLowerCase() } : undefined;
}

/** A mailbox, a host, or with a leading dot the hosts of a domain. */
function isEmailWithin(address: string, base: string): boolean {
  const found = mailbox(address);
  if (found === undefined) return false;
  const exact = mailbox(base);
  if (exact !== undefined) return found.local === exact.local && found.host === exact.host;
  return isHostWithin(found.host, base);
}

function isHostWithin(host: string, base: string): boolean {
  const constraint = base.toLowerCase();
  return constraint === '' || (constraint.startsWith('.') ? host.endsWith(constraint) && host !== constraint : host === constraint);
}

/** The host name of a URI; undefined without authority, for an address, and for a form that readers disagree about. */
function hostOfUri(uri: string): string | undefined {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1];
  const host = authority?.replace(/^[^@]*@/, '').replace(/:\d*$/, '');
  return host !== undefined && isCertificateDnsName(host) && !/(?:^|\.)\d+$/.test(host) ? host.toLowerCase() : undefined;
}

/** A host, or with a leading dot the hosts of a domain. */
function isUriWithin(uri: string, base: string): boolean {
  const host = hostOfUri(uri);
  return host !== undefined && isHostWithin(host, base);
}

function isIpWithin(address: Uint8Array, subnet: Uint8Array): boolean {
  const half = subnet.length / 2;
  const mask = subnet.subarray(half);
  const masked = (bytes: Uint8Array) => bytes.map((octet, index) => octet & (mask[index] as number));
  return address.length === half && equalBytes(masked(address), masked(subnet.subarray(0, half)));
}

/**
 * The form of the constraints themselves: a leading dot or a wildcard in a DNS constraint means one thing to one reader and another
 * to the next, so it is refused (RFC 5280 section 4.2.1.10 knows neither).
 * @returns what is wrong, or undefined.
 */
export function constraintViolation({ permitted, excluded }: NameConstraints): string | undefined {
  const bad = [...permitted, ...excluded].find((base) => !isConstraint(base));
  return bad && `expected a constraint as in RFC 5280, found ${generalNameText(bad)}`;
}

function isConstraint(base: GeneralName): boolean {
  switch (base.kind) {
    case 'dns':
      return base.value === '' || isCertificateDnsName(base.value);
    case 'uri':
      return base.value === '' || isCertificateDnsName(base.value.replace(/^\./, ''));
    case 'email':
      return base.value === '' || isCertificateDnsName(base.value.replace(/^\./, '')) || mailbox(base.value) !== undefined;
    default:
      return true;
  }
}

/** True when every name inside `inner` is inside `outer`: both are subtrees of an authority. */
export function isSubtreeWithin(inner: GeneralName, outer: GeneralName): boolean {
  if (equalBytes(writeGeneralName(inner), writeGeneralName(outer))) return true;
  if (inner.kind === 'dns' && outer.kind === 'dns') return isDnsWithin(inner.value, outer.value);
  if (inner.kind === 'uri' && outer.kind === 'uri') return isHostWithin(inner.value.toLowerCase(), outer.value);
  if (inner.kind === 'email' && outer.kind === 'email') return isMailWithin(inner.value, outer.value);
  if (inner.kind === 'ip' && outer.kind === 'ip') return isSubnetWithin(inner.bytes, outer.bytes);
  return inner.kind === 'directory' && outer.kind === 'directory' && startsWithName(inner.name, outer.name);
}

/** One mailbox holds itself only; hosts and domains hold mailboxes and hosts. */
function isMailWithin(inner: string, outer: string): boolean {
  if (mailbox(outer) !== undefined) return isEmailWithin(inner, outer);
  return isHostWithin(inner.slice(inner.lastIndexOf('@') + 1).toLowerCase(), outer);
}

/** The longer prefix lies inside the shorter one. */
function isSubnetWithin(inner: Uint8Array, outer: Uint8Array): boolean {
  const [half, mask] = [inner.length / 2, outer.subarray(outer.length / 2)];
  return isIpWithin(inner.subarray(0, half), outer) && isIpWithin(inner.subarray(half), concat(mask, mask));
}
