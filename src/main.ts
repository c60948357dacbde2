/** Runs the command line: finds the command, lets it run, and reports what oclif itself refuses. */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Manifest, PJSON } from '@oclif/core/interfaces';
import { run } from '@oclif/core/run';
import { currentIo, type Io, withIo, write } from './cli/io.ts';
import { EmbeddedPlugin } from './cli/embedded-plugin.ts';
import { isBrokenPipe, toFailure } from './cli/failure.ts';
import { failureJson, failureLines } from './cli/render/failure.ts';
import { COMMANDS } from './command-table.ts';
import { JoineryError } from './core/errors.ts';
import { nearest } from './core/names.ts';

/** What {@link main} needs to know of the program: the directory of the package and the two documents that are embedded. */
export interface Program {
  readonly root: string;
  readonly pjson: PJSON;
  readonly manifest: Manifest;
}

/** The program as `npm run build` lays it out: package.json above this file, the manifest beside it. */
export function builtProgram(): Program {
  const here = dirname(fileURLToPath(import.meta.url));
  const json = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as unknown;
  return { root: dirname(here), pjson: json('../package.json') as PJSON, manifest: json('./oclif.manifest.json') as Manifest };
}

/** Runs one command line. The exit status is left in `process.exitCode`. */
export async function main(argv: readonly string[], program: Program, io: Io = currentIo()): Promise<void> {
  // A reader that has seen enough (`| head`) is no error; nothing can be shown to it any more.
  for (const stream of [io.stdout, io.stderr]) stream.on('error', (error) => noteLostOutput(error, io));
  await withIo(io, async () => {
    const { root, pjson, manifest } = program;
    const plugin = new EmbeddedPlugin(root, COMMANDS, { pjson, manifest });
    await plugin.load();
    try {
      await run([...argv], { root, pjson, plugins: new Map([[plugin.name, plugin]]) });
    } catch (error) {
      if (isBrokenPipe(error)) return;
      await refuse(error, argv, manifest, io);
    }
  });
}

/** Whoever awaits the write reports its error; what oclif prints nobody awaits, so that the status is all that can tell. */
function noteLostOutput(error: Error, io: Io): void {
  if (!isBrokenPipe(error)) io.setExitStatus(toFailure(error).exitStatus);
}

/** Errors that no command caught: an unknown command, or a bug in the framework's part. */
async function refuse(error: unknown, argv: readonly string[], manifest: Manifest, io: Io): Promise<void> {
  const exit = (error as { oclif?: { exit?: number } }).oclif?.exit;
  if (exit === 0) return;
  const unknown = error instanceof Error && /^command .* not found$/.test(error.message);
  const failure = toFailure(unknown ? unknownCommand(argv, Object.keys(manifest.commands)) : error);
  currentIo().setExitStatus(failure.exitStatus);
  if (argv.includes('--json')) await write(io.stdout, `${failureJson(failure, [])}\n`);
  else await write(io.stderr, `${failureLines(failure, (_format, text) => text).join('\n')}\n`);
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
