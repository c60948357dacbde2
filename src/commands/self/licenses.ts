import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { licenses } from '../../cli/own-executable.ts';

export default class SelfLicenses extends BaseCommand<typeof SelfLicenses> {
  static override summary = 'Print the licences of everything in this executable';
  static override description = 'Of Node.js, of what it is made of, and of every package that joinery uses: the texts, word for word.';
  static override examples = ['<%= config.bin %> <%= command.id %> | less'];

  protected async execute(): Promise<Outcome> {
    const text = await licenses();
    return { data: { text }, text: text.trimEnd() };
  }
}
