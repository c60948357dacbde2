import * as Flags from '@oclif/core/flags';
import { backupRealm } from '../../app/backup-realm.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';

export default class RealmBackup extends BaseCommand<typeof RealmBackup> {
  static override summary = 'Copy a realm into a new directory';
  static override description =
    'A consistent copy while the realm is in use: state, configuration, keys (as encrypted as they are), certificates, and backup.json with ' +
    'the digest of each. Its files are 0600: with the passphrases, a backup is the realm.';
  static override examples = ['<%= config.bin %> <%= command.id %> --out /media/stick/realm-2026-11-22'];
  static override flags = {
    out: Flags.string({ char: 'o', required: true, description: 'new directory to write', helpValue: 'DIR' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const engine = await this.context.storeEngine();
    const found = await this.context.progress.step('copying the realm', () => backupRealm(realm, engine, this.flags.out));
    const { directory, files, auditSize, digest } = found;
    return {
      data: { directory, files, audit_size: auditSize, digest },
      text: fields({ backup: directory, files, 'audit records': auditSize, 'sha256 of backup.json': digest }),
    };
  }
}
