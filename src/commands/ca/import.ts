import * as Flags from '@oclif/core/flags';
import { importCa } from '../../app/import-ca.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { nameOfInput, readInput } from '../../cli/input.ts';
import { otherPassphrase } from '../../cli/passphrases.ts';
import { authorityData, authorityText } from '../../cli/render/authorities.ts';
import { decodeUtf8 } from '../../core/encoding.ts';
import { MAX_CERTIFICATE_OCTETS } from '../../core/x509/certificate.ts';
import { readCertificateFile } from '../../core/x509/certificate-files.ts';

const MAX_KEY_BYTES = 64 * 1024;

export default class CaImport extends BaseCommand<typeof CaImport> {
  static override summary = 'Import a certificate authority that was made elsewhere';
  static override description =
    'The certificate stays as it is; the private key must belong to it and is encrypted anew under a passphrase of this realm. Without ' +
    '--key the certificate alone is imported: an authority above others, whose key is elsewhere. The file of the key is not removed.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> old-root --cert old-root.crt --key old-root.key',
    '<%= config.bin %> <%= command.id %> company-root --cert company-root.crt',
  ];
  static override args = { name: positional({ description: 'name of the authority in this realm', required: true }) };
  static override flags = {
    cert: Flags.string({ required: true, description: 'its certificate, PEM or DER (- is stdin)', helpValue: 'FILE' }),
    key: Flags.string({ description: 'its private key in PEM: PKCS #8, PKCS #1 or SEC 1', helpValue: 'FILE' }),
    'key-passphrase-file': Flags.string({ description: 'file with the passphrase of that key', dependsOn: ['key'], helpValue: 'FILE' }),
    custody: Flags.option({
      options: ['offline', 'online'] as const,
      description: 'whose passphrase encrypts its key (default: offline for a root)',
    })(),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { cert, key, custody, 'key-passphrase-file': file } = this.flags;
    const realm = await this.context.realm();
    const certificates = readCertificateFile({
      what: nameOfInput(cert),
      bytes: await readInput(realm.files, cert, 2 * MAX_CERTIFICATE_OCTETS),
    });
    const keyName = key === undefined ? '--key' : nameOfInput(key);
    const result = await importCa(realm, {
      name: this.args.name,
      certificates,
      keyPem: key === undefined ? undefined : decodeUtf8(await readInput(realm.files, key, MAX_KEY_BYTES), keyName),
      keyName,
      keyPassphrase: () =>
        otherPassphrase(
          { files: realm.files, prompter: this.context.prompter },
          { file, flag: '--key-passphrase-file', question: `Passphrase of ${keyName}`, confirm: false },
        ),
      custody,
    });
    for (const warning of result.warnings) this.warning(warning);
    return { data: { ...authorityData(result), file: result.file }, text: `${authorityText(result)}\nfile         ${result.file}` };
  }
}
