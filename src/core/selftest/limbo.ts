/**
 * x509-limbo (C2SP): chains with the verdict of RFC 5280, of the CA/Browser Forum's rules, or of a known accident. Cases of web
 * authorities are judged by the profile `web`, those of BetterTLS by `rfc5280`, the others by `strict`.
 */
import { parsePem } from '../encoding.ts';
import type { VerifySignature } from '../key-ports.ts';
import { type Instant, parseInstant } from '../time.ts';
import { addressOf } from '../x509/alternative-names.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { parseRevocationList, type RevocationList } from '../x509/crl.ts';
import type { KeyUsageName } from '../x509/extensions.ts';
import type { ReferenceIdentity } from '../x509/identity.ts';
import { OID } from '../x509/oids.ts';
import { type PathRequest, type PathResult, validatePath } from '../x509/path.ts';
import type { PathProfile } from '../x509/path-rules.ts';
import { corpusError, listOf, numberOf, objectOf, type Shape, textOf, textsOf } from './shape.ts';
import { isDocumented } from './stricter.ts';
import { accepted, type Expected, type Found, refused, skipped, type Trial } from './trial.ts';

export interface LimboCase {
  readonly id: string;
  readonly features: readonly string[];
  readonly expected: Expected;
  /** PEM. */
  readonly trusted: readonly string[];
  readonly intermediates: readonly string[];
  readonly peer: string;
  readonly crls: readonly string[];
  /** undefined: now. */
  readonly at: Instant | undefined;
  readonly identities: readonly ReferenceIdentity[];
  readonly server: boolean;
  readonly purposes: readonly string[];
  readonly keyUsage: readonly string[];
  readonly signatureAlgorithms: readonly string[];
  readonly maxDepth: number | undefined;
}

export function isLimbo(document: unknown): boolean {
  return typeof document === 'object' && document !== null && Array.isArray((document as Shape)['testcases']);
}

/** @throws ERR_CORPUS_MALFORMED */
export function readLimbo(document: unknown, what: string): readonly LimboCase[] {
  const { version, testcases } = objectOf(document, what);
  if (version !== 1) throw corpusError(`${what}: version`, '1');
  return listOf(testcases, `${what}: testcases`).map((entry, index) => readCase(entry, `${what}: testcases[${index}]`));
}

function readCase(entry: unknown, where: string): LimboCase {
  const shape = objectOf(entry, where);
  const texts = (name: string): readonly string[] => textsOf(shape[name], `${where}.${name}`);
  const pems = (name: string): readonly string[] => texts(name).map((text) => pemOf(text, `${where}.${name}`));
  const kind = textOf(shape['validation_kind'], `${where}.validation_kind`);
  const server = oneOf(kind, { SERVER: true, CLIENT: false } as const, `${where}.validation_kind`);
  const result = textOf(shape['expected_result'], `${where}.expected_result`);
  // A case of a client may carry the name of a server all the same: its builder has one by default.
  const names = server ? [shape['expected_peer_name']] : listOf(shape['expected_peer_names'] ?? [], `${where}.expected_peer_names`);
  const { max_chain_depth: depth, validation_time: time } = shape;
  return {
    id: textOf(shape['id'], `${where}.id`),
    features: texts('features'),
    expected: oneOf(result, { SUCCESS: 'accept', FAILURE: 'refuse' } as const, `${where}.expected_result`),
    trusted: pems('trusted_certs'),
    intermediates: pems('untrusted_intermediates'),
    peer: pemOf(textOf(shape['peer_certificate'], `${where}.peer_certificate`), `${where}.peer_certificate`),
    crls: pems('crls'),
    at: isAbsent(time) ? undefined : momentOf(textOf(time, `${where}.validation_time`), `${where}.validation_time`),
    identities: names.filter((name) => !isAbsent(name)).map((name) => identityOf(name, `${where}.expected_peer_name`)),
    server,
    purposes: texts('extended_key_usage'),
    keyUsage: texts('key_usage'),
    signatureAlgorithms: texts('signature_algorithms'),
    maxDepth: isAbsent(depth) ? undefined : numberOf(depth, `${where}.max_chain_depth`),
  };
}

/** What is not even PEM is a damaged suite: a certificate that is refused for its DER may be a verdict. */
function pemOf(text: string, where: string): string {
  if (!isPem(text)) throw corpusError(where, 'PEM');
  return text;
}

function isPem(text: string): boolean {
  try {
    return parsePem(text).length > 0;
  } catch {
    return false;
  }
}

const isAbsent = (value: unknown): boolean => value === undefined || value === null;

