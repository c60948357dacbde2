/** What the store holds of trust: versions, which is the latest and which is active, and who signs. */
import type { JsonObject, JsonValue } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { publicJwkParser } from '../core/jwk.ts';
import { array, boolean, integer, object, oneOf, optional, type Parsed, parseDocument, type Parser, string } from '../core/parse.ts';
import { KEY_TYPES } from '../core/key-ports.ts';
import { type StoreCheck } from '../core/ports.ts';
import { envelopeParser } from '../core/trust/envelope.ts';
import {
  digestText,
  instantText,
  MAX_SIGNERS,
  readManifest,
  type SignedManifest,
  type TrustManifest,
  versionNumber,
} from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import type { Realm } from './realm.ts';
import { storeEntries } from './store-pages.ts';

/** The manifest again in the clear, for readers that need no signature; {@link readVersion} never reads it. */
const copyOfManifest: Parser<JsonObject> = { schema: { type: 'object' }, read: (value) => value as JsonObject };

const versionRecord = object({
  manifest: copyOfManifest,
  envelope: envelopeParser,
  digest: digestText(),
  published_at: instantText(),
  activation: optional(envelopeParser),
  activated_at: optional(instantText()),
  /** True for a version that begins a new chain beside an active one. */
  reset: optional(boolean()),
});

const reference = object({ version: versionNumber(), digest: digestText() });

const keyReference = object({ custody: oneOf(['offline', 'online']), file: string(), type: oneOf(KEY_TYPES) });

const signersRecord = object({
  min_signatures: integer(1, MAX_SIGNERS),
  signers: array(
    object({
      kid: string(),
      name: string(),
      jwk: publicJwkParser,
      /** Absent for a signer whose key is on another machine. */
      key: optional(keyReference),
      /** `former` keys sign no more for themselves; they may still have to vouch for the version that replaces theirs. */
      status: oneOf(['current', 'former']),
      created_at: instantText(),
    }),
    { maxItems: 1000 },
  ),
});

export type VersionRecord = Parsed<typeof versionRecord>;
export type SignersRecord = Parsed<typeof signersRecord>;
export type SignerEntry = SignersRecord['signers'][number];
export interface VersionReference {
  readonly version: number;
  readonly digest: Digest;
}

/** Ten digits, so that keys sort by version. */
export const versionKey = (purpose: Purpose, version: number) => `trust/${purpose}/v/${String(version).padStart(10, '0')}`;
export const latestKey = (purpose: Purpose) => `trust/${purpose}/latest`;
export const activeKey = (purpose: Purpose) => `trust/${purpose}/active`;
export const signersKey = (purpose: Purpose) => `trust/${purpose}/signers`;

/** A record with the check that it is unchanged when the commit comes. */
export interface Found<T> {
  readonly value: T;
  readonly check: StoreCheck;
}

async function find<T>(realm: Realm, key: string, parser: Parser<T>): Promise<Found<T | undefined>> {
  const entry = await realm.store.get(key);
  if (entry === undefined) return { value: undefined, check: { key, version: 'absent' } };
  return { value: parseRecord(parser, entry.value, key), check: { key, version: entry.version } };
}

function parseRecord<T>(parser: Parser<T>, value: JsonValue, key: string): T {
  return parseDocument(parser, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED');
}

export function findLatest(realm: Realm, purpose: Purpose): Promise<Found<VersionReference | undefined>> {
  return find(realm, latestKey(purpose), reference);
}

export function findActive(realm: Realm, purpose: Purpose): Promise<Found<VersionReference | undefined>> {
  return find(realm, activeKey(purpose), reference);
}

/** @throws ERR_KEY_NOT_FOUND for a realm without signers. */
export async function findSigners(realm: Realm, purpose: Purpose): Promise<Found<SignersRecord>> {
  const { value, check } = await find(realm, signersKey(purpose), signersRecord);
  if (value !== undefined) return { value, check };
  throw new JoineryError('ERR_KEY_NOT_FOUND', `${purpose}: expected signers of trust manifests, found none`, {
    hint: 'joinery init makes them; a realm without offline keys cannot publish',
  });
}

export interface StoredVersion<P extends Purpose = Purpose> {
  readonly record: VersionRecord;
  readonly signed: SignedManifest<P>;
  readonly check: StoreCheck;
}

/** Reads a version from its signed bytes. @throws ERR_TRUST_NOT_FOUND, ERR_REALM_MALFORMED and what reading a manifest throws. */
export async function readVersion<P extends Purpose>(realm: Realm, purpose: P, version: number): Promise<StoredVersion<P>> {
  const key = versionKey(purpose, version);
  const { value, check } = await find(realm, key, versionRecord);
  if (value === undefined) {
    throw new JoineryError('ERR_TRUST_NOT_FOUND', `${purpose}: expected a published version, found none with number ${version}`, {
      hint: `joinery trust list --purpose ${purpose} shows them`,
    });
  }
  return { record: value, signed: readManifest(value.envelope, purpose, realm.verifySignature, `${purpose} version ${version}`), check };
}

/** The active version, where there is one, with the check that it stays so. */
export async function readActive<P extends Purpose>(realm: Realm, purpose: P): Promise<Found<StoredVersion<P> | undefined>> {
  const { value, check } = await findActive(realm, purpose);
  return { value: value && (await readVersion(realm, purpose, value.version)), check };
}

/** All versions of a purpose, in order. */
export async function readVersions<P extends Purpose>(realm: Realm, purpose: P): Promise<readonly StoredVersion<P>[]> {
  const prefix = `trust/${purpose}/v/`;
  const versions: StoredVersion<P>[] = [];
  for await (const { key } of storeEntries(realm.store, prefix))
    versions.push(await readVersion(realm, purpose, Number(key.slice(prefix.length))));
  return versions;
}

/** A record as the JSON that it is; the compiler does not see it, because interfaces have no index signature. */
export function asJson(record: SignersRecord | VersionRecord | TrustManifest): JsonObject {
  return record as unknown as JsonObject;
}
