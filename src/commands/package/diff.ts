import { diffPackagesAt } from '../../app/diff-packages.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional } from '../../cli/flags.ts';
import { differenceData, differenceText } from '../../cli/render/packages.ts';

export default class PackageDiff extends BaseCommand<typeof PackageDiff> {
  static override summary = 'Show what two packages tell their nodes differently';
  static override description =
    'Compares what is said (cluster, URLs, trust versions, what the token grants, agent, services) and the files on the node by mode, owner and ' +
    'digest, across formats; never shows a token. Nothing is proved: use package verify for that.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pkg-old pkg-new',
    '<%= config.bin %> <%= command.id %> a/user-data b/seed.iso --json',
  ];
  static override args = {
    from: positional({ description: 'a package directory or a rendered file', required: true }),
    to: positional({ description: 'another', required: true }),
  };

  protected async execute(): Promise<Outcome> {
    const { from, to } = this.args;
    const difference = await diffPackagesAt(await this.context.packageReader(), from, to);
    return { data: differenceData(difference), text: differenceText(difference) };
  }
}
