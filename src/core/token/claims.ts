/** The claims of a `jwt` join token (FORMATS 1; RFC 7519): their names, forms and the rules between them. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { isDigest, isPin } from '../digest.ts';
import { isJwkThumbprint } from '../jwk.ts';
import { name } from '../names.ts';
import { array, boolean, integer, object, optional, type Parsed, type Parser, parseDocument, record, refine, string } from '../parse.ts';
import { LAST_INSTANT, type Seconds } from '../time.ts';

/** Longest life of a join token in seconds where the configuration names none (FORMATS 1). */
export const DEFAULT_MAX_TOKEN_LIFETIME = 86400 as Seconds;

/** Largest `max_uses`. */
export const MAX_TOKEN_USES = 1_000_000;

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const numericDate = integer(0, LAST_INSTANT);
const httpsUrl = string({ maxLength: 2048, pattern: /^https:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/, describe: 'an https URL' });

function text(describe: string, isValid: (value: string) => boolean): Parser<string> {
  return refine(string({ maxLength: 71 }), (value) =>
    isValid(value) ? { value } : { issue: `expected ${describe}, found something else` },
  );
}

/** A cluster, or several clusters without repetition (RFC 7519 section 4.1.3). */
const audience: Parser<string | readonly string[]> = {
  schema: { anyOf: [name().schema, { type: 'array', items: name().schema, minItems: 1, maxItems: 16, uniqueItems: true }] },
  read(value, path, issues) {
    if (typeof value === 'string') return name().read(value, path, issues);
    const clusters = array(name(), { minItems: 1, maxItems: 16 }).read(value, path, issues);
    if (clusters !== undefined && new Set(clusters).size < clusters.length) issues.push({ path, message: 'expected each cluster once' });
    return clusters;
  },
};

const digest = text('64 lower-case hex digits', isDigest);

const shape = {
  iss: string({ minLength: 1, maxLength: 255 }),
  aud: audience,
  jti: string({ pattern: UUID_V4, describe: 'a UUID of version 4 in lower case' }),
  iat: numericDate,
  nbf: optional(numericDate),
  exp: numericDate,
  role: name(),
  max_uses: optional(integer(1, MAX_TOKEN_USES)),
  env: optional(name()),
  node: optional(name()),
  allow_reentry: optional(boolean()),
  labels: optional(record(string({ maxLength: 256 }), { maxMembers: 32 })),
  cnf: optional(object({ jkt: text('an RFC 7638 thumbprint', isJwkThumbprint) })),
  pins: optional(array(text('sha256: and 64 lower-case hex digits', isPin), { minItems: 1, maxItems: 16 })),
  trust: optional(object({ 'control-plane-https': optional(digest), 'node-cert-lifecycle': optional(digest) })),
  urls: optional(array(httpsUrl, { minItems: 1, maxItems: 16 })),
};

const members = object(shape);
type Members = Parsed<typeof members>;

export const tokenClaims: Parser<Members> = refine(members, (claims) => {
  if (claims.exp <= claims.iat) return { issue: 'expected exp after iat, found it before or equal' };
  if (claims.exp <= (claims.nbf ?? claims.iat)) return { issue: 'expected exp after nbf, found it before or equal' };
  if (claims.allow_reentry === true && claims.node === undefined)
    return { issue: 'allow_reentry: expected a node claim with it, found none' };
  return { value: claims };
});

export type TokenClaims = Members;

export interface ReadClaims {
  readonly claims: TokenClaims;
  /** Claims that joinery does not know: shown, never trusted. */
  readonly unknown: JsonObject;
}

/**
 * Parses claims whose signature was verified. Unknown claims are set aside.
 * @throws ERR_TOKEN_CLAIMS with every wrong claim.
 */
export function parseClaims(payload: JsonObject): ReadClaims {
  const known: Record<string, JsonValue | undefined> = {};
  const unknown: Record<string, JsonValue | undefined> = {};
  for (const [claim, value] of Object.entries(payload)) (Object.hasOwn(shape, claim) ? known : unknown)[claim] = value;
  return { claims: parseDocument(tokenClaims, known as JsonObject, 'token', 'ERR_TOKEN_CLAIMS'), unknown };
}

/** The clusters of `aud`. */
export function clustersOf(claims: TokenClaims): readonly string[] {
  return typeof claims.aud === 'string' ? [claims.aud] : claims.aud;
}
