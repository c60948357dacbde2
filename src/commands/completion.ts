import * as Args from '@oclif/core/args';
import { BaseCommand, type Outcome } from '../cli/base-command.ts';
import { completionScript, type Shell, SHELLS } from '../cli/completion/script.ts';

export default class Completion extends BaseCommand<typeof Completion> {
  static override readonly listsCommands = true;
  static override summary = 'Print a completion script for a shell';
  static override examples = [
    'source <(<%= config.bin %> <%= command.id %> bash)',
    '<%= config.bin %> <%= command.id %> zsh > ~/.zfunc/_joinery',
    '<%= config.bin %> <%= command.id %> fish > ~/.config/fish/completions/joinery.fish',
  ];
  static override args = {
    shell: Args.custom<Shell>({ options: [...SHELLS], description: 'the shell', required: true, ignoreStdin: true })({ required: true }),
  };

  protected execute(): Promise<Outcome> {
    const shell = this.args.shell;
    const commands = this.config.commands.filter((command) => !command.hidden);
    const topics = Object.fromEntries(this.config.topics.map((topic) => [topic.name, topic]));
    const script = completionScript(shell, commands, topics);
    return Promise.resolve({ data: { shell, script }, text: script.trimEnd() });
  }
}
