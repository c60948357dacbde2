/** Keys that were just made, whose records wait for a commit. */
import { isJoineryError } from '../core/errors.ts';
import type { KeyReference, KeyVault } from '../core/key-ports.ts';
import type { AuditEvent, StoreWrite } from '../core/ports.ts';

export interface KeyMaterial {
  readonly writes: readonly StoreWrite[];
  readonly audit: readonly AuditEvent[];
  /** The keys themselves, to discard them when the commit fails. */
  readonly references: readonly KeyReference[];
}

/**
 * Runs `work`, which commits the records of the keys; if it is refused the keys are removed again: no key without a record. After an
 * error that leaves open whether the commit happened (a bug, a dead store) they stay: a key too many does no harm, one too few does.
 */
export async function keepOrDiscard<T>(vault: KeyVault, references: readonly KeyReference[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isJoineryError(error) && error.family !== 'bug') for (const reference of references) await vault.discard(reference);
    throw error;
  }
}
