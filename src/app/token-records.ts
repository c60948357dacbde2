/** The register of the tokens that a realm has minted: what each grants, never the token itself. */
import type { JsonObject, JsonValue } from '../core/canonical-json.ts';
import { isJsonObject } from '../core/canonical-json.ts';
import {
  array,
  boolean,
  integer,
  object,
  oneOf,
  optional,
  type Parsed,
  parseDocument,
  type Parser,
  record,
  string,
} from '../core/parse.ts';
import type { Store, StoreEntry, StoreWrite } from '../core/ports.ts';
import type { Instant } from '../core/time.ts';
import { type TokenClaims, tokenClaims } from '../core/token/claims.ts';
import { type Grant, grantOfClaims, TOKEN_FORMATS, type TokenFormat } from '../core/token/grant.ts';
import { tokenRecordKey } from './token-state.ts';

const text = string({ maxLength: 255 });

/** null stands for "never" and "without limit". */
const integerOrNull: Parser<number | null> = {
  schema: { type: ['integer', 'null'] },
  read: (value, path, issues) => (value === null ? null : integer().read(value, path, issues)),
};

const signed = object({
  schema: oneOf(['joinery/token/1']),
  format: oneOf(['jwt']),
  algorithm: text,
  kid: optional(text),
  claims: tokenClaims,
});

const granted = object({
  schema: oneOf(['joinery/token/1']),
  format: oneOf(['secure', 'omnirelay', 'k3s', 'kubeadm']),
  issuer: text,
  id: text,
  clusters: array(text),
  role: text,
  environment: optional(text),
  node: optional(text),
  allow_reentry: boolean(),
  labels: record(text),
  key_thumbprint: optional(text),
  issued_at: integer(),
  not_before: integer(),
  expires_at: integerOrNull,
  max_uses: integerOrNull,
  /** Of the token's whole text. */
  sha256: string({ maxLength: 64 }),
});

export interface StoredToken {
  readonly grant: Grant;
  /** Of a `jwt` token. */
  readonly claims?: TokenClaims;
  /** SHA-256 of the text of a token whose secret the realm generated. */
  readonly sha256?: string;
}

function readStored(entry: StoreEntry): StoredToken {
  const what = `state.db, ${entry.key}`;
  if (isJsonObject(entry.value) && entry.value['format'] === 'jwt') {
    const { claims } = parseDocument(signed, entry.value, what, 'ERR_REALM_MALFORMED');
    return { grant: grantOfClaims(claims), claims };
  }
  const stored = parseDocument(granted, entry.value, what, 'ERR_REALM_MALFORMED');
  return { grant: grantOfRecord(stored), sha256: stored.sha256 };
}

function grantOfRecord(stored: Parsed<typeof granted>): Grant {
  const { environment, node, key_thumbprint: keyThumbprint } = stored;
  return {
    format: stored.format,
    issuer: stored.issuer,
    id: stored.id,
    clusters: stored.clusters,
    role: stored.role,
    ...(environment !== undefined && { environment }),
    ...(node !== undefined && { node }),
    allowReentry: stored.allow_reentry,
    labels: stored.labels,
    ...(keyThumbprint !== undefined && { keyThumbprint }),
    issuedAt: stored.issued_at as Instant,
    notBefore: stored.not_before as Instant,
    expiresAt: stored.expires_at as Instant | null,
    maxUses: stored.max_uses,
  };
}

/** The write that registers a token of a dialect other than `jwt`. */
export function grantWrite(grant: Grant, sha256: string): StoreWrite {
  const value: JsonObject = {
    schema: 'joinery/token/1',
    format: grant.format,
    issuer: grant.issuer,
    id: grant.id,
    clusters: grant.clusters,
    role: grant.role,
    environment: grant.environment,
    node: grant.node,
    allow_reentry: grant.allowReentry,
    labels: grant.labels,
    key_thumbprint: grant.keyThumbprint,
    issued_at: grant.issuedAt,
    not_before: grant.notBefore,
    expires_at: grant.expiresAt,
    max_uses: grant.maxUses,
    sha256,
  };
  return { key: tokenRecordKey(grant), value: value as JsonValue };
}

/** @throws ERR_REALM_MALFORMED */
export async function readToken(store: Store, format: TokenFormat, id: string): Promise<StoredToken | undefined> {
  const key = tokenRecordKey({ format, id });
  const entry = await store.get(key);
  return entry && readStored({ key, ...entry });
}

/** Looks for a token id in every dialect. */
export async function findToken(store: Store, id: string): Promise<StoredToken | undefined> {
  for (const format of TOKEN_FORMATS) {
    const found = await readToken(store, format, id);
    if (found !== undefined) return found;
  }
  return undefined;
}

export interface TokenPage {
  readonly tokens: readonly StoredToken[];
  /** Where the next page begins; absent after the last. */
  readonly next?: string;
}

/** One page of the register, by dialect and id. */
export async function pageOfTokens(store: Store, page: { readonly after?: string; readonly limit: number }): Promise<TokenPage> {
  const tokens: StoredToken[] = [];
  for (const format of TOKEN_FORMATS.toSorted()) {
    const prefix = `token/${format}/`;
    const room = page.limit - tokens.length;
    if (page.after !== undefined && page.after > `${prefix}\u{7e}`) continue;
    const after = page.after !== undefined && page.after.startsWith(prefix) ? { after: page.after } : {};
    const entries = await store.list(prefix, { ...after, limit: room });
    tokens.push(...entries.map(readStored));
    const last = entries.at(-1);
    if (last !== undefined && tokens.length === page.limit) return { tokens, next: last.key };
  }
  return { tokens };
}
