/** Gives the identity to whoever takes it from the agent: the Workload API. */
import { workloadIdentity } from '../core/join/workload-identity.ts';
import type { AgentMemory } from './agent-memory.ts';
import type { AgentOptions, AgentWorld } from './agent-world.ts';
import { readSnapshot } from './identity-watch.ts';

/** Once for each change of certificate or trust. @param usable it is valid now. @throws ERR_NODE_*, ERR_TRUST_STATE_MALFORMED */
export async function publishIdentity(world: AgentWorld, { directory }: AgentOptions, memory: AgentMemory, usable: boolean): Promise<void> {
  if (world.publish === undefined) return;
  const snapshot = usable ? await readSnapshot(world, directory) : undefined;
  const mark = snapshot && `${snapshot.fingerprint} ${snapshot.trust['node-cert-lifecycle']}`;
  if (mark === memory.published) return;
  world.publish(snapshot && workloadIdentity({ ...snapshot, anchors: snapshot.trust['node-cert-lifecycle'] }));
  memory.published = mark;
}
