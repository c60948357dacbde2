/** Revocations, for those who follow them: nodes and control planes by their place in the list, a server as they happen. */
import type { RevocationEntry, RevocationsReply } from '../core/join/messages.ts';
import type { Realm } from './realm.ts';
import { readRevocations, REVOCATION_LOG } from './revocation-log.ts';

/** Entries of one reply. */
export const REVOCATIONS_PAGE = 1000;

/** The revocations after `since`, and what to ask for next. @throws ERR_REALM_MALFORMED */
export async function revocationsSince(realm: Pick<Realm, 'store'>, since: number, limit = REVOCATIONS_PAGE): Promise<RevocationsReply> {
  const revocations = await readRevocations(realm.store, since, Math.min(limit, REVOCATIONS_PAGE));
  return { revocations: [...revocations], next: revocations.at(-1)?.seq ?? since };
}

/**
 * Calls back with every revocation from now on, by whatever process, in order and once, within what the store's watch takes.
 * @param onFailure is told when the store cannot be read; the next revocation tries again, and nothing is left out.
 * @returns what stops it.
 */
export function watchRevocations(
  realm: Pick<Realm, 'store'>,
  from: number,
  onRevoked: (entries: readonly RevocationEntry[]) => void,
  onFailure: (error: unknown) => void,
): () => void {
  let since = from;
  let reading = Promise.resolve();
  const readOn = async (): Promise<void> => {
    const { revocations, next } = await revocationsSince(realm, since);
    since = next;
    onRevoked(revocations);
    if (revocations.length === REVOCATIONS_PAGE) await readOn();
  };
  return realm.store.watch(REVOCATION_LOG, () => {
    reading = reading.then(readOn).catch(onFailure);
  });
}
