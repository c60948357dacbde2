/** What the self-test asks the machine: its clocks, its SQLite, and a TLS server of this process alone. */
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { createServer } from 'node:tls';

/** Readings of the monotonic clock, in milliseconds, one after the other. */
export function monotonicReadings(count: number): readonly number[] {
  return Array.from({ length: count }, () => performance.now());
}

/** Writes a row to a database in memory and reads it back. @returns the version of SQLite. */
export function tryMemoryDatabase(): string {
  const database = new DatabaseSync(':memory:');
  try {
    database.exec('CREATE TABLE sample (id INTEGER PRIMARY KEY, value TEXT NOT NULL) STRICT');
    database.prepare('INSERT INTO sample (value) VALUES (?)').run('joinery');
    const row = database.prepare('SELECT value, sqlite_version() AS version FROM sample').get();
    if (row?.['value'] !== 'joinery') throw new Error('expected the row that was written, found another');
    return String(row['version']);
  } finally {
    database.close();
  }
}

/** Serves TLS 1.3 on a port of the loopback address as long as `use` runs. @param identity PEM: the key, and the chain with the leaf first. */
export async function withTlsServer<T>(
  identity: { readonly key: string; readonly cert: string },
  use: (port: number) => Promise<T>,
): Promise<T> {
  const server = createServer({ ...identity, minVersion: 'TLSv1.3' }, (socket) => socket.on('error', () => undefined));
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
