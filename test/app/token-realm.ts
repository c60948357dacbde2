import { verifyJws } from '../../src/adapters/jose.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import type { Realm } from '../../src/app/realm.ts';
import { firstTokenKey } from '../../src/app/token-keys.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import type { JoseAlgorithm } from '../../src/core/jwk.ts';
import type { AuditEvent } from '../../src/core/ports.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { decodeUtf8 } from '../../src/core/encoding.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { type MemoryStore, memoryStore } from '../fakes/memory-store.ts';
import { fakeRandom } from '../fakes/random.ts';

export type TokenRealm = Realm & {
  readonly store: MemoryStore;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly vault: ReturnType<typeof fakeKeyVault>;
};

/** A realm in memory with one cluster and, unless told otherwise, one ES256 token key. */
export async function tokenRealm(options: { algorithm?: JoseAlgorithm; withoutKey?: true; token?: JsonObject } = {}): Promise<TokenRealm> {
  const config = parseRealmConfig(
    {
      schema: 'joinery/realm-config/1',
      environment: { name: 'control', domain: 'control.example.internal' },
      trust_domain: 'control.example.internal',
      clusters: [
        { name: 'prod', roles: ['worker', 'control-plane'] },
        { name: 'edge', roles: ['worker'] },
      ],
      ...(options.token && { token: options.token }),
    },
    'joinery.yaml',
  );
  const realm: TokenRealm = {
    directory: '/realm',
    config,
    store: memoryStore(),
    vault: fakeKeyVault(),
    files: undefined as never,
    clock: fakeClock(),
    random: fakeRandom(),
    verifySignature,
    certificates: undefined as never,
    verifyJws,
    caller: { actor: { name: 'tester', verified: false }, correlationId: 'c-1' },
  };
  const record = { schema: 'joinery/realm/1', realm_id: 'r', created_at: realm.clock.now(), plaintext_keys: false };
  await realm.store.commit({ checks: [], writes: [{ key: 'realm', value: record }], audit: [] });
  if (options.withoutKey) return realm;
  const { writes, audit } = await firstTokenKey(realm, options.algorithm === undefined ? {} : { algorithm: options.algorithm });
  await realm.store.commit({ checks: [], writes, audit });
  return realm;
}

/** Replaces one record of the store. */
export async function put(realm: Realm, key: string, value: JsonObject): Promise<void> {
  await realm.store.commit({ checks: [], writes: [{ key, value }], audit: [] });
}

export function auditOf(realm: TokenRealm): AuditEvent[] {
  return realm.store.audit.map((record) => JSON.parse(decodeUtf8(record.bytes)) as AuditEvent);
}

/** The code of the error that a promise ends with, or `ok`. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
}
