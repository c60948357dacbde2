/** The identity that a SPIFFE Workload API gives, followed on its open stream: what `identitySource` has instead of a node directory. */
import { equalBytes } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { PortableKeys } from '../core/key-ports.ts';
import type { TransportIdentity } from '../core/join/transport.ts';
import { type ReadWorkload, readWorkload, type WorkloadSvid } from '../core/join/workload-identity.ts';
import type { Random } from '../core/ports.ts';
import type { IdentitySnapshot, IdentityWatch } from './identity-watch.ts';
import type { Timer } from './world.ts';

export interface WorkloadWorld {
  readonly keys: PortableKeys;
  readonly timer: Timer;
  readonly random: Random;
  /** Ends with the signal. @throws ERR_WORKLOAD_UNAVAILABLE */
  readonly openWorkload: (path: string, signal: AbortSignal) => AsyncGenerator<WorkloadSvid, void, undefined>;
}

export interface WatchWorkloadOptions {
  /** Of the socket. */
  readonly path: string;
  /** Hears of a stream that broke or what cannot be used; the last good identity stays in use, and the stream is opened again. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** For the first message of a stream: a Workload API has it at hand. */
const FIRST_MS = 10_000;
const MAX_PAUSE_MS = 30_000;

/** The identity of now. @throws ERR_WORKLOAD_UNAVAILABLE, ERR_WORKLOAD_MALFORMED */
export async function workloadTransportIdentity(world: WorkloadWorld, path: string): Promise<TransportIdentity> {
  const { key, certificates } = await readNow(world, path);
  return { key, certificates };
}

/** @throws ERR_WORKLOAD_UNAVAILABLE, ERR_WORKLOAD_MALFORMED for the first identity */
export async function watchWorkload(world: WorkloadWorld, { path, onFailure }: WatchWorkloadOptions): Promise<IdentityWatch> {
  const listeners = new Set<(snapshot: IdentitySnapshot) => void>();
  const ended = new AbortController();
  let current = snapshotOf(await readNow(world, path));
  const take = (read: ReadWorkload): IdentitySnapshot => {
    const next = snapshotOf(read);
    const changed = next.fingerprint !== current.fingerprint || next.trust['node-cert-lifecycle'] !== current.trust['node-cert-lifecycle'];
    if (!changed) return current;
    current = next;
    for (const listener of listeners) listener(next);
    return next;
  };
  const follow = async (): Promise<void> => {
    for (let failures = 0; !ended.signal.aborted; failures++) {
      try {
        for await (const svid of world.openWorkload(path, ended.signal)) {
          take(await usable(world, svid));
          failures = 0;
        }
      } catch (error) {
        onFailure?.(error);
        await world.timer.sleep(pauseMs(world.random, failures), ended.signal, true);
      }
    }
  };
  void follow();
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    refresh: async () => take(await readNow(world, path)),
    close: () => ended.abort(),
  };
}

/** Full jitter, so that the consumers of one agent do not come back together. */
function pauseMs(random: Random, failures: number): number {
  const [byte = 0] = random.bytes(1);
  return 100 + (Math.min(MAX_PAUSE_MS, 1000 * 2 ** failures) * byte) / 256;
}

async function readNow(world: WorkloadWorld, path: string): Promise<ReadWorkload> {
  const ended = new AbortController();
  const late = world.timer.sleep(FIRST_MS, ended.signal, true).then((): Promise<never> => {
    throw new JoineryError('ERR_WORKLOAD_UNAVAILABLE', `Workload API ${path}: expected an identity, found none in time`);
  });
  const stream = world.openWorkload(path, ended.signal);
  try {
    const { value } = (await Promise.race([stream.next(), late])) as IteratorYieldResult<WorkloadSvid>;
    return await usable(world, value);
  } finally {
    late.catch(() => undefined);
    ended.abort();
    // The generator closes its connection on its own time.
    void stream.return(undefined).catch(() => undefined);
  }
}

/** @throws ERR_WORKLOAD_MALFORMED for a key that is another's */
async function usable({ keys }: WorkloadWorld, svid: WorkloadSvid): Promise<ReadWorkload> {
  const read = readWorkload(svid);
  const { spki } = await keys.open(read.key.reveal(), 'x509_svid_key', () => Promise.reject(new Error('not encrypted')));
  if (equalBytes(spki, read.certificate.spki)) return read;
  throw new JoineryError('ERR_WORKLOAD_MALFORMED', 'Workload API: expected the key of the certificate, found another');
}

function snapshotOf({ identity, certificate, key, certificates, anchors }: ReadWorkload): IdentitySnapshot {
  const { fingerprint, notAfter } = certificate;
  const trust = { 'node-cert-lifecycle': anchors, 'control-plane-https': '' };
  return { identity, generation: fingerprint, fingerprint, notAfter, key, certificates, trust };
}
