/** Alerts of an agent: each once for a certificate, delivered or tried again. */
import { readOnboarding } from '../app/node-settings.ts';
import { isJoineryError } from '../core/errors.ts';
import { formatInstant } from '../core/time.ts';
import type { AgentMemory } from './agent-memory.ts';
import type { AgentOptions, AgentWorld } from './agent-world.ts';

const SUMMARIES: Readonly<Record<string, string>> = {
  'renewal-late': 'the certificate of this node was not renewed when the objective says',
  'renewal-expiring': 'the certificate of this node is about to end and could not be renewed',
  'renewal-refused': 'the server refuses to renew the certificate of this node',
  'identity-expired': 'the certificate of this node has ended: it needs a new join token',
  'identity-broken': 'the key and the certificate of this node cannot be used',
};

export interface RaisedAlerts {
  /** Serial number of the certificate that they are about. */
  readonly subject: string | undefined;
  readonly kinds: readonly string[];
}

export async function raiseAlerts(
  world: AgentWorld,
  options: AgentOptions,
  memory: AgentMemory,
  { subject, kinds }: RaisedAlerts,
): Promise<void> {
  // One that is broken has no serial number; it is one subject until it is another certificate.
  if (subject !== undefined && memory.alerted_for !== subject) Object.assign(memory, { alerted_for: subject, alerts: [] });
  for (const kind of kinds) {
    if (memory.alerts.includes(kind)) continue;
    if (await deliver(world, options, memory, kind)) memory.alerts = [...memory.alerts, kind];
  }
}

async function deliver(world: AgentWorld, { directory }: AgentOptions, memory: AgentMemory, kind: string): Promise<boolean> {
  const { code, failures, alerted_for: serial } = memory;
  const details = { directory, failures, ...(serial !== undefined && { serial }), ...(code !== undefined && { code }) };
  const summary = SUMMARIES[kind] as string;
  world.log('error', summary, { alert: kind, ...details });
  try {
    const environment = (await readOnboarding(world, directory))?.environment.name ?? '';
    await world.alert({
      schema: 'joinery/alert/1',
      kind,
      time: formatInstant(world.clock.now()),
      environment,
      summary,
      suppressed: 0,
      details,
    });
    return true;
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    world.log('warn', 'alert was not delivered', { alert: kind, code: error.code, detail: error.message });
    return false;
  }
}
