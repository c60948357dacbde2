/** The keys that sign trust manifests: made with the realm, opened to publish and to activate. */
import { JoineryError } from '../core/errors.ts';
import { jwkThumbprint, type PublicJwk, publicJwk } from '../core/jwk.ts';
import type { KeyReference, KeyType, SigningKey } from '../core/key-ports.ts';
import type { AuditEvent, StoreWrite } from '../core/ports.ts';
import { formatInstant } from '../core/time.ts';
import type { Threshold } from '../core/trust/envelope.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import type { KeyMaterial } from './key-material.ts';
import { auditEvent, type Realm } from './realm.ts';
import { asJson, type SignerEntry, signersKey, type SignersRecord } from './trust-records.ts';

/**
 * Makes a working and a spare signer for each purpose (Ed25519, offline): one signature is enough, so that a lost key is
 * survivable. Commits nothing.
 */
export async function prepareTrustSigners(
  realm: Pick<Realm, 'vault' | 'clock' | 'config' | 'caller'>,
  type: KeyType = 'ed25519',
): Promise<KeyMaterial> {
  const writes: StoreWrite[] = [];
  const audit: AuditEvent[] = [];
  const references: KeyReference[] = [];
  for (const purpose of PURPOSES) {
    const signers: SignerEntry[] = [];
    for (const name of ['working', 'spare']) {
      const signer = await makeSigner(realm, purpose, name, type);
      signers.push(signer);
      references.push(signer.key);
      audit.push(signerEvent(realm, purpose, signer, 'created'));
    }
    const record: SignersRecord = { min_signatures: 1, signers };
    writes.push({ key: signersKey(purpose), value: asJson(record) });
  }
  return { writes, audit, references };
}

/** Makes one signer in the vault. */
export async function makeSigner(
  realm: Pick<Realm, 'vault' | 'clock'>,
  purpose: Purpose,
  name: string,
  type: KeyType,
): Promise<SignerEntry & { readonly key: KeyReference }> {
  const { reference, key } = await realm.vault.generate({ name: `trust-${purpose}-${name}`, type, custody: 'offline' });
  const jwk = publicJwk(key.spki);
  return { kid: jwkThumbprint(jwk), name, jwk, key: reference, status: 'current', created_at: formatInstant(realm.clock.now()) };
}

/** The audit event of a change to a signer. */
export function signerEvent(
  realm: Pick<Realm, 'clock' | 'config' | 'caller'>,
  purpose: Purpose,
  signer: SignerEntry,
  change: 'created' | 'added' | 'rotated' | 'revoked',
): AuditEvent {
  const details = { purpose, name: signer.name, kid: signer.kid, change };
  return auditEvent(realm, { event: 'bootstrap_trust.signer', subject: `${purpose}/${signer.name}`, details });
}

/** The signers that the next manifest names. */
export function currentSigners(record: SignersRecord): readonly PublicJwk[] {
  return record.signers.filter((signer) => signer.status === 'current').map((signer) => signer.jwk);
}

/**
 * Opens as few of the realm's keys as the thresholds need: the document's own, and that of the version it replaces. Where keys
 * are on other machines, all that are here; what is missing they sign for.
 */
export async function openSigners(realm: Realm, record: SignersRecord, thresholds: readonly Threshold[]): Promise<readonly SigningKey[]> {
  // A former key signs only where the current ones are too few: it may have been revoked because it leaked.
  const here = record.signers
    .filter((signer) => signer.key !== undefined)
    .toSorted((a, b) => Number(a.status === 'former') - Number(b.status === 'former'));
  const chosen = new Map<string, KeyReference>();
  for (const { signers, min_signatures } of thresholds) {
    const wanted = new Set(signers.map((jwk) => jwkThumbprint(jwk)));
    const usable = here.filter((signer) => wanted.has(signer.kid));
    // Those that are open anyway come first.
    const ordered = [...usable.filter((signer) => chosen.has(signer.kid)), ...usable.filter((signer) => !chosen.has(signer.kid))];
    for (const signer of ordered.slice(0, min_signatures)) chosen.set(signer.kid, signer.key as KeyReference);
  }
  if (chosen.size === 0) {
    throw new JoineryError('ERR_KEY_NOT_FOUND', 'trust signers: expected a signer whose key is in this realm, found none', {
      hint: 'sign on the machine that holds the key: joinery trust sign',
    });
  }
  const keys: SigningKey[] = [];
  for (const reference of chosen.values()) keys.push(await realm.vault.open(reference));
  return keys;
}
