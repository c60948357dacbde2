import { verifySignature } from '../../src/adapters/signatures.ts';
import { prepareTrustSigners } from '../../src/app/trust-signers.ts';
import { commit, type Realm } from '../../src/app/realm.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { isJoineryError, type JoineryError } from '../../src/core/errors.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import type { TestCa } from '../fakes/anchors.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { type MemoryStore, memoryStore } from '../fakes/memory-store.ts';
import { fakeRandom } from '../fakes/random.ts';

export interface TrustRealm extends Realm {
  readonly store: MemoryStore;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly vault: ReturnType<typeof fakeKeyVault>;
}

/** A realm in memory with trust signers and the given authorities. */
export async function trustRealm(
  cas: Readonly<Record<string, TestCa>> = {},
  environment = 'lab',
  domain = 'lab.example.internal',
): Promise<TrustRealm> {
  const config = parseRealmConfig(
    { schema: 'joinery/realm-config/1', environment: { name: environment, domain }, trust_domain: domain, clusters: [] },
    'test',
  );
  const unused = () => {
    throw new Error('not used in tests of trust');
  };
  const realm: TrustRealm = {
    directory: '/realm',
    config,
    store: memoryStore(),
    vault: fakeKeyVault(),
    clock: fakeClock(),
    random: fakeRandom(),
    verifySignature,
    verifyJws: unused,
    certificates: { readBack: unused, throwawayKey: unused } as unknown as Realm['certificates'],
    files: {} as Realm['files'],
    caller: { actor: { name: 'alice', verified: false }, correlationId: 'test-1' },
  };
  const { writes, audit } = await prepareTrustSigners(realm);
  const records = Object.entries(cas).map(([name, ca]) => ({ key: `ca/${name}`, value: { name, certificate_pem: ca.pem, created_at: 0 } }));
  await commit(realm.store, { checks: [], writes: [...writes, ...records], audit });
  return realm;
}

/** The error of a promise that must be refused with a code. */
export async function refusalOf(work: Promise<unknown>): Promise<JoineryError> {
  try {
    await work;
  } catch (error) {
    if (isJoineryError(error)) return error;
    throw error;
  }
  throw new Error('expected a refusal, found success');
}

/** The audit records of a realm. */
export function auditOf(realm: TrustRealm): readonly JsonObject[] {
  return realm.store.audit.map((record) => JSON.parse(Buffer.from(record.bytes).toString('utf8')) as JsonObject);
}
