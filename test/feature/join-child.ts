/**
 * A process that serves one join: `node join-child.ts REALM [STEP FAULT]`, `{token, csr}` on stdin. At the step it kills itself (`kill`), or
 * what the step does fails as on a full disk (`fail`). It prints the outcome: the serial number of the certificate, or the code of the error.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/adapters/clock.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { openKeyVault } from '../../src/adapters/key-files.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import type { JoinObserver } from '../../src/app/join-peer.ts';
import { openJoinService } from '../../src/app/join-service.ts';
import { openPolicies, type PolicySource } from '../../src/app/load-policy.ts';
import type { Realm } from '../../src/app/realm.ts';
import { parseStrictJson } from '../../src/core/canonical-json.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { isJoineryError, JoineryError } from '../../src/core/errors.ts';
import type { KeyVault } from '../../src/core/key-ports.ts';
import type { JoinRequest } from '../../src/core/join/messages.ts';
import type { Commit, CommitResult, Store } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { joinRealmParts } from '../fakes/join-realm.ts';

/** What a join does, in its order; `reply` is after the commit. */
export const JOIN_STEPS = ['verify', 'policy', 'key', 'sign', 'commit', 'reply'] as const;
export type JoinStep = (typeof JOIN_STEPS)[number];
export type JoinFault = 'kill' | 'fail';

export type Strike = (step: JoinStep) => void;

function striker(at: JoinStep | undefined, fault: JoinFault | undefined): Strike {
  return (step) => {
    if (step !== at) return;
    if (fault === 'kill') process.kill(process.pid, 'SIGKILL');
    throw new JoineryError('ERR_FILE_DISK_FULL', `the disk is full at ${step}`);
  };
}

/** A realm on the disk, with keys that are not encrypted; made by the test, served by the child. */
export async function openDiskRealm(directory: string, options: { create?: true } = {}): Promise<Realm> {
  for (const name of ['keys', 'keys/offline', 'keys/online']) mkdirSync(join(directory, name), { recursive: true, mode: 0o700 });
  const store = await openSqliteStore({ path: join(directory, 'state.db'), create: options.create === true });
  const passphrase = () => Promise.resolve(new Secret(''));
  const vault: KeyVault = openKeyVault({ directory, files: systemFiles, plaintext: true, passphrase });
  return joinRealmParts({ directory, store, vault, clock: systemClock, random: systemRandom });
}

/** Serves one join; `strike` is called at each step, and at `reply` once the commit is on the disk. */
export async function serveJoin(realm: Realm, request: JoinRequest, strike: Strike, observe?: JoinObserver): Promise<string> {
  const policies = await openPolicies(realm, (text, what) => Promise.resolve(parseStrictJson(text, what)));
  const struck: PolicySource = {
    ...policies,
    current: (cluster) => {
      strike('policy');
      return policies.current(cluster);
    },
  };
  const service = openJoinService(strikingRealm(realm, strike), { policies: struck, ...(observe !== undefined && { observe }) });
  try {
    strike('verify');
    const reply = await acceptJoin(service, request, { address: '192.0.2.1', transport: 'rest', correlationId: 'join' });
    return parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array).serialNumber;
  } catch (error) {
    return isJoineryError(error) ? error.code : String(error);
  } finally {
    service.close();
  }
}

function strikingRealm(realm: Realm, strike: Strike): Realm {
  const commit = async (change: Commit): Promise<CommitResult> => {
    strike('commit');
    const result = await realm.store.commit(change);
    if (result.ok) strike('reply');
    return result;
  };
  const store: Store = new Proxy(realm.store, {
    get: (target, name) => {
      if (name === 'commit') return commit;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  const vault: KeyVault = {
    ...realm.vault,
    open: async (reference) => {
      strike('key');
      const key = await realm.vault.open(reference);
      return {
        ...key,
        sign: (data, encoding) => {
          strike('sign');
          return key.sign(data, encoding);
        },
      };
    },
  };
  return { ...realm, store, vault };
}

async function main([directory, at, fault]: readonly string[]): Promise<void> {
  const realm = await openDiskRealm(directory as string);
  const request = JSON.parse(readFileSync(0, 'utf8')) as JoinRequest;
  process.stdout.write(await serveJoin(realm, request, striker(at as JoinStep, fault as JoinFault)));
  await realm.store.close();
}

if (process.argv[1]?.endsWith('join-child.ts')) await main(process.argv.slice(2));
