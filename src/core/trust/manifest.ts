/** The manifest of one version of a trust bundle, `joinery/trust-bundle/1` (FORMATS 2): what its signers sign. */
import { type JsonObject, type JsonValue } from '../canonical-json.ts';
import { type Digest, digestOf, type Fingerprint, type Pin } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { jwkThumbprint, publicJwkParser } from '../jwk.ts';
import { dnsName, name } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, type Parser, refine, string } from '../parse.ts';
import type { VerifySignature } from '../key-ports.ts';
import { formatInstant, type Instant, parseInstant } from '../time.ts';
import type { Certificate } from '../x509/certificate.ts';
import { canonicalBundle, MAX_BUNDLE } from './bundle.ts';
import { type OpenedEnvelope, openEnvelope } from './envelope.ts';
import { type Purpose, PURPOSES } from './purpose.ts';

/** Ten digits, so that store keys sort; a chain of versions never gets near it (transition.ts bounds each step). */
export const MAX_VERSION = 2 ** 31 - 1;
export const MAX_SIGNERS = 16;
export const MAX_ANCHORS = 100;

export const PHASES = ['phasing-in', 'active', 'phasing-out'] as const;
export type Phase = (typeof PHASES)[number];

/** An instant of a document, as {@link formatInstant} writes it. */
export const instantText = (): Parser<string> =>
  refine(string({ maxLength: 20 }), (text) =>
    parseInstant(text) === undefined ? { issue: 'expected an instant like 2026-11-22T10:00:00Z, found something else' } : { value: text },
  );

export const digestText = (): Parser<Digest> =>
  refine(string({ maxLength: 64, pattern: /^[0-9a-f]{64}$/, describe: '64 lower-case hex digits' }), (text) => ({ value: text as Digest }));

const fingerprintText = refine(digestText(), (text) => ({ value: text as string as Fingerprint }));
const pinText = refine(string({ maxLength: 71, pattern: /^sha256:[0-9a-f]{64}$/, describe: 'sha256: and 64 hex digits' }), (text) => ({
  value: text as Pin,
}));

export const versionNumber = () => integer(1, MAX_VERSION);
const sentence = () => string({ minLength: 1, maxLength: 500 });

const anchor = object({
  fingerprint: fingerprintText,
  spki_pin: pinText,
  not_before: instantText(),
  not_after: instantText(),
  phase: oneOf(PHASES),
});

const manifestParser = object({
  schema: oneOf(['joinery/trust-bundle/1']),
  purpose: oneOf(PURPOSES),
  trust_bundle_version: versionNumber(),
  environment_name: name(),
  environment_domain: dnsName(),
  bundle_pem: string({ minLength: 1, maxLength: MAX_BUNDLE }),
  sha256_fingerprint: digestText(),
  published_at: instantText(),
  replaces_version: optional(versionNumber()),
  replaces_digest: optional(digestText()),
  expires_at: instantText(),
  grace_until: optional(instantText()),
  anchors: array(anchor, { minItems: 1, maxItems: MAX_ANCHORS }),
  signers: array(publicJwkParser, { minItems: 1, maxItems: MAX_SIGNERS }),
  min_signatures: integer(1, MAX_SIGNERS),
  reason: optional(sentence()),
  shared_anchor_reason: optional(sentence()),
});

export type ManifestAnchor = Parsed<typeof anchor>;

/** Times are texts here, as in the document; {@link instantOf} reads them. */
export type TrustManifest<P extends Purpose = Purpose> = Omit<Parsed<typeof manifestParser>, 'purpose'> & { readonly purpose: P };

/** A manifest that was read and holds together, with its digest, its anchors and the signatures that came with it. */
export interface SignedManifest<P extends Purpose = Purpose> {
  readonly manifest: TrustManifest<P>;
  readonly digest: Digest;
  readonly anchors: readonly Certificate[];
  readonly opened: OpenedEnvelope;
}

/** An instant of a parsed document. */
export function instantOf(text: string): Instant {
  return parseInstant(text) as Instant;
}

