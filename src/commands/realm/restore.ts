import * as Flags from '@oclif/core/flags';
import { backupAge, restoreRealm } from '../../app/restore-realm.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { JoineryError } from '../../core/errors.ts';
import { formatDuration, formatInstant } from '../../core/time.ts';

export default class RealmRestore extends BaseCommand<typeof RealmRestore> {
  static override summary = 'Make a realm from a backup';
  static override description =
    'Checks every digest, then writes a new directory. Every join token issued before the restore is refused from then on, because the backup ' +
    'cannot know which of them were spent. Revocations and issuances after the backup are not in it: repeat them.';
  static override examples = ['<%= config.bin %> <%= command.id %> /media/stick/realm-2026-11-22 --to realm'];
  static override args = { backup: positional({ description: 'directory of the backup', required: true }) };
  static override flags = {
    to: Flags.string({ required: true, description: 'directory of the new realm', helpValue: 'DIR' }),
    actor: realmFlags.actor,
    'correlation-id': realmFlags['correlation-id'],
  };

  protected async execute(): Promise<Outcome> {
    const { backup } = this.args;
    const { to } = this.flags;
    const { world, progress } = this.context;
    const engine = await this.context.storeEngine();
    const config = await this.context.configIn(backup).catch((error: unknown) => noBackup(error, backup));
    const result = await progress.step('restoring the realm', () => restoreRealm(world, engine, { backup, to, config }));
    const age = backupAge(result, world.clock.now());
    this.warning(`what happened in the ${formatDuration(age)} since the backup is not in the realm; repeat revocations of that time`);
    const notBefore = formatInstant(result.tokenNotBefore);
    return {
      data: { realm_id: result.realmId, directory: to, backup_created_at: result.backupCreatedAt, token_not_before: notBefore },
      text: fields({ realm: to, id: result.realmId, 'backup of': result.backupCreatedAt, 'tokens refused before': notBefore }),
    };
  }
}

/** Nobody who restores wants to create a realm: the hint for a realm that is not there would mislead. */
function noBackup(error: unknown, backup: string): never {
  if (!(error instanceof JoineryError) || error.code !== 'ERR_REALM_NOT_FOUND') throw error;
  throw new JoineryError('ERR_REALM_NOT_FOUND', `expected a backup in ${backup}, found no joinery.yaml`, {
    hint: 'name the directory that joinery realm backup --out made',
    cause: error,
  });
}
