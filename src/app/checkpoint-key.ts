/** The online key that signs heads of the audit log, and where the realm remembers it and the heads. */
import { auditOrigin, type CheckpointKey, checkpointKey, formatVerifierKey, parseVerifierKey } from '../core/audit/checkpoint.ts';
import { JoineryError } from '../core/errors.ts';
import { object, oneOf, type Parsed, parseDocument, string } from '../core/parse.ts';
import { KEY_TYPES } from '../core/key-ports.ts';
import { type Store } from '../core/ports.ts';
import { formatInstant } from '../core/time.ts';
import type { KeyMaterial } from './key-material.ts';
import { auditEvent, type Realm } from './realm.ts';

const KEY = 'audit-key';

const keyRecord = object({
  schema: oneOf(['joinery/audit-key/1']),
  /** C2SP verifier key; its name is the origin of the log. */
  verifier_key: string({ maxLength: 400 }),
  reference: object({ custody: oneOf(['online']), file: string(), type: oneOf(KEY_TYPES) }),
  created_at: string({ maxLength: 20 }),
});

export type CheckpointKeyRecord = Parsed<typeof keyRecord>;

/** Makes the key that signs checkpoints (Ed25519, online). Commits nothing. */
export async function createCheckpointKey(realm: Pick<Realm, 'vault' | 'clock' | 'config' | 'caller'>): Promise<KeyMaterial> {
  const { reference, key } = await realm.vault.generate({ name: 'audit', type: 'ed25519', custody: 'online' });
  const verifierKey = formatVerifierKey(checkpointKey(auditOrigin(realm.config.environment.name), key.spki));
  const value = {
    schema: 'joinery/audit-key/1',
    verifier_key: verifierKey,
    reference: { ...reference },
    created_at: formatInstant(realm.clock.now()),
  };
  return {
    writes: [{ key: KEY, value }],
    audit: [auditEvent(realm, { event: 'audit.key', subject: verifierKey, details: { custody: reference.custody } })],
    references: [reference],
  };
}

/** @throws ERR_KEY_NOT_FOUND, ERR_REALM_MALFORMED */
export async function readCheckpointKey(store: Pick<Store, 'get'>): Promise<CheckpointKeyRecord & { readonly key: CheckpointKey }> {
  const found = await store.get(KEY);
  if (found === undefined) {
    throw new JoineryError('ERR_KEY_NOT_FOUND', `state.db: expected the record ${KEY} of the key of audit checkpoints, found none`);
  }
  const record = parseDocument(keyRecord, found.value, `state.db, record ${KEY}`, 'ERR_REALM_MALFORMED');
  return { ...record, key: parseVerifierKey(record.verifier_key, `state.db, record ${KEY}`) };
}
