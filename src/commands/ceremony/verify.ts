import * as Flags from '@oclif/core/flags';
import { verifyCeremonyRecord } from '../../app/verify-ceremony.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { ceremonyInput } from '../../cli/ceremony-input.ts';
import { positional } from '../../cli/flags.ts';
import { nameOfInput, readInput } from '../../cli/input.ts';
import { verifiedRows } from '../../cli/render/ceremonies.ts';
import { fields, printable } from '../../cli/render/text.ts';

const MAX_RECORD_BYTES = 64 * 1024 * 1024;

export default class CeremonyVerify extends BaseCommand<typeof CeremonyVerify> {
  static override summary = 'Verify the record of a ceremony against its reviewed file, without any key';
  static override description =
    'Needs no realm. Every to-be-signed structure is built again from the file and must be, byte for byte, what was signed; every signature must hold ' +
    'under the key of its issuer. The first difference is named. Authorities that were there before are known by their fingerprints in the file.';
  static override examples = ['<%= config.bin %> <%= command.id %> roots.yaml --record roots.record.json'];
  static override args = { file: positional({ description: 'the reviewed file, - for stdin', required: true }) };
  static override flags = {
    record: Flags.string({ required: true, description: 'record that ceremony run wrote', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { files, verifySignature } = this.context.world;
    const input = await ceremonyInput(files, this.args.file);
    const bytes = await readInput(files, this.flags.record, MAX_RECORD_BYTES);
    const { digest, record, steps } = verifyCeremonyRecord(input, { bytes, what: nameOfInput(this.flags.record) }, verifySignature);
    const { name, verified } = record.operator;
    const about = { ceremony: digest, operator: `${name}${verified ? '' : ' (unverified)'}`, finished: record.finished_at };
    return {
      data: {
        ceremony: digest,
        title: record.title,
        operator: { name, verified },
        finished_at: record.finished_at,
        steps: verifiedRows(steps),
      },
      text: `${steps.map(({ label }) => `ok  ${printable(label)}`).join('\n')}\n\n${fields(about)}`,
    };
  }
}
