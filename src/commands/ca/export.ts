import * as Flags from '@oclif/core/flags';
import { CA_EXPORT_FORMATS, exportCa } from '../../app/export-ca.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { currentIo, write } from '../../cli/io.ts';
import { decodeUtf8, toBase64 } from '../../core/encoding.ts';

export default class CaExport extends BaseCommand<typeof CaExport> {
  static override summary = 'Write the public certificate of an authority';
  static override description =
    'Public material only, to stdout unless --out names a file. `chain` is the PEM from the authority to its root.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> issuing --format chain > chain.pem',
    '<%= config.bin %> <%= command.id %> node-root --format der --out node-root.der',
  ];
  static override args = { name: positional({ description: 'name of the authority', required: true }) };
  static override flags = {
    format: Flags.option({ options: CA_EXPORT_FORMATS, description: 'form of the output' })({ default: 'pem' }),
    via: Flags.string({ description: 'the certificate that this authority cross-signed, and the chain above it', helpValue: 'NAME' }),
    out: Flags.string({ char: 'o', description: 'new file to write (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { format, out, via } = this.flags;
    const realm = await this.context.realm();
    const { ca, bytes } = await exportCa(realm, { name: this.args.name, format, via });
    const data = { name: ca.record.name, format, fingerprint: ca.certificate.fingerprint };
    if (out !== undefined && out !== '-') {
      await realm.files.create(out, bytes, 0o644);
      return { data: { ...data, file: out }, text: `wrote ${out}` };
    }
    if (format !== 'der') return { data: { ...data, pem: decodeUtf8(bytes) }, text: decodeUtf8(bytes).trimEnd() };
    if (!this.flags.json) await write(currentIo().stdout, bytes);
    return { data: { ...data, der_base64: toBase64(bytes) }, text: '' };
  }
}
