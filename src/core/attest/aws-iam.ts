/**
 * `aws-iam`: a GetCallerIdentity request that the node has signed, and that this server sends to STS: what AWS answers is who signed it.
 * Signed with it are a nonce of this server and the key of the CSR, so that a request that was made for somebody else, or is sent on by
 * somebody else, is worth nothing here.
 */
import { isJsonObject, type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { pinOf } from '../digest.ts';
import { decodeUtf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { object, type Parsed, type Parser, record, refine, string } from '../parse.ts';
import type { Instant } from '../time.ts';
import { CHALLENGE_HEADER, KEY_HEADER, STS_BODY } from './aws-signature.ts';
import type { AttestationContext, Attestor, HttpsFetch } from './context.ts';
import { assertChallenge, assertFresh, challengeUse, instantOf, quoted, readEvidence, refuse } from './evidence.ts';

export interface AwsIamOptions {
  readonly name: string;
  /** Hosts of STS, perhaps with a port. */
  readonly endpoints: readonly string[];
  readonly accounts: readonly string[];
  readonly fetch: HttpsFetch;
  /** PEM; default: the anchors of the system. */
  readonly anchors?: string | undefined;
  /** Seconds; default 5 min. */
  readonly maxAge?: number | undefined;
}

const DEFAULT_MAX_AGE = 300;
const MAX_REPLY = 16 * 1024;

/** What is sent on: nothing that a node names could reach STS otherwise. */
const HEADERS = ['authorization', 'content-type', 'x-amz-date', 'x-amz-security-token', CHALLENGE_HEADER, KEY_HEADER];
const MUST_BE_SIGNED = ['host', 'x-amz-date', CHALLENGE_HEADER, KEY_HEADER];

const headers: Parser<Readonly<Record<string, string>>> = refine(
  record(string({ minLength: 1, maxLength: 8192, pattern: /^[\x20-\x7e]+$/, describe: 'printable ASCII' }), { maxMembers: HEADERS.length }),
  (value) => {
    const unknown = Object.keys(value).find((name) => !HEADERS.includes(name));
    return unknown === undefined ? { value } : { issue: `expected headers among ${HEADERS.join(', ')}, found ${quoted(unknown)}` };
  },
);

const evidenceParser = object({ host: string({ minLength: 1, maxLength: 260 }), headers });

/** Claims: account_id, arn, user_id, and of a role (or user) its name: `role`, `session`, `user`. */
export function awsIamAttestor(options: AwsIamOptions): Attestor {
  const { name, maxAge = DEFAULT_MAX_AGE } = options;
  return {
    attest: async (given, context) => {
      const evidence = readEvidence(evidenceParser, given);
      if (!options.endpoints.includes(evidence.host)) throw refuse('host', options.endpoints.join(' or '), quoted(evidence.host));
      const issuedAt = assertSignedParts(evidence.headers, context, maxAge);
      const identity = await callerIdentity(options, evidence);
      const { account_id: account } = identity;
      if (!options.accounts.includes(account)) throw refuse('account', 'one that is configured', quoted(account));
      return { provider: name, claims: identity, issuedAt, ...challengeUse(evidence.headers[CHALLENGE_HEADER] as string, context.now) };
    },
  };
}

/** What STS will find signed must be what was asked for here. */
function assertSignedParts(given: Readonly<Record<string, string>>, context: AttestationContext, maxAge: number): Instant {
  const { scope, names } = readAuthorization(given['authorization'] ?? '');
  const unsigned = MUST_BE_SIGNED.find((name) => !names.includes(name));
  if (unsigned !== undefined) throw refuse('SignedHeaders', `${unsigned} among them`, names.join(';').slice(0, 200));
  const absent = names.find((name) => name !== 'host' && !Object.hasOwn(given, name));
  if (absent !== undefined) throw refuse('headers', `${quoted(absent)}, which is signed`, 'none');
  const pin = pinOf(context.csrSpki);
  if (given[KEY_HEADER] !== pin) throw refuse(KEY_HEADER, 'the key in the csr', 'another');
  assertChallenge(given[CHALLENGE_HEADER] as string, context);
  const issuedAt = dateOf(given['x-amz-date'] as string);
  if (!scope.startsWith((given['x-amz-date'] as string).slice(0, 8))) throw refuse('authorization', 'the day of x-amz-date', 'another');
  assertFresh('x-amz-date', issuedAt, context.now, maxAge);
  return issuedAt;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[A-Z0-9]{16,128}\/(\d{8}\/[a-z0-9-]{1,40}\/sts\/aws4_request), ?SignedHeaders=([a-z0-9;-]{1,1000}), ?Signature=[0-9a-f]{64}$/;

function readAuthorization(text: string): { readonly scope: string; readonly names: readonly string[] } {
  const match = AUTHORIZATION.exec(text);
  if (match === null)
    throw refuse('authorization', 'AWS4-HMAC-SHA256 for sts with Credential, SignedHeaders and Signature', 'another form');
  const [, scope, names] = match as unknown as [string, string, string];
  return { scope, names: names.split(';') };
}

function dateOf(text: string): Instant {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  return instantOf(year === undefined ? text : `${year}-${month}-${day}T${hour}:${minute}:${second}Z`, 'x-amz-date');
}

type Evidence = Parsed<typeof evidenceParser>;

async function callerIdentity({ fetch, anchors }: AwsIamOptions, { host, headers: given }: Evidence) {
  const { status, body } = await fetch({
    method: 'POST',
    url: `https://${host}/`,
    headers: { ...given, accept: 'application/json' },
    body: STS_BODY,
    anchors,
    maxBytes: MAX_REPLY,
  });
  if (status >= 500 || status === 429) throw unavailable(host, `status ${status}`);
  if (status !== 200) throw refuse('authorization', `a signature that ${host} accepts`, `its status ${status}`);
  return identityOf(readReply(host, body), host);
}

function readReply(host: string, body: Uint8Array): JsonObject {
  try {
    const reply = parseStrictJson(decodeUtf8(body, host), host, { maxLength: MAX_REPLY, maxDepth: 8 });
    return memberOf(memberOf(reply as JsonObject, 'GetCallerIdentityResponse'), 'GetCallerIdentityResult');
  } catch (cause) {
    throw unavailable(host, 'another reply', cause);
  }
}

function memberOf(value: JsonObject, member: string): JsonObject {
  const found = value[member];
  return isJsonObject(found) ? found : {};
}

function identityOf(result: JsonObject, host: string) {
  const [arn, user, account] = ['Arn', 'UserId', 'Account'].map((member) => result[member]);
  const parts = typeof arn === 'string' ? /^arn:[a-z0-9-]+:(?:iam|sts)::(\d{12}):(.+)$/.exec(arn) : null;
  if (parts === null || typeof user !== 'string' || parts[1] !== account) throw unavailable(host, 'another reply');
  return { account_id: account as string, arn: arn as string, user_id: user, ...resourceClaims(parts[2] as string) };
}

/** `assumed-role/NAME/SESSION`, `user/PATH/NAME`. */
function resourceClaims(resource: string): Readonly<Record<string, string>> {
  const [kind, ...path] = resource.split('/');
  if (kind === 'assumed-role' && path.length === 2) return { role: path[0] as string, session: path[1] as string };
  return kind === 'user' && path.length > 0 ? { user: path.at(-1) as string } : {};
}

function unavailable(host: string, found: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_ATTESTATION_UNAVAILABLE', `${host}: expected the identity of a caller, found ${found}`, { cause });
}
