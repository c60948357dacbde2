import { showRevocation } from '../../app/revocation-history.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { shownRevocationData, shownRevocationText } from '../../cli/render/revocations.ts';

export default class RevocationShow extends BaseCommand<typeof RevocationShow> {
  static override summary = 'Show the revocation of a certificate: why, since when, by whom, and whether it stands';
  static override examples = ['<%= config.bin %> <%= command.id %> 5f0c6e2d8f3b4a7c9d1e2f3a4b5c6d7e'];
  static override args = { serial: positional({ description: 'serial number in hex', required: true }) };
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const shown = await showRevocation(await this.context.realm(), this.args.serial);
    return { data: shownRevocationData(shown), text: shownRevocationText(shown) };
  }
}
