/** Looks through a directory for the doctor, and guards its checks: what one cannot read is a finding, and the others go on. */
import type { Disk } from '../core/doctor/disk.ts';
import type { SeenFile } from '../core/doctor/files.ts';
import type { Finding } from '../core/doctor/finding.ts';
import { isJoineryError } from '../core/errors.ts';

/** @param directories relative, without those that are not there; `''` is the root itself. Links are seen and not followed. */
export async function seenFiles(disk: Disk, root: string, directories: readonly string[]): Promise<readonly SeenFile[]> {
  const seen = new Map<string, SeenFile>();
  for (const directory of directories) {
    const base = directory === '' ? root : `${root}/${directory}`;
    const own = await disk.look(base);
    if (own === undefined) continue;
    seen.set(directory, { path: directory, entry: own });
    if (own.kind !== 'directory') continue;
    for (const name of await disk.list(base)) {
      const path = directory === '' ? name : `${directory}/${name}`;
      const entry = await disk.look(`${root}/${path}`);
      if (entry !== undefined) seen.set(path, { path, entry });
    }
  }
  return [...seen.values()];
}

/** Runs a check; an error with a code becomes a finding. */
export async function guarded(where: string, check: () => Promise<readonly Finding[]>): Promise<readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (!isJoineryError(error) || error.family === 'bug') throw error;
    const { code, message, hint } = error;
    const next = hint ?? 'what depends on it was not checked';
    if (code === 'ERR_AUDIT_TAMPERED') return [{ code: 'audit-tampered', severity: 'critical', where, what: message, next }];
    return [{ code: 'check-failed', severity: 'critical', where, what: `${message} [${code}]`, next }];
  }
}
