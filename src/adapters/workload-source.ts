/** The client side of the SPIFFE Workload API: the identity of whoever asks, now and after every change. */
import { connect } from 'node:net';
import { JoineryError } from '../core/errors.ts';
import { parseWorkloadAddress, type WorkloadSvid } from '../core/join/workload-identity.ts';
import { SpiffeWorkloadAPI } from '../proto/gen/spiffe/workload_pb.ts';
import { Code, ConnectError, createClient, createGrpcTransport, Http2SessionManager } from './connect.ts';

const MAX_MESSAGE = 4 * 1024 * 1024;
/** The specification: proof that no browser or proxy was talked into asking. */
const HEADERS = { 'workload.spiffe.io': 'true' };
const VARIABLE = 'SPIFFE_ENDPOINT_SOCKET';

/** @param address `unix:PATH`, or `env`. @param what names it in errors. @throws ERR_USAGE */
export function workloadPath(address: string, env: Readonly<Record<string, string | undefined>>, what: string): string {
  if (address !== 'env') return parseWorkloadAddress(address, what);
  const given = env[VARIABLE] ?? '';
  if (given !== '') return parseWorkloadAddress(given, VARIABLE);
  throw new JoineryError('ERR_USAGE', `${what}: expected the address of the Workload API in ${VARIABLE}, found nothing`);
}

/** {@link workloadPath} with the environment of this process. @throws ERR_USAGE */
export function systemWorkloadPath(address: string): string {
  return workloadPath(address, process.env, 'workloadApi');
}

/**
 * Until the signal ends it. Of several identities the first, which is the default one.
 * @param path of the socket. @throws ERR_WORKLOAD_UNAVAILABLE
 */
export async function* openWorkload(path: string, signal: AbortSignal): AsyncGenerator<WorkloadSvid, void, undefined> {
  const session = new Http2SessionManager('http://localhost', {}, { createConnection: () => connect(path) });
  const transport = createGrpcTransport({
    baseUrl: 'http://localhost',
    sessionManager: session,
    readMaxBytes: MAX_MESSAGE,
    acceptCompression: [],
  });
  try {
    for await (const { svids } of createClient(SpiffeWorkloadAPI, transport).fetchX509SVID({}, { headers: HEADERS, signal })) {
      const [svid] = svids;
      if (svid === undefined) throw unavailable(path, 'none');
      yield svid;
    }
  } catch (cause) {
    if (signal.aborted) return;
    throw cause instanceof ConnectError ? unavailable(path, `${Code[cause.code]}: ${cause.rawMessage.slice(0, 300)}`, cause) : cause;
  } finally {
    session.abort();
  }
  if (!signal.aborted) throw unavailable(path, 'the end of the stream');
}

function unavailable(path: string, found: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_WORKLOAD_UNAVAILABLE', `Workload API ${path}: expected an identity, found ${found}`, { cause });
}
