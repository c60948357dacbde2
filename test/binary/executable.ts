/** Where `npm run build:binary` puts what ships, and how the tests of it run it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

export const VERSION = version;
export const directory = `${root}dist/binary`;
export const name = `joinery-${version}-${process.platform}-${process.arch}`;
export const executable = `${directory}/${name}`;

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly input?: string;
  readonly argv0?: string;
}

/** Runs the executable, in an empty environment unless one is given. */
export const run = (argv: readonly string[], options: RunOptions = {}): Ran => runFile(executable, argv, options);

export function runFile(file: string, argv: readonly string[], options: RunOptions = {}): Ran {
  const { status, stdout, stderr, error } = spawnSync(file, argv, { env: {}, encoding: 'utf8', timeout: 60_000, ...options });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}
