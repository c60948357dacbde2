/** Runs a program without a shell: reload hooks, the service manager's notice, identity providers. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { JoineryError } from '../core/errors.ts';
import type { ReloadHook } from '../core/join/reload-hooks.ts';

export interface RunOptions {
  readonly stdin?: string | undefined;
  readonly timeoutMs: number;
  /** Of its output; more ends it. Default: none is read. */
  readonly maxBytes?: number | undefined;
  /** Of its environment, beside PATH. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

const failed = (program: string, found: string, cause?: unknown): JoineryError =>
  new JoineryError('ERR_PROGRAM_FAILED', `${program}: expected exit status 0, found ${found}`, { cause });

/**
 * It sees PATH and what is given of the environment, in which passphrases may stand.
 * @param command the program and its arguments. @returns what it wrote to stdout.
 * @throws ERR_PROGRAM_FAILED when it cannot be started, ends with another status than 0, not in time, or writes too much
 */
export function runProgram(command: readonly string[], options: RunOptions): Promise<Uint8Array> {
  const [program, ...args] = command as [string, ...string[]];
  const { stdin, timeoutMs, maxBytes, env } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', maxBytes === undefined ? 'ignore' : 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], ...env },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= (maxBytes as number)) chunks.push(chunk);
      else child.kill('SIGKILL');
    });
    child.on('error', (cause) => reject(failed(program, cause.message, cause)));
    // With a pipe for output its end counts; without one, a hook that leaves a service behind has ended all the same.
    child.on(maxBytes === undefined ? 'exit' : 'close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(chunks));
      else reject(failed(program, signal === null ? `exit status ${code}` : `its end by ${signal}`));
    });
    // A program that does not read its input is judged by its status.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(stdin ?? '');
  });
}

const HOOK_MS = 60_000;

/** @throws ERR_PROGRAM_FAILED */
export async function runReloadHook(hook: ReloadHook, identity: string): Promise<void> {
  if (hook.kind === 'signal') return signal(hook);
  const command = hook.kind === 'unit' ? ['systemctl', 'reload-or-restart', '--', hook.unit] : [hook.program, identity];
  await runProgram(command, { timeoutMs: HOOK_MS });
}

async function signal({ signal: name, pidFile }: Extract<ReloadHook, { kind: 'signal' }>): Promise<void> {
  try {
    const [line = ''] = (await readFile(pidFile, 'utf8')).split('\n');
    // 0 and negative numbers mean groups of processes.
    if (!/^[1-9]\d{0,9}$/.test(line.trim())) throw new Error('no process id');
    process.kill(Number(line), name as NodeJS.Signals);
  } catch (cause) {
    throw new JoineryError('ERR_PROGRAM_FAILED', `${pidFile}: expected the id of a process to signal, found ${(cause as Error).message}`, {
      cause,
    });
  }
}

const NOTIFY_MS = 5000;

/** Tells systemd, where it has started this process: Node has no datagram sockets of Unix, systemd-notify does. Never throws. */
export async function notifySystemd(socket: string | undefined, states: readonly string[]): Promise<void> {
  if (socket === undefined) return;
  // A manager that does not hear ends the process by its own watchdog.
  await runProgram(['systemd-notify', ...states], { timeoutMs: NOTIFY_MS, env: { NOTIFY_SOCKET: socket } }).catch(() => undefined);
}
