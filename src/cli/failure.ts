/** Turns whatever was thrown into what is shown: a code, a message without the user's argv in it, a hint, an exit status. */
import { stripVTControlCharacters } from 'node:util';
import { fileError } from '../core/file-error.ts';
import { type ErrorCode, type ErrorDetails, JoineryError } from '../core/errors.ts';
import { nearest } from '../core/names.ts';

/** Shapes of oclif's parse errors that carry more than a text. Their messages repeat argv, which may hold a secret. */
interface ParseFailure extends Error {
  readonly parse?: unknown;
  readonly args?: readonly { readonly name?: string }[];
  readonly flags?: readonly string[];
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;
  readonly exitStatus: number;
}

/** @param knownFlags the command's flag names, for "did you mean". */
export function toFailure(error: unknown, knownFlags: readonly string[] = []): Failure {
  const coded = error instanceof JoineryError ? error : translate(error, knownFlags);
  const { code, message, hint, details, exitStatus } = coded;
  return { code, message, hint, details, exitStatus };
}

/** The reader of our output has gone (`| head`): nothing can be shown to it, and nothing is wrong. */
export function isBrokenPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EPIPE';
}

function translate(error: unknown, knownFlags: readonly string[]): JoineryError {
  const failure = error as ParseFailure;
  const parsing = failure instanceof Error ? /^Parsing --([a-z-]+) /.exec(failure.message)?.[1] : undefined;
  if (parsing !== undefined) return usage(`--${parsing}: expected ${kindOf(failure.message)}, found something else`);
  if (failure instanceof Error && ('parse' in failure || 'oclif' in failure)) return usageError(failure, knownFlags);
  // Files have codes of their own: only writing a result, or asking where one is, can fail like this.
  const { syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (syscall === 'write') return fileError(error, 'the output');
  if (syscall === 'uv_cwd') return fileError(error, 'the current directory');
  const message = failure instanceof Error ? failure.message : String(error);
  return new JoineryError('ERR_INTERNAL', `expected no such thing to happen, found: ${message}`, {
    hint: 'this is a bug; run again with --verbose and report what it prints',
    cause: error,
  });
}

/** "Expected an integer less than or equal to 9 but received: <what the user typed>" */
function kindOf(message: string): string {
  return /Expected (an integer(?: [a-z ]+ -?\d+)?) but received/.exec(message)?.[1] ?? 'another kind of value';
}

const usage = (message: string, hint = 'see --help') => new JoineryError('ERR_USAGE', message, { hint });

/** By the name of oclif's error class: its classes are not all exported. */
const USAGE_ERRORS: Readonly<Record<string, (failure: ParseFailure, knownFlags: readonly string[]) => JoineryError>> = {
  NonExistentFlagsError: (failure, knownFlags) => unknownFlag(failure.flags ?? [], knownFlags),
  UnexpectedArgsError: (failure) => usage(`expected no further argument, found ${failure.args?.length ?? 0} too many`),
  RequiredArgsError: (failure) =>
    usage(`expected the argument ${failure.args?.map((arg) => arg.name?.toUpperCase()).join(', ')}, found none`),
  // "Expected --flag=<what the user typed> to be one of: a, b"
  FlagInvalidOptionError: ({ message }) =>
    usage(`${/--[a-z-]+/.exec(message)?.[0]}: expected one of ${optionsOf(message)}, found something else`),
  ArgInvalidOptionError: ({ message }) => usage(`expected an argument out of ${optionsOf(message)}, found something else`),
  FailedFlagValidationError: ({ message }) => usage(plainReasons(message)),
  ViolatedFlagConstraintError: ({ message }) => usage(plainReasons(message)),
};

function usageError(failure: ParseFailure, knownFlags: readonly string[]): JoineryError {
  const known = USAGE_ERRORS[failure.constructor.name];
  if (known !== undefined) return known(failure, knownFlags);
  const flag = /^Flag --([a-z-]+) (expects a value|can only be specified once)/.exec(failure.message);
  return usage(flag ? `--${flag[1]}: ${flag[2]}` : 'the command line cannot be understood');
}

function unknownFlag(flags: readonly string[], knownFlags: readonly string[]): JoineryError {
  // `--tokne=SECRET` arrives whole: what follows the equals sign is not repeated.
  const names = flags.map((flag) => flag.split('=', 1)[0] as string).filter((flag) => /^--?[A-Za-z][A-Za-z-]{0,40}$/.test(flag));
  const candidate = nearest((names[0] ?? '').replace(/^-+/, ''), knownFlags);
  return new JoineryError('ERR_USAGE', `unknown flag ${names.join(', ') || '(not shown)'}`, {
    hint: candidate === undefined ? 'see --help' : `did you mean --${candidate}?`,
  });
}

/** The allowed values that end oclif's message. */
function optionsOf(message: string): string {
  return (/to be one of: (.*)$/m.exec(message)?.[1] ?? 'the documented values').trim();
}

/** "--flag=<what the user typed, of several lines perhaps> cannot also be ..." */
const EXCLUDED = /^(\s*--[a-z-]+)=.*? (cannot also be provided when using --[a-z-]+)$/gms;

/** "Missing required flag cluster" and the like: names only, with the values of `--flag=value` cut out; oclif dims them on a terminal. */
function plainReasons(message: string): string {
  const lines = stripVTControlCharacters(message).replace(EXCLUDED, '$1 $2').split('\n').slice(1);
  const reasons = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('See more help'));
  return reasons.map(plainReason).join('; ');
}

/** oclif's reasons in the words of joinery's own messages. */
function plainReason(line: string): string {
  return line
    .replace(/^Missing required flag (.*)$/, 'expected --$1, found none')
    .replace(/^All of the following must be provided when using (--[a-z-]+): (.*)$/, '$1: expected $2 with it, found none')
    .replace(/^(--[a-z-]+) cannot also be provided when using (--[a-z-]+)$/, '$1: expected it without $2, found both');
}
