/** Questions at the terminal, by inquirer. Without a terminal every question is an error that names the flags to use instead. */
import { JoineryError } from '../core/errors.ts';
import type { Prompter } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';

/** The terminal that a prompter talks to: stdin to read, stderr to ask (stdout carries results only). */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

export function terminalPrompter(terminal: Terminal): Prompter {
  const ask = async <T>(question: string, instead: string, work: (io: Terminal) => Promise<T>): Promise<T> => {
    if (!terminal.input.isTTY || !terminal.output.isTTY) {
      throw new JoineryError('ERR_USAGE_NO_TERMINAL', `expected a terminal to ask "${question}", found none`, { hint: instead });
    }
    try {
      return await work(terminal);
    } catch (error) {
      if (error instanceof Error && error.name === 'ExitPromptError')
        throw new JoineryError('ERR_INTERRUPTED', 'interrupted at a question; nothing was changed');
      throw error;
    }
  };
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
    confirm: (question, { instead }) =>
      ask(question, instead, async (io) => {
        const { default: inquirer } = await import('inquirer');
        const { answer } = await inquirer.createPromptModule(io)([{ type: 'confirm', name: 'answer', message: question, default: false }]);
        return answer === true;
      }),
  };
}

async function password(message: string, io: Terminal): Promise<string> {
  const { default: inquirer } = await import('inquirer');
  const { answer } = await inquirer.createPromptModule(io)([{ type: 'password', name: 'answer', message, mask: '*' }]);
  return String(answer);
}
