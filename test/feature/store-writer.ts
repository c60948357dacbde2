/**
 * A process that commits to a store until it is done or killed: `node store-writer.ts FILE MODE COUNT`. It prints a line for each
 * commit that was acknowledged, with a synchronous write, so that a line that was read is a commit that must be there.
 */
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import type { AuditEvent, Store } from '../../src/core/ports.ts';
import { instant } from '../../src/core/time.ts';

const WIDTH = 8;

const event = (subject: string): AuditEvent => ({
  time: instant(1_800_000_000),
  event: 'token.mint',
  actor: { name: `writer ${process.pid}`, verified: false },
  subject,
  environment: 'test',
  correlation_id: 'kill',
  result: 'ok',
});

/** Two keys and a record with one name: all three must be there, or none. */
async function writePairs(store: Store, count: number, lane: number): Promise<void> {
  for (let index = lane; index < count; index += WIDTH) {
    const name = `${process.pid}-${index}`;
    const writes = [
      { key: `left/${name}`, value: { filler: 'x'.repeat(index % 700) } },
      { key: `right/${name}`, value: index },
    ];
    const checks = writes.map(({ key }) => ({ key, version: 'absent' as const }));
    const result = await store.commit({ checks, writes, audit: [event(name)] });
    if (result.ok) writeSync(1, `${name}\n`);
  }
}

/** Adds one to a counter that other processes add to. */
async function increment(store: Store): Promise<void> {
  const found = await store.get('counter');
  const checks = [{ key: 'counter', version: found?.version ?? ('absent' as const) }];
  const value = ((found?.value ?? 0) as number) + 1;
  const result = await store.commit({ checks, writes: [{ key: 'counter', value }], audit: [event(`${value}`)] });
  if (!result.ok) await increment(store);
}

async function main([file, mode, count]: readonly string[]): Promise<void> {
  const store = await openSqliteStore({ path: file as string });
  const total = Number(count);
  if (mode === 'pairs') await Promise.all(Array.from({ length: WIDTH }, (_, lane) => writePairs(store, total, lane)));
  else for (let done = 0; done < total; done++) await increment(store);
  await store.close();
}

await main(process.argv.slice(2));
