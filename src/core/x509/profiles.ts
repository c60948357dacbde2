/** The leaf certificates that joinery issues: what each profile fixes, what it allows, and what a request may not choose. */
import { equalBytes } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { Seconds } from '../time.ts';
import { type NameKind, parseAddress } from './alternative-names.ts';
import { sequence } from './der-writer.ts';
import type { AlternativeName } from './extension-writer.ts';
import { generalNameText, ipText } from './general-names.ts';
import { writeRdn } from './name-text.ts';
import { adminIdViolation, nodeIdViolation, parseSpiffeId } from './spiffe-id.ts';
import { LEAF_PROFILES, type LeafProfile } from './template.ts';

export const PROFILE_NAMES = ['server', 'client', 'peer', 'node', 'cluster'] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** What the record of a certificate may say: profiles that are asked for by name, and the one of `admin issue`. */
export const ISSUED_PROFILE_NAMES = [...PROFILE_NAMES, 'admin'] as const;
export type IssuedProfileName = (typeof ISSUED_PROFILE_NAMES)[number];

export interface CertificateProfile {
  readonly name: IssuedProfileName;
  readonly usage: LeafProfile;
  /** Life of a certificate where nobody says another. */
  readonly ttl: Seconds;
  /** Kinds of names that the operator may give. */
  readonly kinds: readonly NameKind[];
  /** Kinds of names that are taken from a certification request when the operator says so. */
  readonly fromRequest: readonly NameKind[];
  /** Names that are always in it. */
  readonly always: readonly AlternativeName[];
}

const DAY = 86400;
const days = (count: number): Seconds => (count * DAY) as Seconds;

const LOOPBACK: readonly AlternativeName[] = [
  { kind: 'dns', value: 'localhost' },
  { kind: 'ip', bytes: parseAddress('127.0.0.1', 'loopback') },
  { kind: 'ip', bytes: parseAddress('::1', 'loopback') },
];

const HOSTS: readonly NameKind[] = ['dns', 'ip'];

export const PROFILES: Readonly<Record<ProfileName, CertificateProfile>> = {
  server: { name: 'server', usage: LEAF_PROFILES.server, ttl: days(90), kinds: HOSTS, fromRequest: HOSTS, always: [] },
  client: {
    name: 'client',
    usage: LEAF_PROFILES.client,
    ttl: days(90),
    kinds: ['dns', 'email', 'uri'],
    fromRequest: ['dns', 'email'],
    always: [],
  },
  peer: { name: 'peer', usage: LEAF_PROFILES.peer, ttl: days(90), kinds: HOSTS, fromRequest: HOSTS, always: [] },
  // FORMATS 4: DNS names and addresses of a node come from the operator or a policy, never from the node itself.
  node: { name: 'node', usage: LEAF_PROFILES.peer, ttl: days(1), kinds: ['uri', 'dns', 'ip'], fromRequest: ['uri'], always: [] },
  cluster: { name: 'cluster', usage: LEAF_PROFILES.peer, ttl: days(3650), kinds: HOSTS, fromRequest: HOSTS, always: LOOPBACK },
};

/** An administrator (FORMATS 0): a client whose one name is `spiffe://<trust domain>/joinery/admin/<name>`. Only `admin issue` gives it. */
export const ADMIN_PROFILE: CertificateProfile = {
  name: 'admin',
  usage: LEAF_PROFILES.client,
  ttl: days(30),
  kinds: ['uri'],
  fromRequest: [],
  always: [],
};

/** Names of one certificate: more make it too large for some peers. */
const MAX_NAMES = 100;

/**
 * The names of a certificate under a profile: those that are always in it, then the given ones, each once.
 * @throws ERR_CERTIFICATE_PROFILE with every reason in `details.violations`.
 */
