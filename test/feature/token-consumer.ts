/**
 * A process that spends one use of a token: `node token-consumer.ts STATE KEY [STEP FAULT]`, the token on stdin. At the step it kills itself
 * (`kill`), or its write to the disk fails (`fail`). It prints the outcome: the decision, or the code of the error.
 */
import { readFileSync } from 'node:fs';
import { verifyJws } from '../../src/adapters/jose.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { consumeToken } from '../../src/app/consume-token.ts';
import type { Realm } from '../../src/app/realm.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { KeyVault } from '../../src/core/key-ports.ts';
import type { Store } from '../../src/core/ports.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';

export const STEPS = ['verify', 'issue', 'commit', 'reply'] as const;
export type Step = (typeof STEPS)[number];
export type Fault = 'kill' | 'fail';

/** A realm over a store; its keys are not needed to verify. */
export function realmOver(store: Store, vault?: KeyVault): Realm {
  const config = {
    schema: 'joinery/realm-config/1',
    environment: { name: 'lab', domain: 'lab.example.internal' },
    trust_domain: 'lab.example.internal',
    clusters: [{ name: 'prod', roles: ['worker'] }],
  };
  return {
    directory: '/realm',
    config: parseRealmConfig(config, 'joinery.yaml'),
    store,
    vault: vault as KeyVault,
    files: undefined as never,
    clock: systemClock,
    random: systemRandom,
    verifySignature,
    certificates: undefined as never,
    verifyJws,
    caller: { actor: { name: 'consumer', verified: false }, correlationId: 'race' },
  };
}

function strike(step: Step, at: Step | undefined, fault: Fault | undefined): void {
  if (step !== at) return;
  if (fault === 'kill') process.kill(process.pid, 'SIGKILL');
  throw new JoineryError('ERR_FILE_DISK_FULL', `the disk is full at ${step}`);
}

/** Spends a use for a key, and says how it went. */
export async function spend(store: Store, token: string, key: string, at?: Step, fault?: Fault): Promise<string> {
  const commit: Store['commit'] = async (change) => {
    strike('commit', at, fault);
    const result = await store.commit(change);
    if (result.ok) strike('reply', at, fault);
    return result;
  };
  const faulty: Store = new Proxy(store, {
    get: (target, name) => {
      if (name === 'commit') return commit;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
  try {
    strike('verify', at, fault);
    const input = { token, cluster: 'prod', role: 'worker', node: `node-${key}`, keyThumbprint: key };
    const { decision, result } = await consumeToken(realmOver(faulty), input, () => {
      strike('issue', at, fault);
      return Promise.resolve({ result: `certificate of ${key}`, writes: [{ key: `issued/${key}`, value: true }] });
    });
    return `${decision}: ${result as string}`;
  } catch (error) {
    return error instanceof JoineryError ? error.code : String(error);
  }
}

async function main([path, key, at, fault]: readonly string[]): Promise<void> {
  const store = await openSqliteStore({ path: path as string });
  process.stdout.write(await spend(store, readFileSync(0, 'utf8'), key as string, at as Step, fault as Fault));
  await store.close();
}

if (process.argv[1]?.endsWith('token-consumer.ts')) await main(process.argv.slice(2));
