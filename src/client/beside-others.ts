/** Several runs at once on one node directory: a timer beside a person. They share one key, so that whichever is first does it for all. */
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { identityLayout } from '../core/join/node-directory.ts';
import type { NodeClientWorld } from './node-client.ts';

/** For the other run to make the switch that it is about to make. */
const LOOKS = 50;
const PAUSE_MS = 100;

export interface SharedRun<T> {
  readonly directory: string;
  /** What `identity/current` led to when this run began. */
  readonly generation: string | undefined;
  work(): Promise<T>;
  /** What there is to say once another run has made the switch. */
  again(): Promise<T>;
}

/** @throws ERR_NODE_BUSY where another run stood in the way and did not come to an end; what `work` throws otherwise */
export async function besideOthers<T>(
  { switches, timer }: Pick<NodeClientWorld, 'switches' | 'timer'>,
  { directory, generation, work, again }: SharedRun<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isRace(error, directory)) throw error;
    for (let look = 0; look < LOOKS; look++) {
      if ((await switches.target(identityLayout(directory).current)) !== generation) return again();
      await timer.sleep(PAUSE_MS);
    }
    throw new JoineryError('ERR_NODE_BUSY', `${directory}: expected no other run at work in it, found its changes`, {
      hint: 'run it again: it goes on with the same key',
      cause: error,
    });
  }
}

/** A file of the node directory that came, went or changed under our hands. */
function isRace(error: unknown, directory: string): boolean {
  if (isJoineryError(error, 'ERR_STORE_CONFLICT')) return true;
  if (!isJoineryError(error, 'ERR_FILE_EXISTS') && !isJoineryError(error, 'ERR_FILE_NOT_FOUND')) return false;
  return String(error.details['path']).startsWith(`${directory}/`);
}
