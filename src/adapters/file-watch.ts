/** Notices that files changed, also when they are replaced by a rename or a switched symbolic link: by asking, because no notice can be missed. */
import { stat } from 'node:fs/promises';

const INTERVAL_MS = 1000;

/**
 * Calls back with the files that changed, came or went since the last look. The list is asked for each time.
 * @returns what stops it.
 */
export function watchFiles(
  files: () => readonly string[],
  onChange: (changed: readonly string[]) => void,
  intervalMs = INTERVAL_MS,
): () => void {
  let seen = new Map<string, string>();
  let first = true;
  let stopped = false;
  const look = async (): Promise<void> => {
    const now = new Map<string, string>();
    for (const file of files()) now.set(file, await stateOf(file));
    const changed = [...now].filter(([file, state]) => seen.has(file) && seen.get(file) !== state).map(([file]) => file);
    seen = now;
    if (!first && !stopped && changed.length > 0) onChange(changed);
    first = false;
  };
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, intervalMs);
  timer.unref();
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}

/** What differs when a file is written or another one takes its place. */
async function stateOf(file: string): Promise<string> {
  const found = await stat(file, { bigint: true }).catch(() => undefined);
  return found === undefined ? 'none' : `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
}
