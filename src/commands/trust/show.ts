import { showTrust } from '../../app/show-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { purposeFlag, versionFlag } from '../../cli/trust-flags.ts';
import { anchorData, anchorTable, summaryData, summaryFields } from '../../cli/trust-output.ts';

export default class TrustShow extends BaseCommand<typeof TrustShow> {
  static override summary = 'Show one version of a trust bundle and what it changed';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https',
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --version 2',
  ];
  static override flags = { ...purposeFlag, version: versionFlag('the version to show (default: the active one)'), ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { summary, manifest, changes } = await showTrust(await this.context.realm(), this.flags.purpose, this.flags.version);
    return {
      data: {
        ...summaryData(summary),
        bundle_pem: manifest.bundle_pem,
        anchors: anchorData(changes),
        signers: manifest.signers.map((jwk) => ({ ...jwk })),
      },
      text: `${summaryFields(summary)}\n\n${anchorTable(changes)}`,
    };
  }
}
