/** After a command has revoked: whoever signed the certificate is told at once, where it can be asked. */
import { PROVIDER_REVOCATIONS, tellProviders, type ToldProviders } from '../app/provider-outbox.ts';
import type { Realm } from '../app/realm.ts';
import { systemProviders } from './providers.ts';

export const tellNow = (realm: Realm): Promise<ToldProviders> => tellProviders(realm, systemProviders(realm.directory));

/** It is revoked whether or not this works. */
export async function tellOfRevocations(realm: Realm, warn: (message: string) => void): Promise<void> {
  if ((await realm.store.list(PROVIDER_REVOCATIONS, { limit: 1 })).length === 0) return;
  const { dropped, pending } = await tellNow(realm);
  for (const { serial, reason } of dropped) warn(`it is revoked, but the identity provider of ${serial} will not say so: ${reason}`);
  for (const { serial, error } of pending)
    warn(
      `it is revoked, but the identity provider of ${serial} does not know yet (${error.message}): a server tells it, or joinery provider notify`,
    );
}
