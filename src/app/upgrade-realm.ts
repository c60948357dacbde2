/** Brings the state of a realm to the format of this release, after a copy of it. */
import type { StoreEngine } from '../core/ports.ts';
import { STATE_FILE } from './backup-realm.ts';
import { auditEvent, type Realm } from './realm.ts';

export interface UpgradeResult {
  readonly from: number;
  readonly to: number;
  /** The copy of the state as it was; undefined when it was current. */
  readonly copy: string | undefined;
}

/**
 * Migrates in one transaction with its audit record. An interrupted upgrade leaves the old state, and at most a copy too many.
 * @throws ERR_REALM_VERSION for a state of a later release; ERR_REALM_MALFORMED; ERR_STORE_BUSY
 */
export async function upgradeRealm(
  realm: Pick<Realm, 'directory' | 'config' | 'clock' | 'caller'>,
  engine: StoreEngine,
): Promise<UpgradeResult> {
  const path = `${realm.directory}/${STATE_FILE}`;
  const { found, current } = await engine.formatOf(path);
  const event = auditEvent(realm, {
    event: 'realm.upgrade',
    subject: realm.config.environment.name,
    details: { from: found, to: current },
  });
  // The engine refuses what is newer, and leaves what is current as it is.
  const copy = found < current ? `${realm.directory}/state.format-${found}.${realm.clock.now()}.db` : undefined;
  if (copy !== undefined) await engine.copy(path, copy);
  const from = await engine.upgrade(path, event);
  return { from, to: current, copy };
}
