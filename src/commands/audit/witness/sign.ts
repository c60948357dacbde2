import * as Flags from '@oclif/core/flags';
import { cosignCheckpoint } from '../../../app/audit-witness.ts';
import { auditFile, writeText } from '../../../cli/audit-files.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { secretFile } from '../../../cli/cert-flags.ts';
import { certificateKeys } from '../../../cli/certificate-world.ts';
import { positional } from '../../../cli/flags.ts';
import { toHex } from '../../../core/encoding.ts';
import { JoineryError } from '../../../core/errors.ts';

export default class AuditWitnessSign extends BaseCommand<typeof AuditWitnessSign> {
  static override summary = 'Sign a checkpoint of an audit log as a witness';
  static override description =
    'The first checkpoint is taken as it is, signed by the key of the log. Every later one must come with a proof that it continues the last ' +
    'one that was signed here (joinery audit prove --since SIZE, which names the size to prove from). It is kept before it is given out. The ' +
    'note is the one of the log with one more line: a C2SP cosignature.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> checkpoint.txt --dir witness --out cosigned.txt',
    '<%= config.bin %> <%= command.id %> for-the-witness.txt --dir witness --key-passphrase-file pass --out cosigned.txt',
  ];
  static override args = { checkpoint: positional({ description: 'checkpoint, or proof around one; - for stdin', required: true }) };
  static override flags = {
    dir: Flags.string({ required: true, description: 'directory of the witness', helpValue: 'DIR' }),
    out: Flags.string({ char: 'o', description: 'new file for the note (default: stdout)', helpValue: 'FILE' }),
    'key-passphrase-file': Flags.string({ description: 'file with the passphrase of the key', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { dir, out } = this.flags;
    const { world } = this.context;
    const { note: text, source: what } = await auditFile(world.files, this.args.checkpoint);
    const passphrase = () => {
      const file = this.flags['key-passphrase-file'];
      if (file !== undefined) return secretFile(world.files, '--key-passphrase-file', file);
      throw new JoineryError('ERR_USAGE', '--key-passphrase-file: expected the passphrase of the key of the witness, found none');
    };
    const signed = await cosignCheckpoint({ ...world, keys: certificateKeys() }, { directory: dir, text, what, passphrase });
    const { checkpoint, note, verifierKey, since } = signed;
    const file = await writeText(world.files, out, note);
    const data = {
      size: checkpoint.size,
      root: toHex(checkpoint.root),
      continues: since,
      signed: signed.signed,
      verifier_key: verifierKey,
      note,
      ...(file !== undefined && { file }),
    };
    return {
      data,
      text: file === undefined ? note.trimEnd() : `wrote ${file}: ${checkpoint.size} records, signed as ${verifierKey.split('+', 1)[0]}`,
    };
  }
}
