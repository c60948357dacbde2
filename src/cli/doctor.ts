/** Runs the doctor for a command: over a realm, a node or a fleet. */
import { resolve } from 'node:path';
import { examineFleet, examineNode, type NodeExamination } from '../app/doctor-node.ts';
import { examineRealm } from '../app/doctor-realm.ts';
import type { Disk } from '../core/doctor/disk.ts';
import type { Finding } from '../core/doctor/finding.ts';
import { type Horizon, HORIZONS } from '../core/doctor/horizon.ts';
import type { Horizons } from '../core/doctor/issuance.ts';
import { isJoineryError } from '../core/errors.ts';
import { certificateKeys } from './certificate-world.ts';
import type { Context } from './context.ts';
import { durationFlag } from './flags.ts';
import { currentIo } from './io.ts';
import { nodeWorld } from './node-world.ts';

export interface DoctorFlags {
  readonly realm?: string | undefined;
  readonly node?: string | undefined;
  readonly fleet?: string | undefined;
  readonly keys: boolean;
  readonly keychain: boolean;
  readonly 'warn-before'?: string | undefined;
  readonly 'critical-before'?: string | undefined;
}

export interface Diagnosis {
  /** `realm`, `node` or `fleet`. */
  readonly kind: string;
  readonly path: string;
  /** Nodes of a fleet. */
  readonly nodes?: number;
  readonly findings: readonly Finding[];
}

export async function systemDisk(): Promise<Disk> {
  return (await import('../adapters/disk.ts')).systemDisk;
}

/** @throws ERR_USAGE, ERR_FILE_NOT_FOUND, ERR_REALM_NOT_FOUND */
export async function diagnose(context: Context, flags: DoctorFlags): Promise<Diagnosis> {
  const disk = await systemDisk();
  const given = givenHorizon(flags);
  if (flags.node === undefined && flags.fleet === undefined) return diagnoseRealm(context, flags, disk, given);
  const world: NodeExamination = { ...nodeWorld(context.world), disk, keys: certificateKeys(), horizon: given };
  if (flags.node !== undefined) {
    const path = resolve(currentIo().cwd(), flags.node);
    return { kind: 'node', path, findings: (await examineNode(world, path)).findings };
  }
  const path = resolve(currentIo().cwd(), flags.fleet as string);
  return { kind: 'fleet', path, ...(await examineFleet(world, path)) };
}

async function diagnoseRealm(context: Context, flags: DoctorFlags, disk: Disk, given: Horizon | undefined): Promise<Diagnosis> {
  const path = await realmDirectory(context, flags);
  const findings = await examineRealm({
    directory: path,
    disk,
    now: context.world.clock.now(),
    format: async () => (await context.storeEngine()).formatOf(`${path}/state.db`),
    open: () => context.realm(),
    openKeys: flags.keys,
    keychain: flags.keychain ? () => context.keychain() : undefined,
    horizons: given === undefined ? HORIZONS : sameForAll(given),
  });
  return { kind: 'realm', path, findings };
}

/** A configuration that cannot be read is a finding, so the directory is known without it where a flag or variable names it. */
async function realmDirectory(context: Context, flags: DoctorFlags): Promise<string> {
  const { cwd, env } = currentIo();
  try {
    return resolve(cwd(), (await context.location()).directory);
  } catch (error) {
    if (!isJoineryError(error, 'ERR_CONFIG_MALFORMED')) throw error;
    return resolve(cwd(), flags.realm ?? (env['JOINERY_REALM'] || '.'));
  }
}

function sameForAll(horizon: Horizon): Horizons {
  return { authority: horizon, certificate: horizon, list: horizon, manifest: horizon };
}

function givenHorizon(flags: DoctorFlags): Horizon | undefined {
  const { 'warn-before': warn, 'critical-before': critical } = flags;
  if (warn === undefined && critical === undefined) return undefined;
  const before = critical === undefined ? 0 : durationFlag('--critical-before', critical);
  return { warn: warn === undefined ? before : durationFlag('--warn-before', warn), critical: before };
}
