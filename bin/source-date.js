// The time of the sources: what is made from the same sources is the same, whenever it is made.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Seconds: SOURCE_DATE_EPOCH, or the time of the last commit, or 0 where there is no repository. */
export function sourceDate(env = process.env) {
  if (env.SOURCE_DATE_EPOCH !== undefined) {
    if (!/^\d{1,12}$/.test(env.SOURCE_DATE_EPOCH)) throw new Error('SOURCE_DATE_EPOCH: expected seconds, found something else');
    return Number(env.SOURCE_DATE_EPOCH);
  }
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' });
  return status === 0 ? Number(stdout) : 0;
}

/** `2026-11-23` */
export const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