/** The published JSON Schema of a manifest. */
export function trustManifestSchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://joinery.dev/schema/trust-bundle-1.json',
    title: 'joinery trust bundle manifest',
    ...manifestParser.schema,
  };
}

/**
 * Reads a signed manifest and checks that its parts agree; its signatures are for {@link assertThreshold}.
 * @throws ERR_TRUST_MANIFEST_MALFORMED, ERR_TRUST_PURPOSE, and what {@link openEnvelope} and {@link canonicalBundle} throw.
 */
export function readManifest<P extends Purpose>(value: JsonValue, purpose: P, verify: VerifySignature, what: string): SignedManifest<P> {
  const opened = openEnvelope(value, 'trust-bundle+jws', what);
  const manifest = parseDocument(manifestParser, opened.payload, what, 'ERR_TRUST_MANIFEST_MALFORMED');
  assertPurpose(manifest.purpose, purpose, what);
  const bundle = canonicalBundle([{ text: manifest.bundle_pem, what: `${what}: bundle_pem` }], verify);
  const issue = disagreement(manifest, bundle.pem, bundle.anchors);
  if (issue !== undefined) throw new JoineryError('ERR_TRUST_MANIFEST_MALFORMED', `${what}: ${issue}`);
  return { manifest: manifest as TrustManifest<P>, digest: opened.digest, anchors: bundle.anchors, opened };
}

/** @throws ERR_TRUST_PURPOSE (TUF: mix-and-match) */
export function assertPurpose(found: Purpose, expected: Purpose, what: string): void {
  if (found !== expected) throw new JoineryError('ERR_TRUST_PURPOSE', `${what}: purpose: expected ${expected}, found ${found}`);
}

type Rule = readonly [holds: boolean, issue: string];

/** The first rule between the members that does not hold. */
function disagreement(manifest: Parsed<typeof manifestParser>, pem: string, anchors: readonly Certificate[]): string | undefined {
  const { bundle_pem, sha256_fingerprint, published_at, expires_at, grace_until, replaces_version, replaces_digest, signers } = manifest;
  const thumbprints = new Set(signers.map((jwk) => jwkThumbprint(jwk)));
  const rules: readonly Rule[] = [
    [pem === bundle_pem, 'bundle_pem: expected canonical PEM, found another spelling of it'],
    [sha256_fingerprint === digestOf(utf8(bundle_pem)), 'sha256_fingerprint: expected SHA-256 of bundle_pem, found another value'],
    [describesAnchors(manifest.anchors, anchors), 'anchors: expected the certificates of bundle_pem in their order, found others'],
    [
      (replaces_version === undefined) === (replaces_digest === undefined),
      'expected replaces_version and replaces_digest together, found one of them',
    ],
    [
      (replaces_version ?? 0) < manifest.trust_bundle_version,
      'replaces_version: expected a lower version than trust_bundle_version, found none lower',
    ],
    [published_at < expires_at, 'expires_at: expected an instant after published_at, found none later'],
    [grace_until === undefined || published_at < grace_until, 'grace_until: expected an instant after published_at, found none later'],
    [thumbprints.size === signers.length, 'signers: expected each key once, found one twice'],
    [manifest.min_signatures <= signers.length, 'min_signatures: expected at most the number of signers, found more'],
  ];
  return rules.find(([holds]) => !holds)?.[1];
}

function describesAnchors(described: readonly ManifestAnchor[], anchors: readonly Certificate[]): boolean {
  if (described.length !== anchors.length) return false;
  return described.every((entry, index) => {
    const expected = describeAnchor(anchors[index] as Certificate, entry.phase);
    return (
      entry.fingerprint === expected.fingerprint &&
      entry.spki_pin === expected.spki_pin &&
      entry.not_before === expected.not_before &&
      entry.not_after === expected.not_after
    );
  });
}

export function describeAnchor(certificate: Certificate, phase: Phase): ManifestAnchor {
  return {
    fingerprint: certificate.fingerprint,
    spki_pin: certificate.pin,
    not_before: formatInstant(certificate.notBefore),
    not_after: formatInstant(certificate.notAfter),
    phase,
  };
}
