/** Brings newer trust between renewals: from the server, or from a directory that something else fills. */
import { type AppliedTrust, applyTrust } from '../app/apply-trust.ts';
import { pemPath, readNodeState } from '../app/node-trust.ts';
import { collectOffers } from '../app/trust-documents.ts';
import { JoineryError } from '../core/errors.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import type { Offer } from '../core/trust/walk.ts';
import type { AgentMemory } from './agent-memory.ts';
import type { AgentOptions, AgentWorld } from './agent-world.ts';
import { report } from './join-node.ts';
import { nodeClient } from './node-client.ts';

/**
 * Looks when it is time to, or at once. The next look is set first: a server that fails is not asked more often for it.
 * @throws what {@link applyTrust} throws, the server's code; each purpose is as it was, or newer.
 */
export async function followTrust(world: AgentWorld, options: AgentOptions, memory: AgentMemory, force: boolean): Promise<void> {
  const elapsed = world.timer.elapsed();
  if (!force && elapsed < memory.trustAtMs) return;
  memory.trustAtMs = elapsed + spread(world, options.trustEvery) * 1000;
  const { directory } = options;
  const statePath = `${directory}/trust/state.json`;
  const source = await trustSource(world, options);
  try {
    const applied: AppliedTrust[] = [];
    for (const purpose of PURPOSES) {
      const state = await readNodeState(world, statePath);
      const path = pemPath(state, purpose, statePath);
      applied.push(await applyTrust(world, { purpose, statePath, path, offers: await source.offers(purpose) }));
    }
    const newer = applied.filter(({ steps }) => steps > 0);
    for (const { purpose, version } of newer) world.log('info', 'trust applied', { purpose, version });
    if (newer.length > 0 && options.trustFrom === undefined)
      await report(world, { directory, onWarning: (message) => world.log('warn', message) });
  } finally {
    await source.close();
  }
}

/** By up to a tenth either way, so that a fleet does not ask in step. */
function spread({ random }: AgentWorld, every: number): number {
  const [drawn] = random.bytes(1) as unknown as [number];
  return every * (0.9 + (drawn / 255) * 0.2);
}

interface TrustSource {
  offers(purpose: Purpose): Promise<readonly Offer[]>;
  close(): Promise<void>;
}

async function trustSource(world: AgentWorld, { directory, urls, timeoutMs, trustFrom }: AgentOptions): Promise<TrustSource> {
  if (trustFrom !== undefined) {
    const files = { files: world.files, download: refuseUrl };
    return { offers: (purpose) => collectOffers(files, [trustFrom], purpose), close: () => Promise.resolve() };
  }
  const client = await nodeClient(world, { directory, urls, timeoutMs, attempts: 1 });
  return { offers: (purpose) => client.trust(purpose), close: () => client.close() };
}

function refuseUrl(): Promise<Uint8Array> {
  return Promise.reject(new JoineryError('ERR_USAGE', '--trust-from: expected a directory, found a URL'));
}
