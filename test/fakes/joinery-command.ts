/** How tests start joinery as a process: the executable that `JOINERY_BIN` names, or else this clone under the Node.js that runs the test. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const bin = process.env['JOINERY_BIN'];

/** The executable under test, as an absolute path; nothing when it is the clone. */
export const executable: string | undefined = bin === undefined || bin === '' ? undefined : resolve(bin);

const start = (file: string): string => fileURLToPath(new URL(`../../bin/${file}`, import.meta.url));

/**
 * @param from what is run without an executable: the last build, or the sources, which need none.
 * @returns the program and the arguments before those of joinery
 */
export function joineryCommand(from: 'build' | 'sources' = 'build'): readonly [string, ...string[]] {
  return executable === undefined ? [process.execPath, start(from === 'build' ? 'run.js' : 'dev.js')] : [executable];
}

/** The command as words of a shell, in single quotes. */
export const joineryWords = (from?: 'build' | 'sources'): string =>
  joineryCommand(from)
    .map((word) => `'${word.replaceAll("'", `'\\''`)}'`)
    .join(' ');

export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** 128 when a signal ended it. */
  readonly exit: number;
}

/** Runs the program to its end, with these streams, environment and directory and nothing of the test's own. */
export async function runProcess(
  argv: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly stdin: string },
): Promise<Ended> {
  const [program, ...first] = joineryCommand();
  const child = spawn(program, [...first, ...argv], { cwd: options.cwd, env: options.env, stdio: 'pipe' });
  const exited = new Promise<number>((done, failed) => {
    child.once('error', failed);
    child.once('close', (status) => done(status ?? 128));
  });
  // A program that reads nothing may be gone before this is written.
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin);
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { stdout, stderr, exit };
}
