/**
 * Keeps the identity of a node alive without anybody watching: renews it, brings newer trust, tells its consumers, raises alerts, and
 * joins again with a new token after all else has failed. It sleeps until something is due; every turn reads the files and the clock anew.
 */
import { type NodeIdentity, readNodeIdentity } from '../app/node-identity.ts';
import { type ErrorCode, isJoineryError, type JoineryError } from '../core/errors.ts';
import { lifeAlerts, pauseBounds, renewalDue, sleepFor } from '../core/join/agent-schedule.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { keyThumbprintOf } from '../core/join/node-key.ts';
import { Secret } from '../core/secret.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import { instantOf } from '../core/trust/manifest.ts';
import { raiseAlerts } from './agent-alerts.ts';
import { tellHooks } from './agent-hooks.ts';
import { publishIdentity } from './agent-publish.ts';
import { type AgentMemory, calm, noteFailure, noteSuccess, pauseLeft, recallAgent, type Shown, writeAgent } from './agent-memory.ts';
import { followTrust } from './agent-trust.ts';
import { type AgentOptions, type AgentWorld, feedWatchdog } from './agent-world.ts';
import { joinNode } from './join-node.ts';
import { renewNode } from './renew-node.ts';

export interface NodeAgent {
  /** Looks and acts now, whatever is due: SIGHUP. */
  now(): void;
  /** Ends after what is under way: SIGTERM. */
  stop(): void;
  /** Settles when it has stopped. @throws what is no fault of the outside */
  readonly done: Promise<void>;
}

/** Begins at once. */
export function startAgent(world: AgentWorld, options: AgentOptions): NodeAgent {
  const control = { stopped: false, force: false, sleep: new AbortController() };
  const wake = (): void => control.sleep.abort();
  const run = async (): Promise<void> => {
    const memory = await recallAgent(world, options.directory);
    const clocks = { skew: world.clock.now() - world.timer.elapsed() / 1000 };
    for (let ready = false; !control.stopped; ready = true) {
      control.sleep = new AbortController();
      const force = control.force;
      control.force = false;
      noteJump(world, clocks);
      const seconds = await turn({ world, options: withinWatchdog(options), memory, force });
      if (!ready) await world.notify('READY=1');
      await world.timer.sleep(seconds * 1000, control.sleep.signal);
    }
    await world.notify('STOPPING=1');
  };
  return {
    now: () => {
      control.force = true;
      wake();
    },
    stop: () => {
      control.stopped = true;
      wake();
    },
    done: run(),
  };
}

/** Seconds that the clock may drift from the timer between two turns. */
const JUMP = 5;

function noteJump({ clock, timer, log }: AgentWorld, clocks: { skew: number }): void {
  const skew = clock.now() - timer.elapsed() / 1000;
  const jump = Math.round(skew - clocks.skew);
  if (Math.abs(jump) >= JUMP) log('warn', 'the clock moved', { seconds: jump });
  clocks.skew = skew;
}

/** What a turn asks of servers, at most four times one after the other, is over before the service manager loses its patience. */
function withinWatchdog(options: AgentOptions): AgentOptions {
  const { timeoutMs, watchdog } = options;
  return watchdog === undefined ? options : { ...options, timeoutMs: Math.min(timeoutMs, watchdog * 250) };
}

interface Turn {
  readonly world: AgentWorld;
  readonly options: AgentOptions;
  readonly memory: AgentMemory;
  readonly force: boolean;
}

/** @returns seconds to sleep. */
async function turn(context: Turn): Promise<number> {
  const { world, options, memory } = context;
  await feedWatchdog(world, options);
  const before = await look(context);
  const acted = await act(context, before);
  await feedWatchdog(world, options);
  const after = acted ? await look(context) : before;
  const now = world.clock.now();
  await raiseAlerts(world, options, memory, {
    subject: after.identity?.certificate.serialNumber,
    kinds: alertsOf(options, memory, after, now),
  });
  if (after.identity !== undefined)
    await guarded(world, 'reload hooks', () => tellHooks(world, options, memory, after.identity as NodeIdentity));
  const usable = after.state === 'valid' || after.state === 'due';
  await guarded(world, 'workload api', () => publishIdentity(world, options, memory, usable));
  await guarded(world, 'state of the agent', () => writeAgent(world, options, memory, shownOf(after)));
  await world.notify(`STATUS=${statusOf(after, memory)}`);
  return sleepFor(waitOf(context, after, now), after.life, options.watchdog);
}

interface Look {
  readonly state: Shown['state'];
  readonly identity: NodeIdentity | undefined;
  /** Of the certificate; 0 without one. */
  readonly due: Instant;
  readonly issuedAt: Instant;
  readonly expiresAt: Instant;
  /** Seconds. */
  readonly life: number;
}

const NONE = { due: 0 as Instant, issuedAt: 0 as Instant, expiresAt: 0 as Instant, life: 0 };

/** The pair on disk, read again each time: a key and a certificate that do not belong together are not used. */
async function look({ world, options, memory }: Turn): Promise<Look> {
  try {
    const identity = await readNodeIdentity(world, options.directory);
    if (identity === undefined) return { ...NONE, state: 'waiting', identity };
    const { issuedAt, expiresAt, due } = scheduleOf(identity);
    const now = world.clock.now();
    const state = now >= expiresAt ? 'expired' : now >= due ? 'due' : 'valid';
    return { state, identity, due, issuedAt, expiresAt, life: expiresAt - issuedAt };
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    if (memory.code !== error.code) world.log('error', 'identity cannot be used', { code: error.code, detail: error.message });
    memory.code = error.code;
    return { ...NONE, state: 'broken', identity: undefined };
  }
}

