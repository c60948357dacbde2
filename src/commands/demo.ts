import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../cli/base-command.ts';
import { DEMO_EXPORT, DEMO_STEPS, demoPlace } from '../cli/demo.ts';
import { runInProcess } from '../cli/in-process.ts';
import { printable } from '../cli/render/text.ts';

export default class Demo extends BaseCommand<typeof Demo> {
  static override readonly listsCommands = true;
  static override summary = 'Walk the whole way once, from nothing to a verified onboarding package, in a temporary directory';
  static override description =
    'Every line that it prints with a $ is a command that you can type yourself. With --keep the directory stays, to look around in it.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --keep'];
  static override flags = {
    keep: Flags.boolean({ description: 'leave the directory with realm and package, and say where it is' }),
  };

  protected async execute(): Promise<Outcome> {
    const demo = await demoPlace();
    const shown: { command: string; result: string }[] = [];
    try {
      if (!this.flags.json) await this.line(`${this.paint('dim', `$ ${DEMO_EXPORT}`)}\n`);
      for (const step of DEMO_STEPS) {
        const data = await this.context.progress.step(step.title, () =>
          runInProcess(this.config, step.argv, demo.directory, demo.variables),
        );
        const result = { command: `joinery ${step.argv.join(' ')}`, result: step.summary(data) };
        shown.push(result);
        if (!this.flags.json) await this.#show(step.title, result);
      }
    } finally {
      if (this.flags.keep) demo.keep();
      else demo.remove();
    }
    const where = this.flags.keep ? demo.directory : undefined;
    return { data: { steps: shown, directory: where ?? null }, text: this.#ending(where) };
  }

  async #show(title: string, { command, result }: { readonly command: string; readonly result: string }): Promise<void> {
    await this.line(`${this.paint('green', '\u2714')} ${this.paint('bold', title)}`);
    await this.line(`  ${this.paint('dim', `$ ${command}`)}`);
    await this.line(`  ${printable(result)}\n`);
  }

  #ending(directory: string | undefined): string {
    const kept =
      directory === undefined
        ? 'The directory is gone again; joinery demo --keep leaves it.'
        : `It is all in ${directory}; the passphrases are in offline.pass and online.pass.`;
    return `${this.paint('bold', 'A bare node can now be told whom to trust, and prove who it is.')}\nNo network was used. ${kept}`;
  }
}
