/** Runs the command line: finds the command, lets it run, and reports what oclif itself refuses. */
import { userInfo } from 'node:os';
import type { Config } from '@oclif/core/config';
import type { Manifest, PJSON } from '@oclif/core/interfaces';
import { loadCommand } from './cli/command-loader.ts';
import { type Failure, isBrokenPipe, toFailure } from './cli/failure.ts';
import { currentIo, type Io, type Output, withIo, write } from './cli/io.ts';
import { failureJson, failureLines } from './cli/render/failure.ts';
import { COMMANDS } from './command-table.ts';
import { JoineryError } from './core/errors.ts';
import { nearest } from './core/names.ts';

/** What {@link main} needs to know of the program: the directory of the package, and the documents that are embedded, read when asked for. */
export interface Program {
  readonly root: string;
  readonly version: string;
  readonly pjson: () => PJSON;
  readonly manifest: () => Manifest;
}

/** Runs one command line. The exit status is left in `process.exitCode`. */
export async function main(argv: readonly string[], program: Program, io: Io = currentIo()): Promise<void> {
  assureHome();
  await withIo(reporting(io), async () => {
    try {
      if (argv.length === 1 && argv[0] === '--version') await write(currentIo().stdout, versionLine(program.version));
      else await ((await directRun(argv, program)) ?? (() => frameworkRun(argv, program)))();
    } catch (error) {
      if (isBrokenPipe(error)) return;
      await refuse(error, argv);
    }
  });
}

/** Ends the process as it would end by itself, with nothing left to do, but without taking its memory apart: that costs milliseconds. */
export function leave(): void {
  // An error that nobody awaits, of a stream or a promise, is told after what is under way now, and has a status to set.
  setImmediate(() => {
    if (process.getActiveResourcesInfo().length === 0) process.exit();
  });
}

/** Libraries ask for home and shell when they load; a uid without a name (a container) has none, and Node.js throws. */
function assureHome(): void {
  const { env } = process;
  if (env['HOME'] !== undefined && env['SHELL'] !== undefined) return;
  try {
    userInfo();
  } catch {
    env['HOME'] ??= '/nonexistent';
    env['SHELL'] ??= '/bin/sh';
  }
}

/** The same world, where errors of a stream that nobody awaits set the status. */
function reporting(io: Io): Io {
  const watched = new Set<NodeJS.WriteStream>();
  const watching = (output: Output): Output => ({
    get stream() {
      const { stream } = output;
      if (!watched.has(stream)) stream.on('error', (error) => noteLostOutput(error, io));
      watched.add(stream);
      return stream;
    },
    atOnce: output.atOnce,
  });
  return {
    env: io.env,
    cwd: () => io.cwd(),
    setExitStatus: (status) => io.setExitStatus(status),
    get stdin() {
      return io.stdin;
    },
    stdout: watching(io.stdout),
    stderr: watching(io.stderr),
  };
}

function versionLine(version: string): string {
  return `joinery/${version} ${process.platform}-${process.arch} node-${process.version}\n`;
}

/**
 * A command line that begins with a whole command and does not ask for help needs nothing of the framework but its parser.
 * @returns how to run it, or undefined where oclif has to look for what is meant (help, topics, mistakes).
 */
async function directRun(argv: readonly string[], program: Program): Promise<(() => Promise<void>) | undefined> {
  const id = leadingCommand(argv);
  if (id === undefined || asksForHelp(argv)) return undefined;
  const command = await loadCommand(COMMANDS, id);
  const rest = argv.slice(id.split(':').length);
  const surplus = rest[0] !== undefined && !/^-|=/.test(rest[0]) && Object.keys(command.args).length === 0;
  if (surplus || command.listsCommands) return undefined;
  return () => command.start(rest, bareConfig(program));
}