function scheduleOf({ certificate, meta }: NodeIdentity) {
  const { notBefore, notAfter: expiresAt, serialNumber: serial, spki } = certificate;
  const issuedAt = meta.issued_at === undefined ? notBefore : instantOf(meta.issued_at);
  const node = meta.node ?? keyThumbprintOf({ der: spki });
  return { issuedAt, expiresAt, due: renewalDue({ node, serial, issuedAt, expiresAt }) };
}

/** @returns whether the identity may be another now. */
async function act(context: Turn, before: Look): Promise<boolean> {
  const { world, options, memory, force } = context;
  const left = leftOf(before, world.clock.now());
  if (before.state === 'broken') return false;
  if (!force && pauseLeft(world, memory, left) > 0) return false;
  if (before.state === 'due' || (force && before.state === 'valid')) return attempt(context, 'renewed', left, () => renew(context, left));
  if (before.state === 'valid') {
    calm(memory);
    await guarded(world, 'trust', () => followTrust(world, options, memory, force));
    return false;
  }
  return (await hasToken(context)) && attempt(context, 'joined', 0, () => rejoin(context));
}

const leftOf = ({ expiresAt }: Look, now: Instant): number => Math.max(0, expiresAt - now);

async function attempt({ world, options, memory }: Turn, done: string, left: number, work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    noteSuccess(memory, world.clock.now());
    // Newer trust came with the reply.
    memory.trustAtMs = world.timer.elapsed() + options.trustEvery * 1000;
    world.log('info', done, {});
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    noteFailure(world, memory, error.code, left, retryAfterOf(error));
    world.log('warn', `not ${done}`, {
      code: error.code,
      detail: error.message,
      failures: memory.failures,
      pause: Math.round(memory.pause),
    });
  }
  return true;
}

function retryAfterOf({ details }: JoineryError): number {
  return typeof details['retry_after'] === 'number' ? details['retry_after'] : 0;
}

function renew({ world, options }: Turn, left: number): Promise<unknown> {
  const { directory, urls, timeoutMs, evidence } = options;
  const onWarning = (message: string): void => world.log('warn', message);
  // An attempt that hangs must leave time for others.
  const limit = Math.min(timeoutMs, Math.max(1000, (left * 1000) / 4));
  // Attempts are spaced here, and not once more within each.
  return renewNode(world, { directory, urls, timeoutMs: limit, attempts: 1, evidence, onWarning });
}

const tokenPath = ({ directory }: AgentOptions): string => `${directory}/secrets/join-token`;
const MAX_TOKEN = 16 * 1024;

async function hasToken({ world, options }: Turn): Promise<boolean> {
  return (await world.files.stat(tokenPath(options))) !== undefined;
}

/** With the token that somebody put there: nothing proves an expired node any more. */
function rejoin({ world, options }: Turn): Promise<unknown> {
  const { directory, urls = [], timeoutMs, evidence } = options;
  const path = tokenPath(options);
  const token = async (): Promise<Secret> => new Secret(decodeUtf8(await world.files.read(path, MAX_TOKEN), path).trim());
  const onWarning = (message: string): void => world.log('warn', message);
  return joinNode(world, { directory, urls, pins: [], trustDigests: {}, token, tokenFile: path, timeoutMs, evidence, onWarning });
}

/** Refusals that waiting does not change. */
const REFUSALS: readonly ErrorCode[] = [
  'ERR_NODE_REVOKED',
  'ERR_CERTIFICATE_REVOKED',
  'ERR_CA_REVOKED',
  'ERR_PEER_CERTIFICATE',
  'ERR_RENEW_KEY',
  'ERR_RENEW_SUPERSEDED',
  'ERR_POLICY_DENIED',
];

function alertsOf(
  { alertShares }: AgentOptions,
  memory: AgentMemory,
  { state, issuedAt, expiresAt }: Look,
  now: Instant,
): readonly string[] {
  if (state === 'broken') return ['identity-broken'];
  if (state === 'waiting') return [];
  const { code } = memory;
  const refused = code !== undefined && REFUSALS.includes(code) ? ['renewal-refused'] : [];
  return [...refused, ...lifeAlerts({ issuedAt, expiresAt }, now, memory.failures > 0, alertShares)];
}

function waitOf({ world, options, memory }: Turn, { state, due, expiresAt }: Look, now: Instant): number {
  if (state === 'valid') return Math.min(due - now, (memory.trustAtMs - world.timer.elapsed()) / 1000);
  if (state === 'broken') return pauseBounds(0).cap;
  // Also where no attempt failed: a token may come at any time.
  const pause = pauseLeft(world, memory, Math.max(0, expiresAt - now));
  return pause > 0 ? pause : options.trustEvery;
}

function shownOf({ state, identity, due, expiresAt }: Look): Shown {
  if (identity === undefined) return { state };
  const { meta, certificate } = identity;
  return {
    state,
    identity: meta.identity,
    serial: certificate.serialNumber,
    due_at: formatInstant(due),
    expires_at: formatInstant(expiresAt),
  };
}

function statusOf(look: Look, { failures, code }: AgentMemory): string {
  const { state, due_at, expires_at } = shownOf(look);
  const until = expires_at === undefined ? '' : `, renews at ${due_at}, ends at ${expires_at}`;
  return `${state}${until}${failures > 0 ? `; ${failures} failures, last ${code}` : ''}`;
}

/** What fails beside the identity is logged, tried again at the next turn, and stops nothing. */
async function guarded(world: AgentWorld, what: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isJoineryError(error)) throw error;
    world.log('warn', `${what}: failed`, { code: error.code, detail: error.message });
  }
}
