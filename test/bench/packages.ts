/** Packages for ten thousand nodes, each with a token of its own, against signing and file creation by themselves. */
import { sign } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generatePrivateKey } from '../../src/adapters/signatures.ts';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import type { Realm } from '../../src/app/realm.ts';
import { renderPackages, type RenderPackagesInput } from '../../src/app/render-packages.ts';
import type { Store } from '../../src/core/ports.ts';
import { packageRealm, packageWorld } from '../fakes/package-realm.ts';
import { type Bench, median, percent, perSecond, type Row } from './measure.ts';

const COUNT = Number(process.env['JOINERY_BENCH_PACKAGES'] ?? 10_000);
const RUNS = 3;
const nodes = Array.from({ length: COUNT }, (_, index) => `node-${String(index).padStart(5, '0')}`);
const input = (out: string): RenderPackagesInput => ({
  cluster: 'prod',
  role: 'worker',
  joinUrls: ['https://boot.control.example.internal:9443'],
  agent: 'script',
  nodes,
  out,
});

/** Signs and creates files of the same number and size, and nothing else. */
function limit(directory: string, bytes: number): number {
  const key = { key: generatePrivateKey('p256'), dsaEncoding: 'ieee-p1363' as const };
  const [content, claims] = [Buffer.alloc(bytes, 'x'), Buffer.alloc(330, 1)];
  const start = performance.now();
  for (const node of nodes) {
    sign('sha256', claims, key);
    const file = openSync(`${directory}/${node}.user-data`, 'wx', 0o600);
    writeSync(file, content);
    closeSync(file);
  }
  return (COUNT * 1000) / (performance.now() - start);
}

/** Commits nothing to a disk: what is left is minting, rendering and writing. */
function forgetful(store: Store): Store {
  return { ...store, commit: (change) => Promise.resolve({ ok: true, audit: change.audit.map((_, index) => index) }) };
}

async function measured(realm: Realm, out: string): Promise<{ readonly rate: number; readonly bytes: number; readonly grown: number }> {
  const world = await packageWorld();
  const memory = process.memoryUsage().rss;
  let peak = memory;
  const start = performance.now();
  const { size } = await renderPackages(realm, input(out), world, () => (peak = Math.max(peak, process.memoryUsage().rss)));
  const rate = (COUNT * 1000) / (performance.now() - start);
  return { rate, bytes: size?.raw ?? 0, grown: (peak - memory) / 1024 / 1024 };
}

async function run(): Promise<readonly Row[]> {
  const work = mkdtempSync(join(tmpdir(), 'joinery-bench-packages-'));
  const base = await packageRealm({ tokenAlgorithm: 'ES256' });
  const entries = (await base.store.list('')).map(({ key, value }) => ({ key, value }));
  const shares: { readonly pure: number; readonly raw: number; readonly stored: number; readonly grown: number }[] = [];
  let bytes = 0;
  for (let round = 0; round < RUNS; round++) {
    const pure = await measured({ ...base, store: forgetful(base.store) }, join(work, `pure-${round}`));
    bytes = pure.bytes;
    const fresh = mkdtempSync(join(work, 'raw-'));
    const raw = limit(fresh, bytes);
    const store = await openSqliteStore({ path: join(work, `state-${round}.db`), create: true });
    await store.commit({ checks: [], writes: entries, audit: [] });
    const stored = await measured({ ...base, store }, join(work, `stored-${round}`));
    await store.close();
    shares.push({ pure: pure.rate, raw, stored: stored.rate, grown: Math.max(pure.grown, stored.grown) });
    for (const name of [`pure-${round}`, `stored-${round}`, fresh.slice(work.length + 1)]) rmSync(join(work, name), { recursive: true });
  }
  rmSync(work, { recursive: true });
  const of = (pick: (share: (typeof shares)[number]) => number) => median(shares.map(pick));
  const [pure, raw, stored] = [of((share) => share.pure), of((share) => share.raw), of((share) => share.stored)];
  return [
    {
      what: `${COUNT} packages of ${bytes} bytes, each with its ES256 token`,
      value: perSecond(pure),
      limit: perSecond(raw),
      ratio: percent(of((share) => share.pure / share.raw)),
    },
    {
      what: `the same, every token and its audit record in SQLite (${of((share) => share.grown).toFixed(0)} MiB more memory)`,
      value: perSecond(stored),
      limit: perSecond(raw),
      ratio: percent(of((share) => share.stored / share.raw)),
    },
  ];
}

export const packages: Bench = { title: 'packages (limit: raw signing and plain file creation)', run };
