/** Does what the doctor may do without asking. */
import type { Disk } from '../core/doctor/disk.ts';
import type { Finding, Fix } from '../core/doctor/finding.ts';
import { isJoineryError } from '../core/errors.ts';

export interface FixResult {
  readonly fix: Fix;
  /** Why it could not be done. */
  readonly failed?: string;
}

/** @returns what was done, in the order of the findings. */
export async function fixFindings(disk: Disk, findings: readonly Finding[]): Promise<readonly FixResult[]> {
  const results: FixResult[] = [];
  for (const { fix } of findings) if (fix !== undefined) results.push(await done(disk, fix));
  return results;
}

async function done(disk: Disk, fix: Fix): Promise<FixResult> {
  try {
    await (fix.kind === 'mode' ? disk.setMode(fix.path, fix.mode) : disk.remove(fix.path));
    return { fix };
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    return { fix, failed: error.message };
  }
}
