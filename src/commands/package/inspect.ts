import { inspectPackage } from '../../app/inspect-package.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional } from '../../cli/flags.ts';
import { inspectionData, inspectionText } from '../../cli/render/packages.ts';

export default class PackageInspect extends BaseCommand<typeof PackageInspect> {
  static override summary = 'Show what a package would tell a node, without proving it and without showing the token';
  static override description =
    'Reads cloud-init user-data back: cluster, role, URLs, both trust bundles, what the token grants, every file with mode and digest, and the ' +
    'commands that run as root. User-data that joinery did not render is refused.';
  static override examples = ['<%= config.bin %> <%= command.id %> pkg', '<%= config.bin %> <%= command.id %> pkg/user-data --json'];
  static override args = { path: positional({ description: 'a package directory or a user-data file', required: true }) };

  protected async execute(): Promise<Outcome> {
    const inspection = await inspectPackage(await this.context.packageReader(), this.args.path);
    return { data: inspectionData(inspection), text: inspectionText(inspection) };
  }
}
