/** The record `realm` of the store: which realm this is, and the facts that hold for all of it. */
import type { JsonValue } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { boolean, integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../core/parse.ts';

const realmRecord = object({
  schema: oneOf(['joinery/realm/1']),
  realm_id: string({ maxLength: 36 }),
  /** Instant. */
  created_at: integer(),
  /** True when the realm was made with --insecure-plaintext-keys. */
  plaintext_keys: boolean(),
  /** Tokens issued before this instant are refused (raised by a restore, so that spent tokens stay spent). */
  token_not_before: optional(integer()),
});

export type RealmRecord = Parsed<typeof realmRecord>;

/** @throws ERR_REALM_MALFORMED */
export function parseRealmRecord(value: JsonValue | undefined): RealmRecord {
  if (value === undefined) {
    throw new JoineryError('ERR_REALM_MALFORMED', 'state.db: expected the record of a realm, found none', {
      hint: 'the creation of this realm was interrupted, or the file is another one; restore a backup, or remove the directory and run joinery init again',
    });
  }
  return parseDocument(realmRecord, value, 'state.db, record realm', 'ERR_REALM_MALFORMED');
}
