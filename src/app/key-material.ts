/** Keys that were just made, whose records wait for a commit. */
import type { AuditEvent, KeyReference, KeyVault, StoreWrite } from '../core/ports.ts';

export interface KeyMaterial {
  readonly writes: readonly StoreWrite[];
  readonly audit: readonly AuditEvent[];
  /** The keys themselves, to discard them when the commit fails. */
  readonly references: readonly KeyReference[];
}

/** Runs `work`, which commits the records of the keys; if it fails the keys are removed again: no key without a record. */
export async function keepOrDiscard<T>(vault: KeyVault, references: readonly KeyReference[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    for (const reference of references) await vault.discard(reference);
    throw error;
  }
}
