/** The client certificate of a command from a SPIFFE Workload API, instead of from files. */
import { workloadTransportIdentity, type WorkloadWorld } from '../client/workload-watch.ts';
import type { TransportIdentity } from '../core/join/transport.ts';
import { currentIo } from './io.ts';

/**
 * Asked before each request, so that it is the newest. gRPC is loaded where it is asked for.
 * @param address `unix:PATH`, or `env` for what SPIFFE_ENDPOINT_SOCKET says. @throws ERR_USAGE; when it is asked ERR_WORKLOAD_*
 */
export async function workloadIdentity(
  world: Omit<WorkloadWorld, 'openWorkload'>,
  address: string,
): Promise<() => Promise<TransportIdentity>> {
  const { openWorkload, workloadPath } = await import('../adapters/workload-source.ts');
  const path = workloadPath(address, currentIo().env, '--workload-api');
  return () => workloadTransportIdentity({ ...world, openWorkload }, path);
}
