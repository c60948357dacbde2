/** Packages for ten thousand nodes, each with a token of its own, against signing and file creation by themselves. */
import { sign } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey } from '../../src/adapters/signatures.ts';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import type { Realm } from '../../src/app/realm.ts';
import { renderPackages, type RenderPackagesInput } from '../../src/app/render-packages.ts';
import type { Store } from '../../src/core/ports.ts';
import { packageRealm, packageWorld } from '../fakes/package-realm.ts';
import { type Bench, percent, perSecond, type Row } from './measure.ts';

const COUNT = Number(process.env['JOINERY_BENCH_PACKAGES'] ?? 10_000);
/** In turns, so that what else the machine does falls on all alike; the first is not counted: it is the compiler's. */
const RUNS = 3;
/** A file system in memory is the hardest measure: there the limit is highest, and no disk of others is in it. */
const PLACE = process.env['JOINERY_BENCH_DIR'] ?? (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
const nodes = Array.from({ length: COUNT }, (_, index) => `node-${String(index).padStart(5, '0')}`);
const input = (out: string): RenderPackagesInput => ({
  cluster: 'prod',
  role: 'worker',
  joinUrls: ['https://boot.control.example.internal:9443'],
  agent: 'script',
  nodes,
  out,
});

/** Seconds of processor time, of all threads of this process: other work on the machine does not count. */
async function secondsOf(work: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000_000;
}

/** Signs and creates files of the same number and size, and nothing else. */
function limit(directory: string, bytes: number): void {
  const key = { key: generatePrivateKey('p256'), dsaEncoding: 'ieee-p1363' as const };
  const [content, claims] = [Buffer.alloc(bytes, 'x'), Buffer.alloc(330, 1)];
  for (const node of nodes) {
    sign('sha256', claims, key);
    const file = openSync(`${directory}/${node}.user-data`, 'wx', 0o600);
    writeSync(file, content);
    closeSync(file);
  }
}

/** Commits nothing to a disk: what is left is minting, rendering and writing. */
function forgetful(store: Store): Store {
  return { ...store, commit: (change) => Promise.resolve({ ok: true, audit: change.audit.map((_, index) => index) }) };
}

/** Removed at once: in memory, two times ten thousand packages are a gigabyte. */
async function inFresh<T>(directory: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function measured(realm: Realm, out: string): Promise<{ readonly seconds: number; readonly bytes: number; readonly grown: number }> {
  const world = await packageWorld();
  const memory = process.memoryUsage().rss;
  let peak = memory;
  let bytes = 0;
  const seconds = await secondsOf(async () => {
    const { size } = await renderPackages(realm, input(out), world, () => (peak = Math.max(peak, process.memoryUsage().rss)));
    bytes = size?.raw ?? 0;
  });
  return { seconds, bytes, grown: (peak - memory) / 1024 / 1024 };
}

async function run(): Promise<readonly Row[]> {
  const work = mkdtempSync(join(PLACE, 'joinery-bench-packages-'));
  const base = await packageRealm({ tokenAlgorithm: 'ES256' });
  const entries = (await base.store.list('')).map(({ key, value }) => ({ key, value }));
  const out = join(work, 'out');
  const seconds = { pure: 0, raw: 0, stored: 0 };
  let [bytes, grown] = [0, 0];
  for (let round = 0; round < RUNS; round++) {
    const pure = await inFresh(out, () => measured({ ...base, store: forgetful(base.store) }, out));
    bytes = pure.bytes;
    mkdirSync(out);
    const raw = await inFresh(out, () => secondsOf(() => limit(out, bytes)));
    const store = await openSqliteStore({ path: join(work, `state-${round}.db`), create: true });
    await store.commit({ checks: [], writes: entries, audit: [] });
    const stored = await inFresh(out, () => measured({ ...base, store }, out));
    await store.close();
    if (round > 0) {
      seconds.pure += pure.seconds;
      seconds.raw += raw;
      seconds.stored += stored.seconds;
      grown = Math.max(grown, pure.grown, stored.grown);
    }
  }
  rmSync(work, { recursive: true });
  const row = (what: string, spent: number): Row => ({
    what,
    value: perSecond((COUNT * (RUNS - 1)) / spent),
    limit: perSecond((COUNT * (RUNS - 1)) / seconds.raw),
    ratio: percent(seconds.raw / spent),
  });
  return [
    row(`${COUNT} packages of ${bytes} bytes, each with its ES256 token`, seconds.pure),
    row(`the same, every token and its audit record in SQLite (${grown.toFixed(0)} MiB more memory)`, seconds.stored),
  ];
}

export const packages: Bench = {
  title: `packages, per second of processor time, in ${PLACE} (limit: raw signing and plain file creation)`,
  run,
};
