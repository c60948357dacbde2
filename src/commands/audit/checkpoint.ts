import * as Flags from '@oclif/core/flags';
import { signCheckpoint } from '../../app/checkpoint-audit.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../cli/flags.ts';
import { toHex, utf8 } from '../../core/encoding.ts';

export default class AuditCheckpoint extends BaseCommand<typeof AuditCheckpoint> {
  static override summary = 'Sign a checkpoint over the audit log';
  static override description =
    'A C2SP signed note over the Merkle root of all records. The realm keeps it; a copy outside the realm (--out, or the output) is what later ' +
    'proves that nothing was cut off. When nothing was recorded since the last checkpoint, that one is given again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --out /media/stick/checkpoint.txt --online-passphrase-file pass',
  ];
  static override flags = {
    out: Flags.string({ char: 'o', description: 'new file to write the note to (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { out } = this.flags;
    const realm = await this.context.realm();
    const { note, size, root, verifierKey, signed } = await signCheckpoint(realm);
    const data = { size, root: toHex(root), verifier_key: verifierKey, signed, note };
    if (out === undefined || out === '-') return { data, text: note.trimEnd() };
    await realm.files.create(out, utf8(note), 0o644);
    return { data: { ...data, file: out }, text: `wrote ${out}: ${size} records\nverifier key: ${verifierKey}` };
  }
}
