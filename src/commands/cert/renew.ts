import * as Flags from '@oclif/core/flags';
import { renewCertificate } from '../../app/renew-certificate.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { certificateInput, csrInput, keyPassphraseFlag, newSecretFile, validityFlags, validityOf } from '../../cli/cert-flags.ts';
import { certificateKeys } from '../../cli/certificate-world.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { nameOfInput } from '../../cli/input.ts';
import { recordData, recordText } from '../../cli/render/certificates.ts';
import { JoineryError } from '../../core/errors.ts';
import { KEY_TYPES } from '../../core/key-ports.ts';

export default class CertRenew extends BaseCommand<typeof CertRenew> {
  static override summary = 'Issue a certificate in place of another: same profile, names and subject, a new key';
  static override description =
    'The old certificate must be one of this realm and not have expired. Everything comes from it; of a request (--csr) only the key is ' +
    'taken, after its signature is checked. Without --csr a new key is made (--key-out).';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web.crt --key-out web-2.key --out web-2.crt',
    '<%= config.bin %> <%= command.id %> n1.crt --csr n1-new.csr --ttl 24h --out n1-new.crt',
  ];
  static override args = { certificate: positional({ description: 'the certificate to replace; - is stdin', required: true }) };
  static override flags = {
    csr: Flags.string({ description: 'request with the new key', exclusive: ['key-out'], helpValue: 'FILE' }),
    'key-out': Flags.string({ description: 'new file for a new key, mode 0600', helpValue: 'FILE' }),
    'key-type': Flags.option({ options: KEY_TYPES, description: 'type of the new key' })({ default: 'p256' }),
    out: Flags.string({ char: 'o', required: true, description: 'new file for the certificate and its chain', helpValue: 'FILE' }),
    ...keyPassphraseFlag,
    ...validityFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args } = this;
    if (flags.csr === undefined && flags['key-out'] === undefined) {
      throw new JoineryError('ERR_USAGE', '--key-out: expected a file for the new key, or --csr with a request, found neither');
    }
    const realm = await this.context.realm();
    const passphraseFile = flags['key-passphrase-file'];
    const { record, previous, keyFile, warnings } = await renewCertificate(realm, certificateKeys(), {
      certificate: (await certificateInput(realm.files, args.certificate)).certificates[0],
      what: nameOfInput(args.certificate),
      csr: flags.csr === undefined ? undefined : await csrInput(realm.files, flags.csr),
      keyType: flags['key-type'],
      keyFile: flags['key-out'],
      passphrase: passphraseFile === undefined ? undefined : await newSecretFile(realm.files, '--key-passphrase-file', passphraseFile),
      certificateFile: flags.out,
      ...validityOf(flags),
      strict: flags.strict,
    });
    for (const warning of warnings) this.warning(warning);
    const files = [...(keyFile === undefined ? [] : [keyFile]), flags.out];
    return {
      data: { ...recordData(record), previous: previous.serial, key_file: keyFile ?? null, file: flags.out },
      text: `${recordText(record)}\nreplaces     ${previous.serial}\n${files.map((path) => `wrote ${path}`).join('\n')}`,
    };
  }
}
