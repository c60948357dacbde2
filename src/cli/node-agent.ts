/** `node agent`: the agent with the real world around it, and how signals move it. */
import { notifySystemd, runReloadHook } from '../adapters/run-program.ts';
import { execAlert } from '../adapters/alert-hook.ts';
import { jsonLogger } from '../adapters/logger.ts';
import type { AgentOptions, AgentWorld } from '../client/agent-world.ts';
import { type NodeAgent, startAgent } from '../client/node-agent.ts';
import type { WorkloadApi } from '../adapters/workload-api.ts';
import type { AlertShares } from '../core/join/agent-schedule.ts';
import { JoineryError } from '../core/errors.ts';
import { parseWorkloadAddress } from '../core/join/workload-identity.ts';
import type { LogLevel } from '../core/telemetry.ts';
import type { World } from './context.ts';
import { currentIo } from './io.ts';
import { nodeClientWorld } from './node-flags.ts';

export interface RunAgentOptions extends Omit<AgentOptions, 'watchdog'> {
  readonly logLevel: LogLevel;
  /** Program that is given alerts. */
  readonly alertProgram: string | undefined;
  /** `unix:` and the absolute path of each socket of the Workload API: one for each consumer. */
  readonly workloadApi: readonly string[];
}

/** Runs until SIGTERM or SIGINT, and ends after what is under way; a second one ends it at once. @returns the signal */
export async function runAgent(world: World, options: RunAgentOptions): Promise<string> {
  const held: { agent?: NodeAgent; signal?: string } = {};
  const stop = (signal: string): void => {
    if (held.signal !== undefined) process.exit(130);
    held.signal = signal;
    held.agent?.stop();
  };
  const now = (): void => held.agent?.now();
  // Before anything else: a signal that comes while the agent begins must not end it half-way.
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', now);
  const sockets: WorkloadApi[] = [];
  try {
    for (const address of options.workloadApi) sockets.push(await openWorkloadApi(address));
    const publish: AgentWorld['publish'] = (identity) => sockets.forEach((socket) => socket.publish(identity));
    const agentPorts = { ...(await agentWorld(world, options)), ...(sockets.length > 0 && { publish }) };
    held.agent = startAgent(agentPorts, { ...options, watchdog: watchdogSeconds(currentIo().env) });
    if (held.signal !== undefined) held.agent.stop();
    await held.agent.done;
    return held.signal ?? 'none';
  } finally {
    for (const socket of sockets) await socket.stop();
    process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', now);
  }
}

/** gRPC is loaded where it is asked for. */
async function openWorkloadApi(address: string): Promise<WorkloadApi> {
  return (await import('../adapters/workload-api.ts')).startWorkloadApi(parseWorkloadAddress(address, '--workload-api'));
}

async function agentWorld(world: World, { logLevel, alertProgram }: RunAgentOptions): Promise<AgentWorld> {
  const { env, stderr } = currentIo();
  const logger = jsonLogger({ stream: stderr.stream, level: logLevel });
  const alert = alertProgram === undefined ? undefined : execAlert([alertProgram]);
  return {
    ...(await nodeClientWorld(world)),
    runHook: runReloadHook,
    alert: async (message) => alert?.(message),
    notify: (...states) => notifySystemd(env['NOTIFY_SOCKET'], states),
    log: (level, message, fields) => logger.log(level, message, fields),
  };
}

/**
 * The objective of renewals, as shares of the life of the certificate that are left: `15%`.
 * @throws ERR_USAGE
 */
export function alertShares(flags: Readonly<Record<'alert-late' | 'alert-expiring', string>>): AlertShares {
  const [late, expiring] = (['alert-late', 'alert-expiring'] as const).map((flag) => shareOf(`--${flag}`, flags[flag])) as [number, number];
  if (expiring <= late) return { late, expiring };
  throw new JoineryError('ERR_USAGE', `--alert-expiring: expected at most ${flags['alert-late']}, which is --alert-late, found more`);
}

function shareOf(flag: string, text: string): number {
  const [, number] = /^(\d{1,2}(?:\.\d{1,3})?)%$/.exec(text) ?? [];
  if (number !== undefined && Number(number) > 0) return Number(number) / 100;
  throw new JoineryError(
    'ERR_USAGE',
    `${flag}: expected a share like 15%, above 0% and below 100%, found ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/** What systemd waits for between two signs of life, where it does (WatchdogSec=). */
export function watchdogSeconds(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const text = env['WATCHDOG_USEC'] ?? '';
  return /^[1-9]\d{3,15}$/.test(text) ? Number(text) / 1_000_000 : undefined;
}
