import { readFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Manifest, PJSON } from '@oclif/core/interfaces';
import type { Io } from '../../src/cli/io.ts';
import { main, type Program } from '../../src/main.ts';
import { type Ended, executable, runProcess } from '../fakes/joinery-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(`${root}${path}`, 'utf8')) as unknown;

/** The program under test: the sources of the commands with the manifest of the last build. */
export function testProgram(): Program {
  const pjson = json('package.json') as PJSON;
  return { root, version: pjson.version, pjson: () => pjson, manifest: () => json('dist/oclif.manifest.json') as Manifest };
}

export interface CliResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number;
  /** stdout as JSON. */
  json(): {
    ok: boolean;
    schema?: string;
    data: Record<string, unknown>;
    error: { code: string; message: string; hint?: string; details: Record<string, unknown> };
    warnings: string[];
  };
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string | undefined>;
  readonly stdin?: string;
  readonly tty?: boolean;
}

function sink(tty: boolean): { stream: NodeJS.WriteStream; text(): string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString('utf8'));
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY: tty }) as unknown as NodeJS.WriteStream, text: () => chunks.join('') };
}

/**
 * Runs one command line in this process, over the sources, with its own streams, environment and directory; with `JOINERY_BIN` the
 * executable runs it as a process, unless it asks for a terminal, which only the sources can be given.
 */
export async function runCli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { stdout, stderr, exit } =
    executable === undefined || options.tty === true ? await runHere(argv, options) : await runExecutable(argv, options);
  return { stdout, stderr, exit, json: () => JSON.parse(stdout) as ReturnType<CliResult['json']> };
}

const runExecutable = (argv: readonly string[], { cwd = root, env = {}, stdin = '' }: CliOptions): Promise<Ended> =>
  runProcess(argv, { cwd, env, stdin });

async function runHere(argv: readonly string[], options: CliOptions): Promise<Ended> {
  const [out, err] = [sink(options.tty ?? false), sink(options.tty ?? false)];
  let exit = 0;
  const io: Io = {
    stdin: Object.assign(Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]), {
      isTTY: options.tty ?? false,
    }) as unknown as NodeJS.ReadStream,
    stdout: out,
    stderr: err,
    env: { ...options.env },
    cwd: () => options.cwd ?? root,
    setExitStatus: (status) => {
      exit = status;
    },
  };
  await main(argv, testProgram(), io);
  return { stdout: out.text(), stderr: err.text(), exit };
}
