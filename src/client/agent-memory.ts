/** What an agent knows from one turn to the next, and what of it outlives the process: `agent.json`. */
import { canonicalBytes, canonicalJson, type JsonObject, parseStrictJson } from '../core/canonical-json.ts';
import { concat, decodeUtf8, utf8 } from '../core/encoding.ts';
import { type ErrorCode, isJoineryError } from '../core/errors.ts';
import { type AgentDocument, agentMetrics, parseAgentDocument } from '../core/join/agent-state.ts';
import { pauseAfter, pauseBounds } from '../core/join/agent-schedule.ts';
import type { Files } from '../core/ports.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import type { AgentOptions, AgentWorld } from './agent-world.ts';

export interface AgentMemory {
  renewals: number;
  failures: number;
  failures_total: number;
  code: ErrorCode | undefined;
  last_success: string | undefined;
  told: string | undefined;
  alerted_for: string | undefined;
  alerts: readonly string[];
  /** Milliseconds of the timer, which no clock moves: when the last attempt failed, and seconds of the pause that was drawn then. */
  failedAtMs: number;
  pause: number;
  /** Of the timer: when trust is looked at next. */
  trustAtMs: number;
  /** Certificate and trust that were given to consumers. */
  published: string | undefined;
  /** What was written last, and when. */
  written: string;
  writtenAtMs: number;
}

const MAX_STATE = 64 * 1024;

const agentPath = (directory: string): string => `${directory}/agent.json`;

/** Without a file, or with one that cannot be read, it begins anew: nothing in it is needed to renew. */
export async function recallAgent(world: Pick<AgentWorld, 'files' | 'timer' | 'log'>, directory: string): Promise<AgentMemory> {
  const kept = await readAgent(world, directory);
  return {
    renewals: kept?.renewals ?? 0,
    failures_total: kept?.failures_total ?? 0,
    last_success: kept?.last_success,
    told: kept?.told,
    alerted_for: kept?.alerted_for,
    alerts: kept?.alerts ?? [],
    failures: 0,
    code: undefined,
    failedAtMs: 0,
    pause: 0,
    trustAtMs: world.timer.elapsed(),
    published: undefined,
    written: '',
    writtenAtMs: 0,
  };
}

async function readAgent(world: Pick<AgentWorld, 'files' | 'log'>, directory: string): Promise<AgentDocument | undefined> {
  const path = agentPath(directory);
  if ((await world.files.stat(path)) === undefined) return undefined;
  try {
    return parseAgentDocument(parseStrictJson(decodeUtf8(await world.files.read(path, MAX_STATE), path), path), path);
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    world.log('warn', 'state of the agent was not read', { code: error.code, detail: error.message });
    return undefined;
  }
}

/** Counts an attempt that failed and draws the pause after it. @param left seconds of the certificate; 0 without one */
export function noteFailure(
  world: Pick<AgentWorld, 'timer' | 'random'>,
  memory: AgentMemory,
  code: ErrorCode,
  left: number,
  retryAfter: number,
): void {
  memory.failures += 1;
  memory.failures_total += 1;
  memory.code = code;
  memory.failedAtMs = world.timer.elapsed();
  memory.pause = pauseAfter(memory.failures, pauseBounds(left), world.random, retryAfter);
}

export function noteSuccess(memory: AgentMemory, now: Instant): void {
  memory.renewals += 1;
  memory.last_success = formatInstant(now);
  calm(memory);
}

/** Nothing is wrong any more. */
export function calm(memory: AgentMemory): void {
  memory.failures = 0;
  memory.code = undefined;
}

/**
 * Seconds until the next attempt; 0 for now. Never less than what is left of the pause, and never more than what the rest of the
 * certificate allows now: a machine that slept in between has less of it left.
 */
export function pauseLeft(world: Pick<AgentWorld, 'timer'>, memory: AgentMemory, left: number): number {
  if (memory.failures === 0) return 0;
  const pause = Math.min(memory.pause, pauseBounds(left).cap);
  return Math.max(0, pause - (world.timer.elapsed() - memory.failedAtMs) / 1000);
}

export type Shown = Pick<AgentDocument, 'state' | 'identity' | 'serial' | 'due_at' | 'expires_at'>;

/** Prometheus calls a text file stale that nobody touches. */
const FRESH_MS = 300_000;

/** Writes both files where they have changed, or grow old. @throws ERR_FILE_* */
export async function writeAgent(
  world: { readonly files: Files } & Pick<AgentWorld, 'clock' | 'timer'>,
  { directory, metricsFile }: Pick<AgentOptions, 'directory' | 'metricsFile'>,
  memory: AgentMemory,
  shown: Shown,
): Promise<void> {
  const { renewals, failures, failures_total, code, last_success, told, alerted_for, alerts } = memory;
  const content = { ...shown, renewals, failures, failures_total, code, last_success, told, alerted_for, alerts };
  const present = Object.fromEntries(Object.entries(content).filter(([, value]) => value !== undefined)) as JsonObject;
  const text = canonicalJson(present);
  const elapsed = world.timer.elapsed();
  if (text === memory.written && elapsed - memory.writtenAtMs < FRESH_MS) return;
  // A node directory is made by the first join.
  if ((await world.files.stat(`${directory}/.`)) === undefined) return;
  const document: AgentDocument = {
    ...(present as unknown as AgentDocument),
    schema: 'joinery/node-agent/1',
    updated_at: formatInstant(world.clock.now()),
  };
  await world.files.replace(agentPath(directory), concat(canonicalBytes({ ...document } as JsonObject), utf8('\n')), 0o644);
  if (metricsFile !== undefined) await world.files.replace(metricsFile, utf8(agentMetrics(document)), 0o644);
  Object.assign(memory, { written: text, writtenAtMs: elapsed });
}
