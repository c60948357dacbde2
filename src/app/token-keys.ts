/** The realm's token signing keys: one record holds them all, so that which one signs changes in one step. */
import type { JsonObject } from '../core/canonical-json.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { type JoseAlgorithm, jwkThumbprint, publicJwk, publicJwkParser } from '../core/jwk.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../core/parse.ts';
import { type Custody, KEY_TYPES } from '../core/key-ports.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import type { Instant, Seconds } from '../core/time.ts';
import { DEFAULT_MAX_TOKEN_LIFETIME } from '../core/token/claims.ts';
import { jwksOf } from '../core/token/jwks.ts';
import { KEY_TYPE_OF_ALGORITHM, signerOf, type TokenSigner, type VerificationKey, verificationKeyOf } from '../core/token/signer.ts';
import { CLOCK_SKEW } from '../core/token/use.ts';
import type { KeyMaterial } from './key-material.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

const KEYS = 'token/keys';

const tokenKey = object({
  kid: string({ maxLength: 43 }),
  algorithm: oneOf(['ES256', 'ES384', 'EdDSA']),
  jwk: publicJwkParser,
  reference: object({ custody: oneOf(['offline', 'online']), file: string({ maxLength: 1024 }), type: oneOf(KEY_TYPES) }),
  created_at: integer(),
  /** When another key began to sign in its place. */
  retired_at: optional(integer()),
  /** When it was said to have leaked: from then on it verifies nothing. */
  compromised_at: optional(integer()),
});

const tokenKeys = object({ schema: oneOf(['joinery/token-keys/1']), active: string({ maxLength: 43 }), keys: array(tokenKey) });

type TokenKeys = Parsed<typeof tokenKeys>;
type TokenKey = TokenKeys['keys'][number];

/** `active` signs; `standby` is published and may sign later; `retiring` verifies until the last token that it signed has expired. */
export type TokenKeyState = 'active' | 'standby' | 'retiring' | 'retired';

export interface TokenKeyInfo {
  readonly kid: string;
  readonly algorithm: JoseAlgorithm;
  readonly custody: Custody;
  readonly state: TokenKeyState;
  readonly createdAt: Instant;
  /** Of a retired key: from then on it verifies nothing. */
  readonly verifiesUntil?: Instant;
}

export interface TokenKeyRequest {
  /** Default ES256. */
  readonly algorithm?: JoseAlgorithm;
  /** Default offline: online only if a server mints tokens. */
  readonly custody?: Custody;
  /** The key before leaked: it, and those before it, verify nothing from now on. Honest tokens by them are refused, too. */
  readonly compromised?: boolean;
}

/** What a realm is made of before its store exists. */
type RealmParts = Pick<Realm, 'vault' | 'clock' | 'config' | 'caller'>;

export interface NewTokenKey extends KeyMaterial {
  readonly kid: string;
}

interface Known {
  readonly keys: TokenKeys;
  readonly version: number | 'absent';
}

/** What a realm without keys has. */
const NONE: Known = { keys: { schema: 'joinery/token-keys/1', active: '', keys: [] }, version: 'absent' };

/** The issuer that the realm's tokens name (RFC 7519 section 4.1.1): the domain of its environment. */
export function issuerOf(config: RealmConfig): string {
  return config.environment.domain;
}

export function maxTokenLifetime(config: RealmConfig): Seconds {
  return (config.token?.max_lifetime ?? DEFAULT_MAX_TOKEN_LIFETIME) as Seconds;
}

/** Makes the first token signing key of a realm, for `init` to include in its one commit. */
export async function firstTokenKey(realm: RealmParts, request: TokenKeyRequest = {}): Promise<NewTokenKey> {
  return prepare(realm, request, NONE, true);
}

/** Adds a key: the first one signs, a later one stands by until {@link rotateTokenKey} names it. @throws ERR_STORE_CONFLICT and the vault's. */
export async function createTokenKey(realm: Realm, request: TokenKeyRequest): Promise<TokenKeyInfo> {
  return add(realm, request, false);
}

/**
 * Changes the key that signs; the one before goes on verifying until its last token has expired, unless it leaked.
 * @param kid of a standby key; absent: a new key is made, by default of the algorithm and custody of the one before.
 * @throws ERR_TOKEN_KEY_NOT_FOUND, ERR_STORE_CONFLICT and the vault's.
 */
export async function rotateTokenKey(realm: Realm, request: TokenKeyRequest & { readonly kid?: string }): Promise<TokenKeyInfo> {
  const { kid } = request;
  if (kid === undefined) return add(realm, request, true);
  const { keys, version } = await readKeys(realm);
  if (stateOf(realm, keys, findKey(keys, kid)) !== 'standby') throw noKey(kid, 'a standby key');
  const next = activate(keys, kid, realm.clock.now(), request);
  await commit(realm.store, {
    checks: [{ key: KEYS, version }],
    writes: [{ key: KEYS, value: next as unknown as JsonObject }],
    audit: [
      auditEvent(realm, { event: 'token.key_activate', subject: kid, details: { replaces: keys.active, ...compromisedOf(request) } }),
    ],
  });
  return infoOf(realm, next, kid);
}

async function add(realm: Realm, request: TokenKeyRequest, signs: boolean): Promise<TokenKeyInfo> {
  const known = await readKeys(realm);
  const prepared = await prepare(realm, request, known, signs);
  try {
    await commit(realm.store, { checks: [{ key: KEYS, version: known.version }], writes: prepared.writes, audit: prepared.audit });
  } catch (error) {
    // Only a conflict says for certain that no record points at the file; a left-over file does no harm.
    if (isJoineryError(error, 'ERR_STORE_CONFLICT')) for (const reference of prepared.references) await realm.vault.discard(reference);
    throw error;
  }
  return infoOf(realm, (await readKeys(realm)).keys, prepared.kid);
}

