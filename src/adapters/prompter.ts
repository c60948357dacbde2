/** Questions at the terminal, by inquirer. Without a terminal every question is an error that names the flags to use instead. */
import type { Interviewer } from '../core/drill/interviewer.ts';
import { JoineryError } from '../core/errors.ts';
import type { Prompter } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';

/** The terminal that a prompter talks to: stdin to read, stderr to ask (stdout carries results only). */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

interface Asking extends Terminal {
  /** Ends the question without an answer. */
  readonly signal: AbortSignal;
}

type Ask = <T>(question: string, instead: string, work: (io: Asking) => Promise<T>) => Promise<T>;

function askOn(terminal: Terminal): Ask {
  return async (question, instead, work) => {
    if (!terminal.input.isTTY || !terminal.output.isTTY) {
      throw new JoineryError('ERR_USAGE_NO_TERMINAL', `expected a terminal to ask "${question}", found none`, { hint: instead });
    }
    try {
      return await untilEnd(terminal, work);
    } catch (error) {
      if (error instanceof Error && ['ExitPromptError', 'AbortPromptError'].includes(error.name))
        throw new JoineryError('ERR_INTERRUPTED', 'interrupted at a question; nothing was changed');
      throw error;
    }
  };
}

/** Takes a person through a drill. @param instead what to use without a terminal. */
export function terminalInterviewer(terminal: Terminal, instead: string): Interviewer {
  const ask = askOn(terminal);
  const answer = async (question: string, type: object): Promise<string> =>
    ask(question, instead, async (io) => {
      const { default: inquirer } = await import('inquirer');
      const answers = await inquirer.createPromptModule(io)([{ name: 'answer', message: question, ...type } as never]);
      return String((answers as { readonly answer: unknown }).answer);
    });
  return {
    choose: (question, choices) => answer(question, { type: 'select', choices, loop: false }),
    text: (question) => answer(question, { type: 'input' }),
    say: (text) => say(terminal, text),
  };
}

export function terminalPrompter(terminal: Terminal): Prompter {
  const ask = askOn(terminal);
  return {
    passphrase: (question, { confirm, instead }) =>
      ask(question, instead, async (io) => {
        const first = await password(question, io);
        if (confirm && (await password(`${question} (again)`, io)) !== first) {
          throw new JoineryError('ERR_USAGE', 'expected the same passphrase twice, found two that differ', {
            hint: 'run the command again',
          });
        }
        return new Secret(first);
      }),
    confirmName: (name, { about, verb, instead }) => {
      const question = `Type ${name} to ${verb} it`;
      return ask(question, instead, async (io) => {
        const { default: inquirer } = await import('inquirer');
        await say(terminal, about);
        const validate = (typed: string): true | string =>
          typed.trim() === name || `expected ${name}, found another name: nothing was changed`;
        await inquirer.createPromptModule(io)([
          { type: 'input', name: 'answer', message: question, validate, theme: { validationFailureMode: 'clear' } },
        ]);
      });
    },
  };
}

/** Inquirer hears ctrl-C only: at ctrl-D, and when the terminal goes, its question would never end, and the process would end with status 0. */
async function untilEnd<T>(terminal: Terminal, work: (io: Asking) => Promise<T>): Promise<T> {
  const { input } = terminal;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  const onKey = (_text: string, key: { readonly ctrl: boolean; readonly name?: string }): void => {
    if (key.ctrl && key.name === 'd') end();
  };
  input.on('keypress', onKey).on('end', end);
  try {
    return await work({ ...terminal, signal: ending.signal });
  } finally {
    input.off('keypress', onKey).off('end', end);
  }
}

function say({ output }: Terminal, text: string): Promise<void> {
  return new Promise((resolve, reject) => output.write(`${text}\n`, (error) => (error ? reject(error) : resolve())));
}

async function password(message: string, io: Asking): Promise<string> {
  const { default: inquirer } = await import('inquirer');
  const { answer } = await inquirer.createPromptModule(io)([{ type: 'password', name: 'answer', message, mask: '*' }]);
  return String(answer);
}
