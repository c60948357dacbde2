/** `omnirelay` bootstrap tokens, both ways with the OmniRelay service: a JSON payload and its HMAC-SHA256 in base64. */
import { parseStrictJson } from '../canonical-json.ts';
import { equalSecret } from '../digest.ts';
import { decodeUtf8, fromBase64, toBase64, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { integer, object, type Parser, parseDocument, refine, string } from '../parse.ts';
import { formatInstant, fromCivil, type Instant, plus } from '../time.ts';
import type { Grant } from './grant.ts';

export const OMNIRELAY_ISSUER = 'omnirelay-bootstrap';
/** What OmniRelay's own command line names as issuer. */
export const OMNIRELAY_CLI_ISSUER = 'omnirelay-cli';
/** Life of a token where nobody says otherwise. */
export const OMNIRELAY_TTL = 3600;

const MAX_LENGTH = 8192;

/** The texts with which the service refuses a token; its compatible endpoint answers them verbatim (FORMATS 1). */
export const OMNIRELAY_FAILURES = {
  missing: 'Token was not provided.',
  format: 'Token format is invalid.',
  encoding: 'Token encoding is not valid Base64.',
  signature: 'Token signature mismatch.',
  payload: 'Token payload could not be parsed.',
  issuer: 'Token issuer mismatch.',
  expired: 'Token expired.',
  early: 'Token not yet valid.',
  cluster: 'Token was issued for a different cluster.',
  consumed: 'Token was already consumed.',
} as const;

export interface OmnirelayToken {
  /** GUID. */
  readonly tokenId: string;
  readonly clusterId: string;
  readonly role: string;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
  /** null: as often as one likes. */
  readonly maxUses: number | null;
  readonly issuer: string;
}

/** HMAC-SHA256 under the shared key. */
export type Mac = (data: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** `base64(payload) "." base64(HMAC-SHA256(key, payload))`, the members in the service's order. */
export async function signOmnirelay(token: OmnirelayToken, mac: Mac): Promise<string> {
  const { tokenId, clusterId, role, issuedAt, expiresAt, maxUses, issuer } = token;
  const payload = utf8(
    JSON.stringify({ tokenId, clusterId, role, issuedAt: offsetTime(issuedAt), expiresAt: offsetTime(expiresAt), maxUses, issuer }),
  );
  return `${toBase64(payload)}.${toBase64(await mac(payload))}`;
}

/** An instant as .NET's DateTimeOffset writes UTC. */
function offsetTime(at: Instant): string {
  return formatInstant(at).replace('Z', '+00:00');
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,7})?(?:Z|([+-])(\d{2}):(\d{2}))$/;

/** A DateTimeOffset with up to seven digits of a second, which are cut, and any offset. */
const time: Parser<Instant> = refine(string({ maxLength: 40 }), (text) => {
  const fields = TIME.exec(text);
  if (fields === null) return { issue: 'expected an ISO 8601 time with offset, found something else' };
  const [year, month, day, hour, minute, second] = fields.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  const local = fromCivil({ year, month, day, hour, minute, second });
  if (local === undefined) return { issue: 'expected a time that exists, found another' };
  const [sign, hours, minutes] = fields.slice(7);
  const offset = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60;
  return { value: plus(local, sign === '-' ? offset : -offset) };
});

/** A number from 1 on, or null. */
const uses: Parser<number | null> = {
  schema: { type: ['integer', 'null'], minimum: 1 },
  read: (value, path, issues) => (value === null ? null : integer(1, 2147483647).read(value, path, issues)),
};

const payload = object({
  tokenId: string({ pattern: /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, describe: 'a GUID' }),
  clusterId: string({ minLength: 1, maxLength: 255 }),
  role: string({ minLength: 1, maxLength: 255 }),
  issuedAt: time,
  expiresAt: time,
  maxUses: uses,
  issuer: string({ minLength: 1, maxLength: 255 }),
});

export interface ReadOmnirelay {
  readonly token: OmnirelayToken;
  /** The bytes that the HMAC covers. */
  readonly payload: Uint8Array;
  readonly mac: Uint8Array;
}

/** Reads the two parts; the payload stays unread until its HMAC holds. @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED */
export function splitOmnirelay(text: string): Omit<ReadOmnirelay, 'token'> {
  if (text.length > MAX_LENGTH)
    throw new JoineryError('ERR_TOKEN_TOO_LARGE', `token: expected at most ${MAX_LENGTH} characters, found ${text.length}`);
  const parts = text.split('.');
  if (text === '' || parts.length !== 2) throw refusal('ERR_TOKEN_MALFORMED', text === '' ? 'missing' : 'format');
  try {
    const [body, mac] = parts as [string, string];
    return { payload: fromBase64(body), mac: fromBase64(mac) };
  } catch {
    throw refusal('ERR_TOKEN_MALFORMED', 'encoding');
  }
}

/** @throws ERR_TOKEN_CLAIMS */
export function parseOmnirelayPayload(bytes: Uint8Array): OmnirelayToken {
  try {
    return parseDocument(payload, parseStrictJson(decodeUtf8(bytes), 'token payload', { maxDepth: 4 }), 'token payload');
  } catch (cause) {
    throw refusal('ERR_TOKEN_CLAIMS', 'payload', cause);
  }
}

/**
 * Reads a token whose HMAC holds.
 * @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED, ERR_TOKEN_SIGNATURE, ERR_TOKEN_CLAIMS, each with the service's text as message.
 */
export async function openOmnirelay(text: string, mac: Mac): Promise<OmnirelayToken> {
  const read = splitOmnirelay(text);
  if (!equalSecret(read.mac, await mac(read.payload))) throw refusal('ERR_TOKEN_SIGNATURE', 'signature');
  return parseOmnirelayPayload(read.payload);
}

function refusal(
  code: 'ERR_TOKEN_MALFORMED' | 'ERR_TOKEN_SIGNATURE' | 'ERR_TOKEN_CLAIMS',
  failure: keyof typeof OMNIRELAY_FAILURES,
  cause?: unknown,
): JoineryError {
  return new JoineryError(code, `omnirelay token: ${OMNIRELAY_FAILURES[failure]}`, {
    details: { failure: OMNIRELAY_FAILURES[failure] },
    cause,
  });
}

/** What the token grants. The service compares clusters without case, so the name is lower-cased; compare it with a lower-cased name. */
export function grantOfOmnirelay(token: OmnirelayToken): Grant {
  return {
    format: 'omnirelay',
    issuer: token.issuer,
    id: token.tokenId.toLowerCase(),
    clusters: [token.clusterId.toLowerCase()],
    role: token.role,
    allowReentry: false,
    labels: {},
    issuedAt: token.issuedAt,
    notBefore: token.issuedAt,
    expiresAt: token.expiresAt,
    maxUses: token.maxUses,
  };
}
