import * as Flags from '@oclif/core/flags';
import { proveConsistency, proveInclusion } from '../../app/audit-prove.ts';
import { auditFile, writeText } from '../../cli/audit-files.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { toHex } from '../../core/encoding.ts';
import { JoineryError } from '../../core/errors.ts';

export default class AuditProve extends BaseCommand<typeof AuditProve> {
  static override summary = 'Prove that a record is in the audit log, or that the log continues an earlier checkpoint';
  static override description =
    'The proof is one file around a signed checkpoint, verified without the realm (audit verify-proof). With --record it is a C2SP ' +
    'tlog-proof that carries the record; with --since it is what a witness asks for (the body of C2SP tlog-witness add-checkpoint). ' +
    '--checkpoint takes a checkpoint that witnesses have signed in the place of the newest one that the realm kept.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --record 42 --out record-42.tlog-proof',
    '<%= config.bin %> <%= command.id %> --record 42 --checkpoint cosigned.txt --out record-42.tlog-proof',
    '<%= config.bin %> <%= command.id %> --since 40 --out for-the-witness.txt',
  ];
  static override flags = {
    record: Flags.integer({ min: 0, description: 'prove that the record of this sequence number is in the log', helpValue: 'SEQ' }),
    since: Flags.integer({ min: 0, description: 'prove that the log continues the head of so many records', helpValue: 'SIZE' }),
    checkpoint: Flags.string({ description: 'signed checkpoint to prove against (default: the newest of the realm)', helpValue: 'FILE' }),
    out: Flags.string({ char: 'o', description: 'new file to write the proof to (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { record, since, checkpoint, out } = this.flags;
    if ((record === undefined) === (since === undefined))
      throw new JoineryError('ERR_USAGE', `--record: expected it or --since, found ${record === undefined ? 'neither' : 'both'}`);
    const realm = await this.context.realm();
    const input = checkpoint === undefined ? {} : { checkpoint: await auditFile(realm.files, checkpoint) };
    const made = record === undefined ? await proveConsistency(realm, since as number, input) : await proveInclusion(realm, record, input);
    const { text, hashes } = made;
    const { size, root } = made.checkpoint;
    const file = await writeText(realm.files, out, text);
    const data = { kind: record === undefined ? 'consistency' : 'inclusion', size, root: toHex(root), hashes, proof: text };
    if (file === undefined) return { data, text: text.trimEnd() };
    return { data: { ...data, file }, text: `wrote ${file}: ${hashes} hashes up to the head of ${size} records` };
  }
}
