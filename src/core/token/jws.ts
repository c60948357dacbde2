/** Verifies the signature of any JWS (RFC 7515), and nothing else: what the payload says is the caller's affair. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { decodeUtf8, fromBase64Url } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifyJws } from '../key-ports.ts';
import type { AnyVerificationKey, JwsAlgorithm } from './jws-keys.ts';

const MAX_LENGTH = 1024 * 1024;
const MAX_SIGNATURES = 16;

export interface JwsRules {
  readonly keys: readonly AnyVerificationKey[];
  /** The allow-list. */
  readonly algorithms: readonly JwsAlgorithm[];
  readonly verifyJws: VerifyJws;
}

export interface VerifiedJws {
  readonly algorithm: JwsAlgorithm;
  readonly header: JsonObject;
  readonly payload: Uint8Array;
}

interface Signature {
  /** The compact form of this signature. */
  readonly compact: string;
  readonly header: JsonObject;
  /** `kid` of the protected header, or of the unprotected one: it only ever selects. */
  readonly kid: JsonValue | undefined;
}

/**
 * Takes the compact, the flattened and the general serialization; in the general one every signature must hold, as a reader cannot
 * know which of them an application means. `alg` counts in the protected header only; `crit` names extensions, and none is known here.
 * @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED, ERR_TOKEN_ALGORITHM, ERR_TOKEN_KEY_UNKNOWN, ERR_TOKEN_SIGNATURE
 */
export async function verifyAnyJws(text: string, rules: JwsRules): Promise<VerifiedJws> {
  if (text.length > MAX_LENGTH)
    throw new JoineryError('ERR_TOKEN_TOO_LARGE', `JWS: expected at most ${MAX_LENGTH} characters, found ${text.length}`);
  const signatures = asMalformed(() => (text.trimStart().startsWith('{') ? readJson(text) : [readCompact(text, undefined)]));
  const verified: VerifiedJws[] = [];
  for (const signature of signatures) verified.push(await verifyOne(signature, rules));
  return verified[0] as VerifiedJws;
}

async function verifyOne({ compact, header, kid }: Signature, rules: JwsRules): Promise<VerifiedJws> {
  const algorithm = rules.algorithms.find((allowed) => allowed === header['alg']);
  if (algorithm === undefined) {
    throw new JoineryError(
      'ERR_TOKEN_ALGORITHM',
      `JWS header alg: expected ${rules.algorithms.join(' or ')}, found ${JSON.stringify(header['alg'] ?? null).slice(0, 40)}`,
    );
  }
  const fitting = rules.keys.filter(
    (key) => key.algorithms.includes(algorithm) && (kid === undefined || key.kid === undefined || key.kid === kid),
  );
  if (fitting.length === 0) {
    throw new JoineryError(
      'ERR_TOKEN_KEY_UNKNOWN',
      `JWS: expected a key for ${algorithm}${kid === undefined ? '' : ' with the kid of its header'}, found none`,
    );
  }
  for (const key of fitting) {
    if (await rules.verifyJws(compact, key.material, algorithm))
      return { algorithm, header, payload: fromBase64Url(compact.split('.')[1] as string) };
  }
  throw new JoineryError('ERR_TOKEN_SIGNATURE', 'JWS: expected a signature that holds under a given key, found none');
}

function readCompact(text: string, unprotected: JsonObject | undefined): Signature {
  const parts = text.split('.');
  if (parts.length !== 3) throw malformed(`3 parts between dots, found ${parts.length}`);
  const [encodedHeader, payload, signature] = parts as [string, string, string];
  fromBase64Url(payload, 'JWS payload');
  fromBase64Url(signature, 'JWS signature');
  const header = parseStrictJson(decodeUtf8(fromBase64Url(encodedHeader, 'JWS header'), 'JWS header'), 'JWS header', { maxDepth: 16 });
  if (!isJsonObject(header)) throw malformed('a header that is an object');
  checkHeaders(header, unprotected ?? {});
  return { compact: text, header, kid: header['kid'] ?? unprotected?.['kid'] };
}

function checkHeaders(header: JsonObject, unprotected: JsonObject): void {
  for (const member of ['crit', 'b64']) {
    if (header[member] !== undefined || unprotected[member] !== undefined)
      throw malformed(`a header without ${member}, whose extensions are not known here`);
  }
  // RFC 7515 section 4: the names in the two headers are disjoint.
  if (unprotected['alg'] !== undefined || Object.keys(unprotected).some((member) => Object.hasOwn(header, member))) {
    throw malformed('alg in the protected header, and each header member once');
  }
}

/** RFC 7515 section 7.2, each signature brought into its compact form. */
function readJson(text: string): readonly Signature[] {
  const document = parseStrictJson(text, 'JWS', { maxDepth: 16 });
  const { payload, signatures, ...flattened } = document as JsonObject;
  if (typeof payload !== 'string') throw malformed('a payload in base64url');
  if (signatures === undefined) return [readMember(flattened as JsonObject, payload)];
  const general = isJsonArray(signatures as JsonValue) ? (signatures as readonly JsonValue[]) : [];
  const mixed = ['protected', 'header', 'signature'].some((member) => Object.hasOwn(flattened, member));
  if (general.length === 0 || general.length > MAX_SIGNATURES || mixed) {
    throw malformed(`1 to ${MAX_SIGNATURES} signatures, or the members of one`);
  }
  return general.map((member) => readMember(isJsonObject(member) ? member : {}, payload));
}

function readMember(member: JsonObject, payload: string): Signature {
  const { protected: protectedHeader, header, signature } = member;
  if (typeof protectedHeader !== 'string' || typeof signature !== 'string' || (header !== undefined && !isJsonObject(header))) {
    throw malformed('a protected header, a signature, and perhaps a header, in each signature');
  }
  return readCompact(`${protectedHeader}.${payload}.${signature}`, header);
}

function malformed(expected: string): JoineryError {
  return new JoineryError('ERR_TOKEN_MALFORMED', `JWS: expected ${expected}`);
}

/** Gives every error of the general parsers the code of a malformed token. */
function asMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { message, details } = error as JoineryError;
    throw new JoineryError('ERR_TOKEN_MALFORMED', message, { details });
  }
}
