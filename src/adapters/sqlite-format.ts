/** What a realm's state file holds, by version. */

/** What a file holds: plain data, so that a test can hand another one to the worker. */
export interface StoreFormat {
  readonly version: number;
  /** The statements that make it, exactly as SQLite keeps them. */
  readonly schema: readonly string[];
  /** What leads from an older version to the next. */
  readonly migrations: readonly { readonly from: number; readonly sql: readonly string[] }[];
}

/**
 * `entries`: the version is the row's id and comes from one counter for the whole store, so it is never reused; a deleted key
 * keeps its row with value NULL for a while. `audit`: sequence number, RFC 8785 bytes, RFC 6962 leaf hash.
 */
export const STORE_FORMAT: StoreFormat = {
  version: 1,
  schema: [
    'CREATE TABLE entries (version INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, value TEXT) STRICT',
    'CREATE INDEX tombstones ON entries (version) WHERE value IS NULL',
    'CREATE TABLE audit (seq INTEGER PRIMARY KEY, bytes BLOB NOT NULL, leaf BLOB NOT NULL) STRICT',
  ],
  migrations: [],
};
