/** The text of a `jwt` join token: RFC 7515 compact serialization, read strictly before any library sees it. */
import { canonicalBytes, isJsonObject, type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { decodeUtf8, fromBase64Url, toBase64Url, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { object, optional, type Parsed, parseDocument, string } from '../parse.ts';
import type { TokenClaims } from './claims.ts';
import type { TokenSigner } from './signer.ts';

/** Longest token in characters. */
export const MAX_TOKEN_LENGTH = 8192;

/** Media type of a join token (RFC 8725 section 3.11, explicit typing). */
export const TOKEN_TYPE = 'join+jwt';

/**
 * The header members of a join token. Others are refused, not ignored: `jwk`, `jku`, `x5c` and `x5u` would bring a key along,
 * `crit` and `b64` would change what is signed.
 */
const header = object({
  alg: string({ minLength: 1, maxLength: 32 }),
  kid: optional(string({ minLength: 1, maxLength: 255 })),
  typ: optional(string({ maxLength: 255 })),
});

export type TokenHeader = Parsed<typeof header>;

export interface CompactToken {
  readonly text: string;
  readonly header: TokenHeader;
  readonly payload: JsonObject;
}

/**
 * Parses without verifying.
 * @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED for another number of parts, base64url that is not canonical, JSON that is not
 * strict (duplicate members, which jose accepts) and an unknown header member.
 */
export function parseCompact(text: string): CompactToken {
  if (text.length > MAX_TOKEN_LENGTH) {
    throw new JoineryError('ERR_TOKEN_TOO_LARGE', `token: expected at most ${MAX_TOKEN_LENGTH} characters, found ${text.length}`);
  }
  const parts = text.split('.');
  if (parts.length !== 3) {
    throw new JoineryError('ERR_TOKEN_MALFORMED', `token: expected 3 parts between dots, found ${parts.length}`, {
      hint: 'joinery token explain tells which kind of token a text is',
    });
  }
  const [protectedHeader, payload, signature] = parts as [string, string, string];
  return asMalformed(() => {
    fromBase64Url(signature, 'token signature');
    return {
      text,
      header: parseDocument(header, readPart(protectedHeader, 'token header'), 'token header'),
      payload: readPart(payload, 'token payload'),
    };
  });
}

function readPart(part: string, what: string): JsonObject {
  const value = parseStrictJson(decodeUtf8(fromBase64Url(part, what), what), what, { maxDepth: 8 });
  if (!isJsonObject(value)) throw new JoineryError('ERR_TOKEN_MALFORMED', `${what}: expected an object, found another value`);
  return value;
}

/** Gives every error of the general parsers, which throw no other kind, the token's own code, so that one condition has one code. */
function asMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { message, details } = error as JoineryError;
    throw new JoineryError('ERR_TOKEN_MALFORMED', message, { details });
  }
}

/** Signs claims as a compact token: header and payload are RFC 8785 bytes, so that equal claims give equal signing input. */
export async function signClaims(signer: TokenSigner, claims: TokenClaims): Promise<string> {
  const signingInput = `${encodeHeader(signer)}.${toBase64Url(canonicalBytes({ ...claims } as JsonObject))}`;
  return `${signingInput}.${toBase64Url(await signer.sign(utf8(signingInput)))}`;
}

/** The first part of every token of a signer. */
export function encodeHeader(signer: Pick<TokenSigner, 'algorithm' | 'kid'>): string {
  return toBase64Url(canonicalBytes({ alg: signer.algorithm, kid: signer.kid, typ: TOKEN_TYPE }));
}
