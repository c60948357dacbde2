/** Tells the consumers of an identity that it, or the trust beside it, is another: once for each change, again after a failure. */
import { type NodeIdentity } from '../app/node-identity.ts';
import { readNodeState } from '../app/node-trust.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { isJoineryError } from '../core/errors.ts';
import { generationFiles } from '../core/join/node-directory.ts';
import { hookName, parseReloadHooks, type ReloadHook } from '../core/join/reload-hooks.ts';
import { PURPOSES } from '../core/trust/purpose.ts';
import type { AgentMemory } from './agent-memory.ts';
import { type AgentOptions, type AgentWorld, feedWatchdog } from './agent-world.ts';

const MAX_HOOKS = 64 * 1024;

/** @throws ERR_NODE_DIRECTORY for a `reload.conf` that cannot be read, ERR_TRUST_STATE_MALFORMED */
export async function tellHooks(
  world: AgentWorld,
  options: AgentOptions,
  memory: AgentMemory,
  { generation, certificate }: NodeIdentity,
): Promise<void> {
  const { directory } = options;
  const { purposes } = await readNodeState(world, `${directory}/trust/state.json`);
  const trust = PURPOSES.map((purpose) => `${purposes[purpose]?.held ?? 0}:${purposes[purpose]?.fingerprint.slice(0, 16) ?? ''}`);
  const change = [generation, certificate.serialNumber, ...trust].join(' ');
  if (memory.told === change) return;
  const results: boolean[] = [];
  for (const hook of await readHooks(world, directory)) {
    await feedWatchdog(world, options);
    results.push(await runHook(world, hook, generationFiles(directory, generation).directory));
  }
  if (!results.includes(false)) memory.told = change;
}

async function readHooks({ files }: AgentWorld, directory: string): Promise<readonly ReloadHook[]> {
  const path = `${directory}/reload.conf`;
  if ((await files.stat(path)) === undefined) return [];
  return parseReloadHooks(decodeUtf8(await files.read(path, MAX_HOOKS), path), path);
}

async function runHook(world: AgentWorld, hook: ReloadHook, identity: string): Promise<boolean> {
  try {
    await world.runHook(hook, identity);
    world.log('info', 'reload hook ran', { hook: hookName(hook) });
    return true;
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    world.log('warn', 'reload hook failed', { hook: hookName(hook), code: error.code, detail: error.message });
    return false;
  }
}
