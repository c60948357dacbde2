import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { fields } from '../../cli/render/text.ts';
import { readToken, tokenFileFlag } from '../../cli/token-flags.ts';
import { digestOfToken, explainToken } from '../../core/token/explain.ts';

export default class TokenExplain extends BaseCommand<typeof TokenExplain> {
  static override summary = 'Say what a token is, without verifying it';
  static override description =
    'Any token of any dialect: what it pins and over which bytes, what it grants, until when, how often, who could misuse it and how, ' +
    'and what a verifier still has to check. The token itself is not printed.';
  static override examples = ['<%= config.bin %> <%= command.id %> --token-file found.txt'];
  static override flags = { 'token-file': tokenFileFlag };

  protected async execute(): Promise<Outcome> {
    const token = await readToken(this.context.world.files, this.flags['token-file']);
    const told = explainToken(token);
    const { toCheck, ...rest } = told;
    const list = (title: string, items: readonly string[]) =>
      items.length === 0 ? [] : ['', title, ...items.map((item) => `  - ${item}`)];
    const head = fields({
      token: told.what,
      id: told.id,
      sha256: digestOfToken(token),
      grants: told.grants,
      until: told.until,
      uses: told.uses,
    });
    const text = [
      head,
      ...list('pins', told.pins),
      ...list('who could misuse it', told.misuse),
      ...list('still to check (nothing is verified here)', toCheck),
    ];
    return { data: { ...rest, sha256: digestOfToken(token), to_check: toCheck }, text: text.join('\n') };
  }
}
