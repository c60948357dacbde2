import * as Flags from '@oclif/core/flags';
import { combineKey } from '../../../app/combine-key.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { positionals } from '../../../cli/flags.ts';
import { nameOfInput, readInput } from '../../../cli/input.ts';
import { decodeUtf8, utf8 } from '../../../core/encoding.ts';
import { JoineryError } from '../../../core/errors.ts';

const MAX_SHARE_BYTES = 64 * 1024;

export default class CaKeyCombine extends BaseCommand<typeof CaKeyCombine> {
  static override summary = 'Give back the passphrase that was split into shares';
  static override description =
    'Needs no realm. What comes out is checked against a digest that was split with it. The passphrase is written to a new file, mode ' +
    '0600, and never printed unless --reveal asks for it.';
  static override examples = ['<%= config.bin %> <%= command.id %> share-1-of-5.txt share-3-of-5.txt share-4-of-5.txt --out passphrase'];
  static override args = { share: positionals({ description: 'files with shares; as many as are needed' }) };
  static override flags = {
    out: Flags.string({ char: 'o', description: 'new file for the passphrase', exclusive: ['reveal'], helpValue: 'FILE' }),
    reveal: Flags.boolean({ description: 'print the passphrase' }),
  };

  protected async execute(): Promise<Outcome> {
    const { out, reveal } = this.flags;
    if (out === undefined && !reveal) throw new JoineryError('ERR_USAGE', 'expected --out FILE or --reveal, found neither');
    const { files } = this.context.world;
    const texts = await Promise.all(
      this.args.share.map(async (path) => {
        const what = nameOfInput(path);
        return { what, text: decodeUtf8(await readInput(files, path, MAX_SHARE_BYTES), what) };
      }),
    );
    const { set, passphrase } = await combineKey(texts, await this.context.secretSharing());
    if (out === undefined) return { data: { set, passphrase: passphrase.reveal() }, text: passphrase.reveal() };
    await files.create(out, utf8(`${passphrase.reveal()}\n`), 0o600);
    return { data: { set, file: out }, text: `wrote ${out}` };
  }
}
