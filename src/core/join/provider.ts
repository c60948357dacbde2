/** The port of an authority whose key is elsewhere: it is asked for the certificate that joinery has decided on, and what it gives is checked. */
import type { JsonValue } from '../canonical-json.ts';
import { equalBytes, parsePem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { object, parseDocument, string } from '../parse.ts';
import type { ProviderConfig } from '../realm/provider-config.ts';
import { formatInstant, type Instant, plus } from '../time.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { generalNameText } from '../x509/general-names.ts';
import { OID } from '../x509/oids.ts';
import { validatePath } from '../x509/path.ts';

/** `joinery/provider-request/1`: what is to be signed, word for word. */
export interface ProviderRequest {
  readonly schema: 'joinery/provider-request/1';
  readonly operation: 'issue' | 'renew';
  readonly csr_pem: string;
  readonly uris: readonly string[];
  readonly dns_names: readonly string[];
  readonly ip_addresses: readonly string[];
  readonly not_after: string;
  /** Seconds until then. */
  readonly lifetime: number;
  /** Of the certificate that is replaced. */
  readonly renews?: string;
}

export interface IdentityProvider {
  /** @returns the certificate in PEM. @throws ERR_PROVIDER_UNAVAILABLE, ERR_PROVIDER_CERTIFICATE for an answer that cannot be read */
  issue(request: ProviderRequest): Promise<string>;
}

export type OpenProvider = (config: ProviderConfig) => IdentityProvider;

const reply = object({ certificate_pem: string({ minLength: 1, maxLength: 65_536 }) });

/** What a program answers. @throws ERR_PROVIDER_CERTIFICATE */
export function parseProviderReply(value: JsonValue, what: string): string {
  return parseDocument(reply, value, what, 'ERR_PROVIDER_CERTIFICATE').certificate_pem;
}

export interface ProviderExpectation {
  /** Names the provider in errors. */
  readonly what: string;
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** As {@link generalNameText} writes them. */
  readonly names: readonly string[];
  readonly notAfter: Instant;
  readonly now: Instant;
  readonly issuer: Certificate;
  readonly verifySignature: VerifySignature;
}

/** Clocks may differ by this. */
const SKEW = 60;

/** A provider that is wrong, confused or in other hands must not make nodes of this realm. @throws ERR_PROVIDER_CERTIFICATE */
export function checkProvided(pem: string, expected: ProviderExpectation): Certificate {
  const certificate = onlyCertificate(pem, expected);
  const faults = [...contentFaults(certificate, expected), ...pathFaults(certificate, expected)];
  if (faults.length === 0) return certificate;
  throw refused(expected, faults.join('; '));
}

function onlyCertificate(pem: string, expected: ProviderExpectation): Certificate {
  try {
    const [block, ...more] = parsePem(pem, expected.what);
    if (block?.label === 'CERTIFICATE' && more.length === 0) return parseCertificate(block.der, expected.what);
  } catch (cause) {
    // Reading throws nothing else.
    throw refused(expected, (cause as JoineryError).message, cause);
  }
  throw refused(expected, 'expected one certificate, found something else');
}

function contentFaults(
  { spki, serialNumber, notBefore, notAfter, extensions }: Certificate,
  expected: ProviderExpectation,
): readonly string[] {
  const found = (extensions.subjectAltName ?? []).map(generalNameText);
  const late = plus(expected.now, SKEW);
  const checks: readonly (readonly [boolean, string])[] = [
    [equalBytes(spki, expected.spki), 'expected the key of the request, found another'],
    [sameSet(found, expected.names), `expected the names ${expected.names.join(', ')}, found ${found.join(', ') || 'none'}`],
    [extensions.basicConstraints?.cA !== true, 'expected no authority, found one'],
    [/^[0-9a-f]{32,40}$/.test(serialNumber), `expected a serial number of 16 to 20 octets, found ${serialNumber.length / 2}`],
    [notBefore <= late, `expected it to be valid now, found from ${formatInstant(notBefore)}`],
    [
      notAfter > expected.now && notAfter <= plus(expected.notAfter, SKEW),
      `expected an end by ${formatInstant(expected.notAfter)}, found ${formatInstant(notAfter)}`,
    ],
  ];
  return checks.flatMap(([holds, fault]) => (holds ? [] : [fault]));
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((entry) => b.includes(entry));
}

function pathFaults(leaf: Certificate, { issuer, now, verifySignature }: ProviderExpectation): readonly string[] {
  // The issuer is the anchor: signed by this authority, whatever else the provider has.
  const at = leaf.notBefore > now ? leaf.notBefore : now;
  const result = validatePath({ leaf, intermediates: [], anchors: [issuer], at, verifySignature, purpose: OID.clientAuth });
  return result.ok ? [] : [result.reason];
}

function refused({ what }: ProviderExpectation, found: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_PROVIDER_CERTIFICATE', `${what}: ${found}`, { cause, hint: 'the token was not used' });
}
