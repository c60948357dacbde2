/** The X.509 part of the SPIFFE Workload API on a Unix socket, by connect: SPIFFE-aware software takes the identity of the node from it. */
import { once } from 'node:events';
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { JoineryError } from '../core/errors.ts';
import type { WorkloadIdentity } from '../core/join/workload-identity.ts';
import { Code, connectNodeAdapter, ConnectError, type ConnectRouter, type HandlerContext } from './connect.ts';
import { SpiffeWorkloadAPI } from '../proto/gen/spiffe/workload_pb.ts';

export interface WorkloadApi {
  /** Gives it to every open stream; undefined where the node has no identity that may be used. */
  publish(identity: WorkloadIdentity | undefined): void;
  stop(): Promise<void>;
}

/** Streams at once: each consumer has one or two. */
const MAX_STREAMS = 1000;

/**
 * Node cannot ask who is at the other end of a Unix socket: the directory decides, which only its owner may enter.
 * @param path of the socket, absolute. @throws ERR_SERVER_LISTEN where the directory is open to others, or another process is there
 */
export async function startWorkloadApi(path: string): Promise<WorkloadApi> {
  await prepare(path);
  const source = new Source();
  const handler = connectNodeAdapter({
    routes: (router) => routes(router, source),
    acceptCompression: [],
    readMaxBytes: 4096,
    grpcWeb: false,
    connect: false,
  });
  const server = createServer({ maxSessionMemory: 10 }, handler);
  const sessions = sessionsOf(server);
  server.listen(path);
  await once(server, 'listening').catch((cause: unknown) => Promise.reject(refused(path, 'a socket', String(cause))));
  // Whoever may enter the directory may use it, also where the agent runs as root and its consumer does not.
  await chmod(path, 0o666);
  return {
    publish: (identity) => source.publish(identity),
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const session of sessions) session.destroy();
      await closed;
      await rm(path, { force: true });
    },
  };
}

function sessionsOf(server: Http2Server): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
    // A consumer that goes away in the middle.
    session.on('error', () => undefined);
  });
  return sessions;
}

const refused = (path: string, expected: string, found: string): JoineryError =>
  new JoineryError('ERR_SERVER_LISTEN', `--workload-api ${path}: expected ${expected}, found ${found}`, {
    hint: 'a directory of its own for each consumer, owned by it, mode 0700',
  });

async function prepare(path: string): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { mode } = await stat(directory);
  if ((mode & 0o077) !== 0) throw refused(path, 'a directory that only its owner may enter', `mode 0${(mode & 0o777).toString(8)}`);
  if (await answers(path)) throw refused(path, 'nobody there', 'another process that answers');
  await rm(path, { force: true });
}

/** A socket that a process has left behind when it was killed answers nobody. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

class Source {
  identity: WorkloadIdentity | undefined;
  streams = 0;
  readonly #waiting = new Set<() => void>();

  publish(identity: WorkloadIdentity | undefined): void {
    this.identity = identity;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Settles at the next change, or when the stream ends. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }
}

function routes(router: ConnectRouter, source: Source): void {
  router.service(SpiffeWorkloadAPI, {
    fetchX509SVID: (_request, context) =>
      follow(source, context, ({ spiffeId, svid, key, bundle }) => ({
        svids: [{ spiffeId, x509Svid: bytes(svid), x509SvidKey: bytes(key), bundle: bytes(bundle) }],
      })),
    fetchX509Bundles: (_request, context) =>
      follow(source, context, ({ trustDomain, bundle }) => ({ bundles: { [trustDomain]: bytes(bundle) } })),
  });
}

const bytes = (data: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(data);

/** What is now, and then each change. */
async function* follow<T>(source: Source, { requestHeader, signal }: HandlerContext, message: (identity: WorkloadIdentity) => T) {
  // The specification: proof that no browser or proxy was talked into asking.
  if (requestHeader.get('workload.spiffe.io') !== 'true')
    throw new ConnectError('security header missing from request', Code.InvalidArgument);
  if (source.streams >= MAX_STREAMS) throw new ConnectError('too many streams', Code.ResourceExhausted);
  source.streams += 1;
  try {
    while (!signal.aborted) {
      const { identity } = source;
      if (identity === undefined) throw new ConnectError('no identity issued', Code.PermissionDenied);
      const next = source.changed(signal);
      yield message(identity);
      await next;
    }
  } finally {
    source.streams -= 1;
  }
}
