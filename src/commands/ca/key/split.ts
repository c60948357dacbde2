import * as Flags from '@oclif/core/flags';
import { splitKey } from '../../../app/split-key.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyFlags, positional, realmFlags } from '../../../cli/flags.ts';

export default class CaKeySplit extends BaseCommand<typeof CaKeySplit> {
  static override summary = "Split the passphrase of an authority's key into shares";
  static override description =
    'Any --threshold of the --shares give the passphrase back (joinery ca key combine); fewer say nothing about it. Each share is one ' +
    'small text file, mode 0600, that can be typed from paper. All keys of the custody have the same passphrase.';
  static override examples = ['<%= config.bin %> <%= command.id %> node-root --shares 5 --threshold 3 --out shares'];
  static override args = { name: positional({ description: 'name of the authority', required: true }) };
  static override flags = {
    shares: Flags.integer({ required: true, min: 2, max: 255, description: 'how many shares there are', helpValue: 'N' }),
    threshold: Flags.integer({ required: true, min: 2, max: 255, description: 'how many of them are needed', helpValue: 'M' }),
    out: Flags.string({ char: 'o', required: true, description: 'new directory for the shares', helpValue: 'DIR' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { shares, threshold, out } = this.flags;
    const realm = await this.context.realm();
    const { set, custody, files } = await splitKey(realm, {
      name: this.args.name,
      shares,
      threshold,
      out,
      sharing: await this.context.secretSharing(),
      passphrase: (custody) => this.context.passphrases(custody, 'open'),
    });
    return { data: { set, custody, shares, threshold, files: [...files] }, text: files.join('\n') };
  }
}
