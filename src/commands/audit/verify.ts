import * as Flags from '@oclif/core/flags';
import { verifyAudit } from '../../app/verify-audit.ts';
import { auditFile, verifierKeyText } from '../../cli/audit-files.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';

export default class AuditVerify extends BaseCommand<typeof AuditVerify> {
  static override summary = 'Verify the audit log against its signed checkpoints';
  static override description =
    'Finds an edited, removed, moved or cut record up to the last checkpoint, and names the first bad record or the interval that holds the ' +
    'change. Records behind the last checkpoint are not covered. Only --key and --checkpoint, kept outside the realm, find a log that was ' +
    'rewritten whole by somebody who has the realm and its online key.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --key audit.vkey --checkpoint stick/checkpoint-2026-11-22.txt',
    '<%= config.bin %> <%= command.id %> --key audit.vkey --checkpoint cosigned.txt --witness witness.vkey',
  ];
  static override flags = {
    key: Flags.string({ description: 'verifier key from outside the realm: its text, or a file with it', helpValue: 'KEY|FILE' }),
    checkpoint: Flags.string({
      description: 'checkpoint from outside the realm',
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'FILE',
    }),
    witness: Flags.string({
      description: 'verifier key of a witness that must have signed every checkpoint that is given',
      multiple: true,
      multipleNonGreedy: true,
      dependsOn: ['checkpoint'],
      helpValue: 'KEY|FILE',
    }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { key, checkpoint: files = [], witness = [] } = this.flags;
    const realm = await this.context.realm();
    const checkpoints = [];
    for (const source of files) checkpoints.push(await auditFile(realm.files, source));
    const witnesses = [];
    for (const value of witness) witnesses.push(await verifierKeyText(realm.files, value));
    const verifierKey = key === undefined ? undefined : await verifierKeyText(realm.files, key);
    const found = await verifyAudit(realm, { checkpoints, witnesses, ...(verifierKey !== undefined && { verifierKey }) });
    if (found.checkpoints === 0) this.warning('no checkpoint covers the log: sign one with joinery audit checkpoint');
    const text = fields({
      records: found.size,
      covered: found.covered === 0 ? 'none' : `0 to ${found.covered - 1}, by ${found.checkpoints} checkpoint(s)`,
      'not covered': found.tail === 0 ? 'none' : `${found.tail} at the end`,
      root: found.root,
      key: `${found.verifierKey} (${found.keySource === 'given' ? 'given' : "the realm's own record"})`,
    });
    const { keySource: key_source, verifierKey: verifier_key, ...counts } = found;
    return { data: { ...counts, key_source, verifier_key }, text: `${this.paint('green', 'the audit log is whole')}\n${text}` };
  }
}
