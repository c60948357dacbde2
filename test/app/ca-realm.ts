import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificateReadBack } from '../../src/adapters/certificate-read-back.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import type { Realm } from '../../src/app/realm.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { type MemoryStore, memoryStore } from '../fakes/memory-store.ts';
import { fakeRandom } from '../fakes/random.ts';

export interface CaRealm extends Realm {
  readonly store: MemoryStore;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly vault: ReturnType<typeof fakeKeyVault>;
}

/** A realm with state and keys in memory and files in a directory of its own. */
export function caRealm(): CaRealm {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-ca-'));
  mkdirSync(join(directory, 'ca'));
  const domain = 'lab.example.internal';
  return {
    directory,
    config: parseRealmConfig(
      { schema: 'joinery/realm-config/1', environment: { name: 'lab', domain }, trust_domain: domain, clusters: [] },
      'test',
    ),
    store: memoryStore(),
    vault: fakeKeyVault(),
    files: systemFiles,
    clock: fakeClock(),
    random: fakeRandom(),
    verifySignature,
    verifyJws: () => Promise.resolve(false),
    certificates: certificateReadBack,
    caller: { actor: { name: 'alice', verified: false }, correlationId: 'test-1' },
  } as CaRealm;
}