async function prepare(realm: RealmParts, request: TokenKeyRequest, known: Known, signs: boolean): Promise<NewTokenKey> {
  const before = known.keys.keys.find((entry) => entry.kid === known.keys.active);
  const { algorithm = before?.algorithm ?? 'ES256', custody = before?.reference.custody ?? 'offline' } = request;
  const { reference, key } = await realm.vault.generate({
    name: `token-${algorithm.toLowerCase()}`,
    type: KEY_TYPE_OF_ALGORITHM[algorithm],
    custody,
  });
  const jwk = publicJwk(key.spki);
  const kid = jwkThumbprint(jwk);
  const now = realm.clock.now();
  const entry: TokenKey = { kid, algorithm, jwk, reference, created_at: now };
  const all: TokenKeys = { ...known.keys, keys: [...known.keys.keys, entry] };
  const value = signs || before === undefined ? activate(all, kid, now, request) : all;
  const details: JsonObject = { algorithm, custody, state: value.active === kid ? 'active' : 'standby', ...compromisedOf(request) };
  return {
    kid,
    writes: [{ key: KEYS, value: value as unknown as JsonObject }],
    audit: [auditEvent(realm, { event: 'token.key', subject: kid, details })],
    references: [reference],
  };
}

function compromisedOf({ compromised }: TokenKeyRequest): JsonObject {
  return compromised === true ? { compromised } : {};
}

function activate(keys: TokenKeys, kid: string, now: Instant, { compromised }: TokenKeyRequest): TokenKeys {
  const retire = (entry: TokenKey): TokenKey => (entry.kid === keys.active && entry.kid !== kid ? { ...entry, retired_at: now } : entry);
  const close = (entry: TokenKey): TokenKey =>
    compromised === true && entry.retired_at !== undefined ? { ...entry, compromised_at: entry.compromised_at ?? now } : entry;
  return { ...keys, active: kid, keys: keys.keys.map(retire).map(close) };
}

/** @returns the keys in the order of their creation. */
export async function listTokenKeys(realm: Realm): Promise<readonly TokenKeyInfo[]> {
  const { keys } = await readKeys(realm);
  return keys.keys.map((entry) => infoOf(realm, keys, entry.kid));
}

/** The JWK set that verifiers elsewhere need: every key that may have signed, or may soon sign, a token that lives. */
export async function exportTokenKeys(realm: Realm): Promise<JsonObject> {
  return jwksOf((await livingKeys(realm)).map((entry) => entry.jwk));
}

export async function verificationKeys(realm: Realm): Promise<readonly VerificationKey[]> {
  return (await livingKeys(realm)).map((entry) => verificationKeyOf(entry.jwk, entry.kid));
}

/**
 * Opens the key that signs, which asks for its passphrase.
 * @param kid another key than the active one, of state standby.
 * @throws ERR_TOKEN_KEY_NOT_FOUND and the vault's.
 */
export async function openTokenSigner(realm: Realm, kid?: string): Promise<TokenSigner> {
  const { keys } = await readKeys(realm);
  const entry = findKey(keys, kid ?? keys.active);
  if (!['active', 'standby'].includes(stateOf(realm, keys, entry))) throw noKey(entry.kid, 'a key that is not retired');
  return signerOf(await realm.vault.open(entry.reference));
}

async function livingKeys(realm: Realm): Promise<readonly TokenKey[]> {
  const { keys } = await readKeys(realm);
  return keys.keys.filter((entry) => stateOf(realm, keys, entry) !== 'retired');
}

async function readKeys({ store }: Realm): Promise<Known> {
  const stored = await store.get(KEYS);
  if (stored === undefined) return NONE;
  return { keys: parseDocument(tokenKeys, stored.value, 'state.db, token keys', 'ERR_REALM_MALFORMED'), version: stored.version };
}

function findKey(keys: TokenKeys, kid: string): TokenKey {
  const entry = keys.keys.find((candidate) => candidate.kid === kid);
  if (entry === undefined) throw noKey(kid, 'a token signing key of this realm');
  return entry;
}

function noKey(kid: string, expected: string): JoineryError {
  return new JoineryError(
    'ERR_TOKEN_KEY_NOT_FOUND',
    `token keys: expected ${expected}, found none${kid === '' ? '' : ` for ${kid.slice(0, 64)}`}`,
    {
      hint: kid === '' ? 'make one: joinery token keys create' : 'see joinery token keys list',
    },
  );
}

function stateOf(realm: RealmParts, keys: TokenKeys, entry: TokenKey): TokenKeyState {
  if (entry.kid === keys.active) return 'active';
  if (entry.retired_at === undefined) return 'standby';
  return realm.clock.now() < verifiesUntil(realm, entry as Retired) ? 'retiring' : 'retired';
}

type Retired = TokenKey & { readonly retired_at: number };

/** A token of the last second before the change may live this long. */
function verifiesUntil(realm: RealmParts, { retired_at: retiredAt, compromised_at: leaked }: Retired): Instant {
  return (leaked ?? retiredAt + maxTokenLifetime(realm.config) + CLOCK_SKEW) as Instant;
}

function infoOf(realm: RealmParts, keys: TokenKeys, kid: string): TokenKeyInfo {
  const entry = findKey(keys, kid);
  return {
    kid,
    algorithm: entry.algorithm,
    custody: entry.reference.custody,
    state: stateOf(realm, keys, entry),
    createdAt: entry.created_at as Instant,
    ...(entry.retired_at !== undefined && { verifiesUntil: verifiesUntil(realm, entry as Retired) }),
  };
}
