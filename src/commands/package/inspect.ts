import { inspectBatch } from '../../app/inspect-batch.ts';
import { inspectPackage } from '../../app/inspect-package.ts';
import { isBatch } from '../../app/verify-packages.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional } from '../../cli/flags.ts';
import { batchInspectionData, batchInspectionText, inspectionData, inspectionText } from '../../cli/render/packages.ts';

export default class PackageInspect extends BaseCommand<typeof PackageInspect> {
  static override summary = 'Show what a package would tell a node, without proving it and without showing the token';
  static override description =
    'Reads cloud-init user-data back: cluster, role, URLs, both trust bundles, what the token grants, every file with mode and digest, and the ' +
    'commands that run as root. User-data that joinery did not render is refused. Of many packages it says what they share, and where one of them is.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pkg',
    '<%= config.bin %> <%= command.id %> pkg/user-data --json',
    '<%= config.bin %> <%= command.id %> batch',
  ];
  static override args = {
    path: positional({ description: 'a package directory, one of many packages, or a rendered file', required: true }),
  };

  protected async execute(): Promise<Outcome> {
    const { path } = this.args;
    const reader = await this.context.packageReader();
    if (await isBatch(reader.files, path)) {
      const batch = await inspectBatch(reader.files, path);
      return { data: batchInspectionData(path, batch), text: batchInspectionText(path, batch) };
    }
    const inspection = await inspectPackage(reader, path);
    return { data: inspectionData(inspection), text: inspectionText(inspection) };
  }
}