export function profileNames(
  profile: CertificateProfile,
  given: readonly AlternativeName[],
  trustDomain: string,
): readonly AlternativeName[] {
  const names: AlternativeName[] = [];
  for (const name of [...profile.always, ...given]) if (!names.some((known) => equalAlternativeNames(known, name))) names.push(name);
  const violations = [...nameViolations(profile, given), ...identityViolations(profile, names, trustDomain)];
  if (names.length > MAX_NAMES) violations.push(`expected at most ${MAX_NAMES} names, found ${names.length}`);
  if (violations.length === 0) return names;
  throw new JoineryError('ERR_CERTIFICATE_PROFILE', `profile ${profile.name}: ${violations.join('; ')}`, {
    hint: HINTS[profile.name],
    details: { profile: profile.name, violations },
  });
}

const HINTS: Readonly<Record<IssuedProfileName, string>> = {
  admin: 'joinery admin issue makes it',
  server: 'name the hosts that it serves with --dns and --ip',
  client: 'say who it is with --dns, --email or --uri; SPIFFE IDs belong to profile node',
  peer: 'name the hosts that it serves with --dns and --ip',
  node: 'give the identity of the node with --uri spiffe://<trust domain>/<path>',
  cluster: 'name further hosts with --dns and --ip',
};

function nameViolations({ name: profile, kinds, always }: CertificateProfile, given: readonly AlternativeName[]): string[] {
  const violations: string[] = [];
  for (const name of given) {
    if (!kinds.includes(name.kind)) violations.push(`expected names of kind ${kinds.join(', ')}, found ${generalNameText(name)}`);
    else if (profile === 'client' && isSpiffe(name)) violations.push(`expected no SPIFFE ID, found ${generalNameText(name)}`);
  }
  if (given.length === 0 && always.length === 0) violations.push('expected at least one name, found none');
  return violations;
}

function isSpiffe(name: AlternativeName): boolean {
  return name.kind === 'uri' && name.value.startsWith('spiffe:');
}

/** SPIFFE X509-SVID section 2: exactly one URI, and it is a SPIFFE ID. */
function identityViolations({ name: profile }: CertificateProfile, names: readonly AlternativeName[], trustDomain: string): string[] {
  if (profile !== 'node' && profile !== 'admin') return [];
  const uris = names.filter((name): name is UriName => name.kind === 'uri');
  const [uri] = uris;
  if (uri === undefined || uris.length > 1) return [`expected exactly one URI, found ${uris.length}`];
  if (!uri.value.startsWith('spiffe:')) return [`expected a SPIFFE ID, found URI:${uri.value}`];
  const violation = profile === 'node' ? nodeIdViolation : adminIdViolation;
  return [violation(parseSpiffeId(uri.value, 'SPIFFE ID'), trustDomain) ?? []].flat();
}

type UriName = Exclude<AlternativeName, { readonly kind: 'ip' }>;

export function equalAlternativeNames(a: AlternativeName, b: AlternativeName): boolean {
  if (a.kind === 'ip') return b.kind === 'ip' && equalBytes(a.bytes, b.bytes);
  return a.kind === b.kind && a.value === b.value;
}

/** X.520's upper bound of a common name. */
const MAX_COMMON_NAME = 64;

/**
 * DER of the subject that a certificate gets where the operator names none: the environment, and its first name for people to read
 * (a node: the last segment of its identity). Peers look at subjectAltName only.
 */
export function defaultSubject(names: readonly AlternativeName[], environment: string): Uint8Array {
  const [first] = names;
  const text = first === undefined ? '' : commonNameOf(first);
  const commonName = text !== '' && text.length <= MAX_COMMON_NAME ? [writeRdn(['CN', text])] : [];
  return sequence(organization(environment), ...commonName);
}

/** All certificates of a realm have one: the last one is kept. */
let lastOrganization = { environment: '', der: writeRdn(['O', '']) };

function organization(environment: string): Uint8Array {
  if (lastOrganization.environment !== environment) lastOrganization = { environment, der: writeRdn(['O', environment]) };
  return lastOrganization.der;
}

function commonNameOf(name: AlternativeName): string {
  if (name.kind === 'ip') return ipText(name.bytes);
  return name.kind === 'uri' ? name.value.slice(name.value.lastIndexOf('/') + 1) : name.value;
}
