/** Whether the disk of a realm still takes what a server writes: a full one lets every read pass, and no join. */
import { systemTimer } from '../adapters/timer.ts';
import type { Realm } from '../app/realm.ts';

/** About what a page of commits needs. */
const PROBE_BYTES = 64 * 1024;
/** Whoever asks more often gets the answer of before: a probe is two writes to the disk. */
const FRESH_MS = 5000;
export const PROBE_FILE = '.ready-probe';

/** @returns what writes a small file beside the state and removes it. It throws ERR_FILE_DISK_FULL, ERR_FILE_ACCESS. */
export function diskProbe(
  { files, directory }: Pick<Realm, 'files' | 'directory'>,
  elapsed: () => number = () => systemTimer.elapsed(),
): () => Promise<void> {
  const path = `${directory}/${PROBE_FILE}`;
  const write = async (): Promise<void> => {
    try {
      await files.replace(path, new Uint8Array(PROBE_BYTES), 0o600);
    } finally {
      await files.remove(path);
    }
  };
  let last: { readonly at: number; readonly result: Promise<void> } | undefined;
  return () => {
    if (last === undefined || elapsed() - last.at >= FRESH_MS) last = { at: elapsed(), result: write() };
    return last.result;
  };
}
