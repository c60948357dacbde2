import * as Flags from '@oclif/core/flags';
import { CA_EXPORT_FORMATS, type CaExportFormat, type CaExportForm, exportCa } from '../../app/export-ca.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { newSecretFile } from '../../cli/cert-flags.ts';
import { pkcs12Writer } from '../../cli/certificate-world.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { currentIo, write } from '../../cli/io.ts';
import { decodeUtf8, toBase64 } from '../../core/encoding.ts';
import { JoineryError } from '../../core/errors.ts';
import type { Files } from '../../core/ports.ts';

export default class CaExport extends BaseCommand<typeof CaExport> {
  static override summary = 'Write the public certificate of an authority';
  static override description =
    'Public material only, to stdout unless --out names a file. chain, p7b (PKCS #7 in PEM) and p12 hold the certificates ' +
    'from the authority to its root. p12 is a trust store, for Java too: each certificate in it is an anchor, so export the root where only ' +
    'the root is to be trusted.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> issuing --format chain > chain.pem',
    '<%= config.bin %> <%= command.id %> node-root --format der --out node-root.der',
    '<%= config.bin %> <%= command.id %> root --format p12 --password-file pass --out truststore.p12',
  ];
  static override args = { name: positional({ description: 'name of the authority', required: true }) };
  static override flags = {
    format: Flags.option({ options: CA_EXPORT_FORMATS, description: 'form of the output' })({ default: 'pem' }),
    via: Flags.string({ description: 'the certificate that this authority cross-signed, and the chain above it', helpValue: 'NAME' }),
    'password-file': Flags.string({ description: 'file with the password of the trust store (p12)', helpValue: 'FILE' }),
    out: Flags.string({ char: 'o', description: 'new file to write (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { format, out, via } = this.flags;
    const realm = await this.context.realm();
    const { ca, bytes } = await exportCa(realm, { name: this.args.name, via, ...(await this.#form(realm.files, format)) });
    const data = { name: ca.record.name, format, fingerprint: ca.certificate.fingerprint };
    if (out !== undefined && out !== '-') {
      await realm.files.create(out, bytes, 0o644);
      return { data: { ...data, file: out }, text: `wrote ${out}` };
    }
    if (format !== 'der' && format !== 'p12') return { data: { ...data, pem: decodeUtf8(bytes) }, text: decodeUtf8(bytes).trimEnd() };
    if (!this.flags.json) await write(currentIo().stdout, bytes);
    return { data: { ...data, [`${format}_base64`]: toBase64(bytes) }, text: '' };
  }

  async #form(files: Files, format: CaExportFormat): Promise<CaExportForm> {
    const path = this.flags['password-file'];
    if (format !== 'p12') {
      if (path === undefined) return { format };
      throw new JoineryError('ERR_USAGE', `--password-file: expected --format p12 beside it, found ${format}`);
    }
    if (path === undefined) throw new JoineryError('ERR_USAGE', '--password-file: expected the password of the trust store, found none');
    return { format, write: pkcs12Writer, password: await newSecretFile(files, '--password-file', path) };
  }
}
