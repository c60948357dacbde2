import type { JsonObject } from '../core/canonical-json.ts';
import { digestOfText, parseDigest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { uuidV4 } from '../core/names.ts';
import { integer, object, parseDocument, string } from '../core/parse.ts';
import type { Commit, StoreCheck, StoreWrite } from '../core/ports.ts';
import { assertRole, clusterOf } from '../core/realm/config.ts';
import { Secret } from '../core/secret.ts';
import type { TokenClaims } from '../core/token/claims.ts';
import { parseCompact, signClaims } from '../core/token/jwt.ts';
import { buildClaims, type TokenRequest, type TrustDigests } from '../core/token/mint.ts';
import type { TokenAlgorithm, TokenSigner } from '../core/token/signer.ts';
import { auditEvent, type AuditInput, commit, type Realm } from './realm.ts';
import { issuerOf, maxTokenLifetime, openTokenSigner } from './token-keys.ts';
import { moveClockMark, tokenRecordKey } from './token-state.ts';

export interface MintTokenInput extends Omit<TokenRequest, 'trust'> {
  /** Another signing key than the active one: a standby key's kid. */
  readonly kid?: string;
  /** Signs instead of the realm's key: an HMAC key, which the realm does not keep. */
  readonly signer?: TokenSigner;
}

export interface MintTokenResult {
  readonly token: Secret;
  readonly claims: TokenClaims;
  readonly algorithm: TokenAlgorithm;
  readonly kid?: string;
}

/**
 * Mints a `jwt` join token: checks cluster, roles and times, signs, and registers its claims (never the token) with the audit
 * record in one commit. The passphrase is asked for last, when nothing else can be wrong.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_TOKEN_ENVIRONMENT, ERR_INPUT_MALFORMED, ERR_TOKEN_LIFETIME, ERR_TOKEN_TOO_LARGE,
 * ERR_CLOCK_BEHIND, ERR_TOKEN_KEY_NOT_FOUND and the vault's.
 */
export async function mintToken(realm: Realm, input: MintTokenInput): Promise<MintTokenResult> {
  const { result, change } = await prepareToken(realm, input);
  await commit(realm.store, change);
  return result;
}

/** {@link mintToken} up to its commit, for a use case that changes more in the same commit. */
export async function prepareToken(
  realm: Realm,
  input: MintTokenInput,
): Promise<{ readonly result: MintTokenResult; readonly change: Commit }> {
  const { claims, signer, marks } = await prepareTemplate(realm, input);
  const text = await signClaims(signer, claims);
  parseCompact(text);
  const { algorithm, kid } = signer;
  const { check, write, audit } = registration(claims, text, signer);
  return {
    result: { token: new Secret(text), claims, algorithm, ...(kid !== undefined && { kid }) },
    change: { checks: [check], writes: [write, ...marks], audit: [auditEvent(realm, audit)] },
  };
}

export interface Template {
  readonly claims: TokenClaims;
  readonly signer: TokenSigner;
  readonly marks: readonly StoreWrite[];
}

/** Checks what is asked for, and last opens the key. */
export async function prepareTemplate(realm: Realm, input: MintTokenInput): Promise<Template> {
  const { config, store, clock, random } = realm;
  checkMintNames(realm, input);
  const now = clock.now();
  const claims = buildClaims(
    { ...input, environment: config.environment.name, trust: await activeTrust(realm) },
    { issuer: issuerOf(config), id: uuidV4(random), now, maxLifetime: maxTokenLifetime(config) },
  );
  const marks = await moveClockMark(store, now);
  return { claims, signer: input.signer ?? (await openTokenSigner(realm, input.kid)), marks };
}

/** The record and the audit event of a token. */
export function registration(
  claims: TokenClaims,
  text: string,
  signer: TokenSigner,
): { readonly check: StoreCheck; readonly write: StoreWrite; readonly audit: AuditInput } {
  const { algorithm, kid } = signer;
  const key = tokenRecordKey({ format: 'jwt', id: claims.jti });
  return {
    check: { key, version: 'absent' },
    write: { key, value: { schema: 'joinery/token/1', format: 'jwt', algorithm, kid, claims: { ...claims } } },
    audit: { event: 'token.mint', subject: claims.jti, details: auditDetails(claims, text, signer) },
  };
}

/** @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_TOKEN_ENVIRONMENT */
export function checkMintNames({ config }: Realm, input: Pick<TokenRequest, 'clusters' | 'role' | 'environment'>): void {
  for (const cluster of input.clusters) assertRole(clusterOf(config, cluster), input.role);
  const { name } = config.environment;
  if (input.environment !== undefined && input.environment !== name) {
    throw new JoineryError('ERR_TOKEN_ENVIRONMENT', `--environment: expected ${name}, which this realm is for, found ${input.environment}`);
  }
}

/** What the token grants, and the digest by which a found copy can be told; not the token. */
function auditDetails(claims: TokenClaims, text: string, { algorithm, kid }: TokenSigner): JsonObject {
  const { aud, role, nbf, exp, max_uses, env, node, allow_reentry, labels, cnf } = claims;
  return {
    aud,
    role,
    nbf,
    exp,
    max_uses,
    env,
    node,
    allow_reentry,
    labels,
    cnf,
    algorithm,
    kid,
    sha256: digestOfText(text),
  } as JsonObject;
}

const activeManifest = object({ version: integer(1), digest: string({ maxLength: 64 }) });

/** The digests of the manifests that a node of this token is to start its trust from (FORMATS 2, first trust). */
async function activeTrust({ store }: Realm): Promise<TrustDigests> {
  const digests: Record<string, string> = {};
  for (const purpose of ['control-plane-https', 'node-cert-lifecycle']) {
    const key = `trust/${purpose}/active`;
    const active = await store.get(key);
    if (active === undefined) continue;
    const { digest } = parseDocument(activeManifest, active.value, `state.db, ${key}`, 'ERR_REALM_MALFORMED');
    digests[purpose] = parseDigest(digest, `state.db, ${key}: digest`);
  }
  return digests as TrustDigests;
}
