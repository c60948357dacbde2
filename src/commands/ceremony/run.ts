import * as Flags from '@oclif/core/flags';
import { assertAbsent } from '../../app/new-files.ts';
import { planCeremony } from '../../app/plan-ceremony.ts';
import { ceremonyRecordFile, runCeremony } from '../../app/run-ceremony.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { ceremonyInput } from '../../cli/ceremony-input.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { plannedData, plannedText, recordRows, recordText } from '../../cli/render/ceremonies.ts';
import { fields } from '../../cli/render/text.ts';
import { JoineryError } from '../../core/errors.ts';

export default class CeremonyRun extends BaseCommand<typeof CeremonyRun> {
  static override summary = 'Perform a reviewed ceremony: roots, intermediates, cross-certificates, revocation lists';
  static override description =
    'The YAML file (schema joinery/ceremony/1) says every subject, time, key type and serial number; --dry-run prints what would be signed ' +
    'and opens no key. All steps are signed or none. The record holds every to-be-signed structure with its signature, and no secret: ceremony ' +
    'verify checks it against the file without a key. The same file again signs nothing and writes the record again.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> roots.yaml --dry-run',
    '<%= config.bin %> <%= command.id %> roots.yaml --out roots.record.json',
  ];
  static override args = { file: positional({ description: 'the reviewed file, - for stdin', required: true }) };
  static override flags = {
    'dry-run': Flags.boolean({ description: 'print what would be signed and sign nothing' }),
    out: Flags.string({ char: 'o', description: 'new file for the record', helpValue: 'FILE' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { out } = this.flags;
    const realm = await this.context.realm();
    const input = await ceremonyInput(realm.files, this.args.file);
    if (this.flags['dry-run']) {
      const { ceremony, digest, steps } = await planCeremony(realm, input);
      const head = fields({ ceremony: ceremony.title, sha256: digest });
      return {
        data: { ceremony: digest, title: ceremony.title, steps: steps.map(plannedData) },
        text: [head, ...steps.map(plannedText)].join('\n\n'),
      };
    }
    if (out === undefined)
      throw new JoineryError('ERR_USAGE', '--out: expected a file for the record, found none', { hint: '--dry-run needs none' });
    await assertAbsent(realm.files, [out]);
    const { digest, record, recordDigest, again } = await this.context.progress.step('performing the ceremony', () =>
      runCeremony(realm, input),
    );
    await realm.files.create(out, ceremonyRecordFile(record), 0o644);
    if (again) this.warning('this ceremony was performed before: nothing was signed, and its record was written again');
    return {
      data: { ceremony: digest, record: out, record_digest: recordDigest, again, steps: recordRows(record) },
      text: `${recordText(record)}\n\n${fields({ ceremony: digest, record: out, 'record sha256': recordDigest })}`,
    };
  }
}
