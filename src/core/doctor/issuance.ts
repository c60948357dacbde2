/** How long authorities, issued certificates and revocation lists still hold. */
import type { Instant } from '../time.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { RevocationList } from '../x509/crl.ts';
import type { Finding } from './finding.ts';
import { type Horizon, HORIZONS, judgeEnding } from './horizon.ts';

export interface AuthorityFacts {
  readonly name: string;
  readonly certificate: Certificate;
  readonly revoked: boolean;
  readonly isRoot: boolean;
  /** Where its key is; undefined when the realm has none. */
  readonly custody: 'offline' | 'online' | undefined;
  /** How many of its certificates are revoked and not over. */
  readonly revocations: number;
  /** The newest list, and its file. */
  readonly list: { readonly file: string; readonly crl: RevocationList } | undefined;
}

export interface Horizons {
  readonly authority: Horizon;
  readonly certificate: Horizon;
  readonly list: Horizon;
  readonly manifest: Horizon;
}

export function judgeAuthority(ca: AuthorityFacts, now: Instant, horizons: Horizons = HORIZONS): Finding[] {
  if (ca.revoked) return [];
  const { notBefore: from, notAfter: until } = ca.certificate;
  const where = `authority ${ca.name}`;
  const next = ca.isRoot
    ? 'make a new root and move trust to it: docs/guides/rotate-a-root.md'
    : 'make a new authority under its parent: joinery ca create';
  const ending = judgeEnding({ code: 'ca-expiry', where, what: 'authority', from, until, next, horizon: horizons.authority }, now);
  return [...ending, ...judgeCustody(ca), ...judgeList(ca, now, horizons)];
}

function judgeCustody({ name, isRoot, custody }: AuthorityFacts): Finding[] {
  if (!isRoot || custody !== 'online') return [];
  const what = 'expected the key of a root offline, found it among the online keys';
  const next = 'issue from an authority under it, and keep the root where no server runs';
  return [{ code: 'key-online', severity: 'warn', where: `authority ${name}`, what, next }];
}

function judgeList({ name, revocations, list }: AuthorityFacts, now: Instant, horizons: Horizons): Finding[] {
  const next = `issue a new one: joinery ca crl ${name}`;
  if (list !== undefined) {
    const { thisUpdate: from, nextUpdate: until } = list.crl;
    return judgeEnding({ code: 'crl-expiry', where: list.file, what: 'revocation list', from, until, next, horizon: horizons.list }, now);
  }
  if (revocations === 0) return [];
  const what = `expected a revocation list, as ${revocations} certificate(s) of the authority are revoked, found none`;
  return [{ code: 'crl-missing', severity: 'warn', where: `authority ${name}`, what, next }];
}

export interface CertificateFacts {
  readonly serial: string;
  readonly subject: string;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Serial number of the one that it replaces. */
  readonly renews: string | undefined;
}

/** A certificate of a node renews itself; what lives this long is somebody's task. */
const LONG_LIFE = 7 * 86400;
/** An old certificate that nobody renewed was given up. */
const GIVEN_UP = 30 * 86400;
const MOST = 20;

/** @param certificates that are not revoked. */
export function judgeCertificates(certificates: readonly CertificateFacts[], now: Instant, horizons: Horizons = HORIZONS): Finding[] {
  const replaced = new Set(certificates.flatMap(({ renews }) => (renews === undefined ? [] : [renews])));
  const findings = certificates.flatMap(({ serial, subject, notBefore, notAfter }): Finding[] => {
    const isOurs = !replaced.has(serial) && notAfter - notBefore >= LONG_LIFE && now - notAfter < GIVEN_UP;
    if (!isOurs) return [];
    const next = 'renew it: joinery cert renew';
    const ending = { code: 'cert-expiry', where: `certificate ${serial}`, what: `certificate of ${subject}`, next } as const;
    return judgeEnding({ ...ending, from: notBefore, until: notAfter, horizon: horizons.certificate }, now);
  });
  const rest = findings.length - MOST;
  if (rest <= 0) return findings;
  const what = `${rest} more certificates have ended or will soon`;
  return [...findings.slice(0, MOST), { code: 'cert-expiry', severity: 'warn', where: 'issued certificates', what, next: 'renew them' }];
}