/** What one command asks of oclif's configuration: there are no plugins, so no hooks, no topics, no themes to look for. */
function bareConfig({ version }: Program): Config {
  const runHook = () => Promise.resolve({ successes: [], failures: [] });
  return { bin: 'joinery', version, runHook } satisfies Partial<Config> as unknown as Config;
}

/** The longest id that the words before the first flag begin with, as oclif reads them. */
function leadingCommand(argv: readonly string[]): string | undefined {
  const firstFlag = argv.findIndex((word) => /^-|[=:]/.test(word));
  const words = firstFlag === -1 ? argv : argv.slice(0, firstFlag);
  const ids = words.map((_, index) => words.slice(0, index + 1).join(':'));
  return ids.findLast((id) => Object.hasOwn(COMMANDS, id));
}

function asksForHelp(argv: readonly string[]): boolean {
  return beforeDashes(argv).some((word) => word === '--help' || word === '-h');
}

/** What may be flags: `--` ends them. */
function beforeDashes(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end === -1 ? argv : argv.slice(0, end);
}

async function frameworkRun(argv: readonly string[], program: Program): Promise<void> {
  // oclif prints by console.log, which swallows errors where nobody else listens.
  void currentIo().stdout.stream;
  const { runFramework } = await import('./cli/framework.ts');
  await runFramework(argv, { root: program.root, pjson: program.pjson(), manifest: program.manifest() }, COMMANDS);
}

/** Whoever awaits the write reports its error; warnings, and what oclif prints, nobody awaits, so that the status is all that can tell. */
function noteLostOutput(error: Error, io: Io): void {
  if (!isBrokenPipe(error)) io.setExitStatus(toFailure(error).exitStatus);
}

/** Errors that no command caught: an unknown command, or a bug in the framework's part. */
async function refuse(error: unknown, argv: readonly string[]): Promise<void> {
  const exit = (error as { oclif?: { exit?: number } }).oclif?.exit;
  if (exit === 0) return;
  const unknown = error instanceof Error && /^command .* not found$/.test(error.message);
  const failure = toFailure(unknown ? unknownCommand(argv, Object.keys(COMMANDS)) : error);
  currentIo().setExitStatus(failure.exitStatus);
  await show(failure, beforeDashes(argv).includes('--json'));
}

/** Where stdout takes nothing, stderr may; where neither does, the status is all that can tell. */
async function show(failure: Failure, asJson: boolean): Promise<void> {
  const io = currentIo();
  const lines = () => write(io.stderr, `${failureLines(failure, (_format, text) => text).join('\n')}\n`);
  const shown = asJson ? write(io.stdout, `${failureJson(failure, [])}\n`).catch(lines) : lines();
  await shown.catch(() => undefined);
}

/** The words are not repeated: one of them may be a secret in the wrong place. */
function unknownCommand(argv: readonly string[], ids: readonly string[]): JoineryError {
  const known = ids.map((id) => id.replaceAll(':', ' '));
  const words = argv.filter((word) => !word.startsWith('-')).slice(0, 3);
  const prefix = known.find((command) => `${words.join(' ')} `.startsWith(`${command} `));
  if (prefix !== undefined && argv[0]?.startsWith('-')) {
    return new JoineryError('ERR_USAGE', `joinery ${prefix}: expected flags after the command, found one before it`, {
      hint: `see: joinery ${prefix} --help`,
    });
  }
  if (prefix !== undefined) {
    return new JoineryError('ERR_USAGE', `joinery ${prefix}: expected no further argument, found one too many`, {
      hint: `see: joinery ${prefix} --help`,
    });
  }
  const candidate = [3, 2, 1].map((count) => nearest(words.slice(0, count).join(' '), known)).find((found) => found !== undefined);
  return new JoineryError(
    'ERR_USAGE_UNKNOWN_COMMAND',
    `expected a command of joinery, found ${words.length === 0 ? 'none' : 'something else'}`,
    {
      hint: candidate === undefined ? 'see: joinery --help' : `did you mean: joinery ${candidate}`,
    },
  );
}
