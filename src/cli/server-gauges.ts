/** Keeps the gauges of a server fresh. */
import { systemTimer } from '../adapters/timer.ts';
import type { Realm } from '../app/realm.ts';
import { readTelemetrySnapshot } from '../app/telemetry-snapshot.ts';
import type { Instant } from '../core/time.ts';
import type { Telemetry } from '../server/telemetry.ts';

/** Reading every node of a large realm takes its time: no more than this share of all of it. */
const SHARE = 1 / 50;

export interface GaugesWorld {
  readonly telemetry: Pick<Telemetry, 'snapshot'>;
  /** Under the configuration of now. */
  realm(): Realm;
  /** The server's own certificate. */
  certificate(): { readonly source: string; readonly notAfter: Instant };
}

/** @returns what reads the gauges, unless it has just taken long. */
export function gaugesJob({ telemetry, realm, certificate }: GaugesWorld): () => Promise<void> {
  let restUntil = 0;
  return async () => {
    const start = systemTimer.elapsed();
    if (start < restUntil) return;
    const snapshot = await readTelemetrySnapshot(realm());
    const { source, notAfter } = certificate();
    telemetry.snapshot({ ...snapshot, expiries: [{ kind: 'server', name: source, notAfter }, ...snapshot.expiries] });
    const end = systemTimer.elapsed();
    restUntil = end + (end - start) / SHARE;
  };
}
