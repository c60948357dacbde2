/** What every command is: parsed flags in, one result out, in text or as the JSON envelope; errors coded, secrets never shown. */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import type * as Interfaces from '@oclif/core/interfaces';
import { JoineryError } from '../core/errors.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { type Context, openContext, type RealmFlags } from './context.ts';
import { type Failure, isBrokenPipe, toFailure } from './failure.ts';
import { currentIo, write } from './io.ts';
import { failureJson, failureLines } from './render/failure.ts';
import { jsonText, printable, type Style, styleFor } from './render/text.ts';

/** The result of a command: `data` for `--json`, `text` for people. */
export interface Outcome {
  readonly data: JsonObject;
  /** Without the final newline; empty for a command that has already written its lines. */
  readonly text: string;
  /** A result that is also a refusal (a check that found something): 0 otherwise. */
  readonly exitStatus?: number;
}

export type FlagsOf<C extends typeof Command> = Interfaces.InferredFlags<(typeof BaseCommand)['baseFlags'] & C['flags']>;
export type ArgsOf<C extends typeof Command> = Interfaces.InferredArgs<C['args']>;

/** What the command table holds. */
export type CommandClass = Command.Class & Pick<typeof BaseCommand, 'listsCommands' | 'start'>;

export abstract class BaseCommand<C extends typeof Command> extends Command {
  static override baseFlags = {
    json: Flags.boolean({ description: 'print the result, or the error, as JSON', helpGroup: 'GLOBAL' }),
    quiet: Flags.boolean({ char: 'q', description: 'print the result and errors only', exclusive: ['verbose'], helpGroup: 'GLOBAL' }),
    verbose: Flags.boolean({ description: 'print details of what happens and of errors to stderr', helpGroup: 'GLOBAL' }),
  };

  /** Whether the command shows or runs other commands: it needs oclif's whole configuration. */
  static readonly listsCommands: boolean = false;

  /** What `run` of oclif does, without looking for plugins, topics and themes. */
  static async start(this: Command.Class, argv: readonly string[], config: Interfaces.Config): Promise<void> {
    const create = this as unknown as new (argv: string[], config: Interfaces.Config) => BaseCommand<typeof Command>;
    const command = new create([...argv], config);
    try {
      await command.run();
    } catch (error) {
      await command.catch(error);
    } finally {
      await command.finally();
    }
  }

  protected flags!: FlagsOf<C>;
  protected args!: ArgsOf<C>;
  readonly #warnings: string[] = [];
  #context: Context | undefined;

  /** Does the work; {@link Outcome} is shown by the base class. */
  protected abstract execute(): Promise<Outcome>;

  /** oclif would write to its debug log here, name itself to an HTTP library, and look for deprecations: nothing of that is used. */
  protected override init(): Promise<void> {
    return Promise.resolve();
  }

  override async run(): Promise<void> {
    const { flags, args } = await this.parse();
    this.flags = withFalse(flags, { ...this.ctor.baseFlags, ...this.ctor.flags }) as FlagsOf<C>;
    this.args = args as ArgsOf<C>;
    const outcome = await this.execute();
    await this.#present(outcome);
    if (outcome.exitStatus !== undefined) currentIo().setExitStatus(outcome.exitStatus);
  }

  override async catch(error: unknown): Promise<void> {
    // oclif would warn, where NODE_ENV is test or development, that a command with a wrong flag has not parsed its flags.
    this.parsed = true;
    if (isBrokenPipe(error)) return;
    const failure = toFailure(error, Object.keys({ ...this.ctor.baseFlags, ...this.ctor.flags }));
    currentIo().setExitStatus(failure.exitStatus);
    await this.#showFailure(failure, error);
  }

  override async finally(): Promise<void> {
    await this.#context?.close();
  }

  /** The world and the realm, opened when they are first asked for. */
  protected get context(): Context {
    this.#context ??= openContext(this.flags as RealmFlags, (message) => this.warning(message));
    return this.#context;
  }

  /** Something the user should know that is no error: on stderr, and in the envelope. */
  protected warning(message: string): void {
    if (this.#warnings.includes(message)) return;
    this.#warnings.push(message);
    if (!this.#json && !this.#argument('--quiet', '-q'))
      currentIo().stderr.stream.write(`${this.style('yellow', 'warning:')} ${printable(message)}\n`);
  }

  /** One line of a result that is written as it comes (a stream): JSON lines or text. */
  protected async line(text: string): Promise<void> {
    await write(currentIo().stdout, `${text}\n`);
  }

  /** Colours for the result. */
  protected get paint(): Style {
    const { stdout, env } = currentIo();
    return styleFor(stdout.stream, env);
  }

  /** Colours for messages. */
  protected get style(): Style {
    const { stderr, env } = currentIo();
    return styleFor(stderr.stream, env);
  }

  get #json(): boolean {
    return this.#argument('--json');
  }

  /** Looked up in argv, not in flags, because parse errors need it too. */
  #argument(...names: readonly string[]): boolean {
    const end = this.argv.indexOf('--');
    return (end === -1 ? this.argv : this.argv.slice(0, end)).some((argument) => names.includes(argument));
  }

  async #present(outcome: Outcome): Promise<void> {
    const { stdout } = currentIo();
    if (this.#json) {
      const schema = `joinery/${(this.id ?? '').replaceAll(':', '-')}/1`;
      await write(stdout, `${jsonText({ schema, ok: true, data: outcome.data, warnings: this.#warnings })}\n`);
    } else if (outcome.text !== '') await write(stdout, `${outcome.text}\n`);
  }

  async #showFailure(failure: Failure, error: unknown): Promise<void> {
    const { stdout, stderr } = currentIo();
    if (this.#json) {
      await write(stdout, `${failureJson(failure, this.#warnings)}\n`);
      return;
    }
    const lines = failureLines(failure, this.style);
    if (this.#argument('--verbose')) lines.push(...traceOf(error));
    await write(stderr, `${lines.join('\n')}\n`);
  }
}

/** oclif types a boolean flag that was not given as boolean, and leaves it undefined. */
function withFalse(flags: object, definitions: Readonly<Record<string, { readonly type: string }>>): object {
  const booleans = Object.keys(definitions).filter((name) => definitions[name]?.type === 'boolean');
  return { ...Object.fromEntries(booleans.map((name) => [name, false])), ...flags };
}

/** Stack and causes of an error, for --verbose. */
function traceOf(error: unknown): string[] {
  const lines: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause) {
    // Only our own messages are known to hold no argv and no secret; of others the kind and the place are shown.
    const stack = (current.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
    lines.push(current instanceof JoineryError ? `${current.code}: ${current.message}` : `caused by ${current.name}`, ...stack.slice(0, 8));
  }
  return lines;
}
