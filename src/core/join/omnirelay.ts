/** The messages of OmniRelay's bootstrap endpoint, `POST /omnirelay/bootstrap/join`: its member names, its texts, its status codes. */
import { isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { ERRORS, type ErrorCode, isJoineryError } from '../errors.ts';
import { formatInstant, type Instant } from '../time.ts';
import { OMNIRELAY_FAILURES } from '../token/omnirelay.ts';

/** What of a request counts here: its role, labels and claims are the caller's own word, and its service only logged another role. */
export interface OmnirelayRequest {
  readonly token: string;
  readonly nodeId?: string;
}

export interface OmnirelayReply {
  readonly clusterId: string;
  readonly role: string;
  readonly identity: string;
  readonly identityProvider: string;
  /** PKCS #12 in base64. */
  readonly certificateData: string;
  readonly certificatePassword: string;
  /** Anchors of node-cert-lifecycle in PEM. */
  readonly trustBundleData: string;
  readonly seedPeers: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly issuedAt: string;
  readonly renewAfter: string;
  readonly expiresAt: string;
  /** Id of the token without dashes. */
  readonly auditId: string;
}

/** The body of a refusal. */
export interface OmnirelayProblem {
  readonly status: number;
  readonly body: { readonly code: string; readonly message: string };
}

/**
 * Members are named without regard to case and unknown ones skipped, as the service's own reader does. What is no object, or has a
 * token that is no text, is a request without a token.
 */
export function readOmnirelayRequest(value: JsonValue): OmnirelayRequest {
  const members: JsonObject = isJsonObject(value) ? value : {};
  const text = (wanted: string): string => {
    const [, found] = Object.entries(members).find(([name]) => name.toLowerCase() === wanted) ?? [];
    return typeof found === 'string' ? found.trim() : '';
  };
  const [token, nodeId] = [text('token'), text('nodeid')];
  return nodeId === '' ? { token } : { token, nodeId };
}

/** An instant as .NET writes a DateTimeOffset. */
export function omnirelayTime(at: Instant): string {
  return formatInstant(at).replace('Z', '+00:00');
}

export const MISSING_TOKEN = 'A join token must be supplied.';
const VALIDATION = 'error.validation';

const TEXTS: Readonly<Partial<Record<ErrorCode, string>>> = {
  ERR_TOKEN_TOO_LARGE: OMNIRELAY_FAILURES.format,
  ERR_TOKEN_MALFORMED: OMNIRELAY_FAILURES.format,
  ERR_JOIN_FORMAT: OMNIRELAY_FAILURES.format,
  ERR_TOKEN_SIGNATURE: OMNIRELAY_FAILURES.signature,
  ERR_TOKEN_CLAIMS: OMNIRELAY_FAILURES.payload,
  ERR_TOKEN_ISSUER: OMNIRELAY_FAILURES.issuer,
  ERR_TOKEN_EXPIRED: OMNIRELAY_FAILURES.expired,
  ERR_TOKEN_LIFETIME: OMNIRELAY_FAILURES.expired,
  ERR_TOKEN_ISSUED_LATER: OMNIRELAY_FAILURES.early,
  ERR_TOKEN_NOT_YET_VALID: OMNIRELAY_FAILURES.early,
  ERR_TOKEN_AUDIENCE: OMNIRELAY_FAILURES.cluster,
  ERR_CLUSTER_UNKNOWN: OMNIRELAY_FAILURES.cluster,
  ERR_TOKEN_REPLAYED: OMNIRELAY_FAILURES.consumed,
  ERR_TOKEN_EXHAUSTED: OMNIRELAY_FAILURES.consumed,
  ERR_TOKEN_REVOKED: OMNIRELAY_FAILURES.consumed,
  ERR_TOKEN_SUPERSEDED: OMNIRELAY_FAILURES.consumed,
};

/** Status and body of an error, as its clients know them; 429 is joinery's own. */
export function omnirelayProblem(error: unknown): OmnirelayProblem {
  // Its service tells everybody why; a caller of this endpoint is told no less.
  const cause = isJoineryError(error, 'ERR_JOIN_UNAUTHENTICATED') ? error.cause : error;
  if (!isJoineryError(cause)) return failed();
  const { http } = ERRORS[cause.code];
  if (cause.code === 'ERR_INTERRUPTED') return { status: 499, body: { code: 'error.canceled', message: 'The request was canceled.' } };
  if (http === 504 || http === 408) return { status: 504, body: { code: 'error.timeout', message: 'The request timed out.' } };
  if (http >= 500) return failed();
  const { failure } = cause.details;
  const message = typeof failure === 'string' ? failure : (TEXTS[cause.code] ?? cause.message);
  return { status: http === 429 ? 429 : 400, body: { code: VALIDATION, message } };
}

function failed(): OmnirelayProblem {
  return { status: 500, body: { code: 'bootstrap.join.bundle_failed', message: 'Unable to create bootstrap bundle.' } };
}
