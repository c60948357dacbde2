/** The signers of trust manifests after `init`: more of them, new keys for old, fewer. A change takes effect with the next version. */
import { JoineryError } from '../core/errors.ts';
import { jwkThumbprint, type PublicJwk } from '../core/jwk.ts';
import type { KeyType } from '../core/key-ports.ts';
import { formatInstant } from '../core/time.ts';
import { MAX_SIGNERS } from '../core/trust/manifest.ts';
import type { Purpose } from '../core/trust/purpose.ts';
import { keepOrDiscard } from './key-material.ts';
import { commit, type Realm } from './realm.ts';
import { asJson, findSigners, type Found, type SignerEntry, signersKey, type SignersRecord } from './trust-records.ts';
import { makeSigner, signerEvent } from './trust-signers.ts';

export interface TrustSignerInfo {
  readonly name: string;
  readonly kid: string;
  readonly jwk: PublicJwk;
  readonly status: SignerEntry['status'];
  /** False for a key on another machine. */
  readonly here: boolean;
  readonly createdAt: string;
}

export interface TrustSigners {
  readonly purpose: Purpose;
  /** Of the next version. */
  readonly minSignatures: number;
  readonly signers: readonly TrustSignerInfo[];
}

export async function listTrustKeys(realm: Realm, purpose: Purpose): Promise<TrustSigners> {
  return infoOf(purpose, (await findSigners(realm, purpose)).value);
}

function infoOf(purpose: Purpose, record: SignersRecord): TrustSigners {
  const signers = record.signers.map(({ name, kid, jwk, status, key, created_at: createdAt }): TrustSignerInfo => {
    return { name, kid, jwk, status, here: key !== undefined, createdAt };
  });
  return { purpose, minSignatures: record.min_signatures, signers };
}

export interface TrustKeyRequest {
  readonly purpose: Purpose;
  /** Of the signer, unique among the current ones. */
  readonly name: string;
  readonly type?: KeyType | undefined;
  /** The public key of a signer on another machine; without it a key is made here. */
  readonly jwk?: PublicJwk | undefined;
  /** Signatures that the next version needs. */
  readonly minSignatures?: number | undefined;
}

/** Adds a signer. @throws ERR_TRUST_SIGNER_EXISTS, ERR_INPUT_MALFORMED for a threshold that cannot be met, ERR_KEY_PASSPHRASE */
export async function createTrustKey(realm: Realm, request: TrustKeyRequest): Promise<TrustSigners> {
  const { purpose, name, jwk, type = 'ed25519' } = request;
  const found = await findSigners(realm, purpose);
  if (current(found.value).some((signer) => signer.name === name || (jwk !== undefined && signer.kid === jwkThumbprint(jwk)))) {
    throw new JoineryError('ERR_TRUST_SIGNER_EXISTS', `${purpose}: expected a signer that is not there yet, found ${name}`, {
      hint: 'joinery trust keys rotate gives a signer a new key',
    });
  }
  const signer = jwk === undefined ? await makeSigner(realm, purpose, name, type) : remoteSigner(realm, name, jwk);
  const minSignatures = request.minSignatures ?? found.value.min_signatures;
  return save(realm, purpose, found, [...found.value.signers, signer], minSignatures, [[signer, jwk === undefined ? 'created' : 'added']]);
}

function remoteSigner(realm: Realm, name: string, jwk: PublicJwk): SignerEntry {
  return { kid: jwkThumbprint(jwk), name, jwk, status: 'current', created_at: formatInstant(realm.clock.now()) };
}

/** Gives a signer a new key; the old one is kept to sign for the version that it still stands in. @throws ERR_KEY_NOT_FOUND */
export async function rotateTrustKey(realm: Realm, request: Pick<TrustKeyRequest, 'purpose' | 'name' | 'type'>): Promise<TrustSigners> {
  const { purpose, name, type = 'ed25519' } = request;
  const found = await findSigners(realm, purpose);
  const old = named(found.value, purpose, name);
  const signer = await makeSigner(realm, purpose, name, type);
  return save(realm, purpose, found, [...retired(found.value, old), signer], found.value.min_signatures, [[signer, 'rotated']]);
}

/** Takes a signer out of the next version. @throws ERR_KEY_NOT_FOUND, ERR_INPUT_MALFORMED when too few would be left */
export async function revokeTrustKey(
  realm: Realm,
  request: Pick<TrustKeyRequest, 'purpose' | 'name' | 'minSignatures'>,
): Promise<TrustSigners> {
  const { purpose, name } = request;
  const found = await findSigners(realm, purpose);
  const old = named(found.value, purpose, name);
  const minSignatures = request.minSignatures ?? found.value.min_signatures;
  return save(realm, purpose, found, retired(found.value, old), minSignatures, [[old, 'revoked']]);
}

function current(record: SignersRecord): readonly SignerEntry[] {
  return record.signers.filter((signer) => signer.status === 'current');
}

function named(record: SignersRecord, purpose: Purpose, name: string): SignerEntry {
  const signers = current(record);
  const found = signers.find((signer) => signer.name === name || signer.kid === name);
  if (found !== undefined) return found;
  const known = signers.map((signer) => signer.name).join(', ');
  throw new JoineryError('ERR_KEY_NOT_FOUND', `${purpose}: expected a signer (${known}), found ${JSON.stringify(name.slice(0, 80))}`);
}

function retired(record: SignersRecord, old: SignerEntry): readonly SignerEntry[] {
  return record.signers.map((signer) => (signer === old ? { ...signer, status: 'former' } : signer));
}

type Change = readonly [SignerEntry, 'created' | 'added' | 'rotated' | 'revoked'];

async function save(
  realm: Realm,
  purpose: Purpose,
  found: Found<SignersRecord>,
  signers: readonly SignerEntry[],
  minSignatures: number,
  changes: readonly Change[],
): Promise<TrustSigners> {
  const record: SignersRecord = { min_signatures: minSignatures, signers };
  const fresh = changes.flatMap(([signer, change]) => (signer.key === undefined || change === 'revoked' ? [] : [signer.key]));
  return keepOrDiscard(realm.vault, fresh, async () => {
    assertReachable(record, purpose);
    await commit(realm.store, {
      checks: [found.check],
      writes: [{ key: signersKey(purpose), value: asJson(record) }],
      audit: changes.map(([signer, change]) => signerEvent(realm, purpose, signer, change)),
    });
    return infoOf(purpose, record);
  });
}

function assertReachable(record: SignersRecord, purpose: Purpose): void {
  const count = current(record).length;
  const { min_signatures: min } = record;
  if (min >= 1 && min <= count && count <= MAX_SIGNERS) return;
  throw new JoineryError(
    'ERR_INPUT_MALFORMED',
    `${purpose}: expected 1 to ${MAX_SIGNERS} signers and a threshold among them, found ${count} signers and ${min} signatures`,
    {
      hint: 'add a signer first, or set --min-signatures',
    },
  );
}