function oneOf<const T>(text: string, table: Readonly<Record<string, T>>, where: string): T {
  if (!Object.hasOwn(table, text)) throw corpusError(where, `one of ${Object.keys(table).join(', ')}`);
  return table[text] as T;
}

/** The address of a server stands as a DNS name in the cases of BetterTLS. */
function identityOf(value: unknown, where: string): ReferenceIdentity {
  const { kind, value: name } = objectOf(value, where);
  const text = textOf(name, `${where}.value`);
  const email = oneOf(textOf(kind, `${where}.kind`), { RFC822: true, DNS: false, IP: false } as const, `${where}.kind`);
  if (email) return { kind: 'email', value: text };
  const bytes = addressOf(text);
  return bytes === undefined ? { kind: 'dns', value: text } : { kind: 'ip', bytes };
}

const MOMENT = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:Z|\+00:00)?$/;

function momentOf(text: string, where: string): Instant {
  const moment = parseInstant(`${MOMENT.exec(text)?.[1]}Z`);
  if (moment === undefined) throw corpusError(where, 'a moment in UTC');
  return moment;
}

const PURPOSES: Readonly<Record<string, string | undefined>> = { ...OID, OCSPSigning: OID.ocspSigning, anyExtendedKeyUsage: undefined };

export interface LimboWorld {
  readonly verifySignature: VerifySignature;
  readonly now: Instant;
}

export function tryLimbo(entry: LimboCase, world: LimboWorld): Trial {
  const { id, expected } = entry;
  const reason = whyNot(entry);
  return { id, expected, found: reason === undefined ? judge(entry, world) : skipped(reason) };
}

function whyNot({ id, features, signatureAlgorithms }: LimboCase): string | undefined {
  if (id.startsWith('smime::')) return 'rules for S/MIME certificates, which are not of joinery';
  if (features.includes('no-cert-policies')) return 'for programs that process no certificate policies';
  if (features.includes('pedantic-public-suffix-wildcard')) return 'needs the public suffix list, which joinery does not carry';
  return signatureAlgorithms.length === 0 ? undefined : 'names the algorithms to accept, which joinery does not take as an input';
}

function profileOf({ id }: LimboCase): PathProfile {
  if (/^(?:webpki|crl|online)::/.test(id)) return 'web';
  return id.startsWith('bettertls::') ? 'rfc5280' : 'strict';
}

function judge(entry: LimboCase, world: LimboWorld): Found {
  const profile = profileOf(entry);
  const request = requestOf(entry, world);
  if (request === undefined) return refused('malformed', true);
  const asked = entry.purposes.length === 0 && entry.server && profile === 'web' ? ['serverAuth'] : entry.purposes;
  const purposes = asked.length === 0 ? [undefined] : asked.map((name) => (Object.hasOwn(PURPOSES, name) ? PURPOSES[name] : name));
  const failed = (under: PathProfile): Extract<PathResult, { ok: false }> | undefined =>
    purposes.map((purpose) => validatePath({ ...request, purpose, profile: under })).find((result) => !result.ok);
  const failure = failed(profile);
  if (failure !== undefined) return refused(failure.code, isDocumented(failure.code) || failed('rfc5280') === undefined);
  return hasUsages(request.leaf, entry.keyUsage) ? accepted : refused('key-usage', true);
}

/** undefined when the certificate or a list cannot be read. An authority that cannot be read is left out: it issued nothing. */
function requestOf(entry: LimboCase, { verifySignature, now }: LimboWorld): PathRequest | undefined {
  const [leaf, ...others] = readAll([entry.peer], parseCertificate);
  const crls: RevocationList[] = readAll(entry.crls, parseRevocationList);
  if (leaf === undefined || others.length > 0 || crls.length !== entry.crls.length) return undefined;
  return {
    leaf,
    intermediates: readAll(entry.intermediates, parseCertificate),
    anchors: readAll(entry.trusted, parseCertificate),
    at: entry.at ?? now,
    verifySignature,
    identities: entry.identities,
    crls: crls.length === 0 ? undefined : crls,
    maxIntermediates: entry.maxDepth,
  };
}

function readAll<T>(texts: readonly string[], read: (der: Uint8Array) => T): T[] {
  return texts.flatMap((text) => {
    try {
      return parsePem(text).map(({ der }) => read(der));
    } catch {
      // That something cannot be read is a verdict about it.
      return [];
    }
  });
}

const OTHER_USAGES: Readonly<Record<string, KeyUsageName>> = { encipher_only: 'encipherOnly', decipher_only: 'decipherOnly' };

function hasUsages({ extensions: { keyUsage } }: Certificate, wanted: readonly string[]): boolean {
  return keyUsage === undefined || wanted.every((name) => keyUsage.has(OTHER_USAGES[name] ?? (name as KeyUsageName)));
}
