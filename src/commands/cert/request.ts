import * as Flags from '@oclif/core/flags';
import { requestCertificate } from '../../app/request-certificate.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { alternativeNames, keyPassphraseFlag, nameFlags, newSecretFile, privateKeyFile } from '../../cli/cert-flags.ts';
import { certificateKeys } from '../../cli/certificate-world.ts';
import { documentData, documentText } from '../../cli/render/certificates.ts';
import { JoineryError } from '../../core/errors.ts';
import { KEY_TYPES } from '../../core/key-ports.ts';

export default class CertRequest extends BaseCommand<typeof CertRequest> {
  static override summary = 'Make a private key and a certification request for it';
  static override description =
    'Needs no realm. The key goes into a new file of mode 0600 (PKCS #8; encrypted with --key-passphrase-file) and never leaves this ' +
    'machine; the request goes into another file, or to stdout. What a request asks for is a wish: the authority decides.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dns web.lab.example --key-out web.key --out web.csr',
    '<%= config.bin %> <%= command.id %> --uri spiffe://lab.example/node/n1 --key-out n1.key --key-passphrase-file pass > n1.csr',
    '<%= config.bin %> <%= command.id %> --dns web.lab.example --key web.key --out web.csr',
  ];
  static override flags = {
    'key-type': Flags.option({ options: KEY_TYPES, description: 'type of the new key' })({ default: 'p256' }),
    'key-out': Flags.string({ description: 'new file for the new key, mode 0600', exclusive: ['key'], helpValue: 'FILE' }),
    key: Flags.string({ description: 'use this private key instead of a new one', helpValue: 'FILE' }),
    out: Flags.string({ char: 'o', description: 'new file for the request (default: stdout)', helpValue: 'FILE' }),
    ...keyPassphraseFlag,
    ...nameFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags } = this;
    const { files } = this.context.world;
    const keyFile = flags['key-out'];
    if (keyFile === undefined && flags.key === undefined) {
      throw new JoineryError('ERR_USAGE', '--key-out: expected a file for the new key, or --key with one that is there, found neither');
    }
    const names = alternativeNames(flags);
    const passphraseFile = flags['key-passphrase-file'];
    const keys = certificateKeys();
    const isNew = flags.key === undefined;
    const { csr, pem } = await requestCertificate(
      { files, keys },
      {
        subject: flags.subject,
        names,
        keyType: flags['key-type'],
        key: flags.key === undefined ? undefined : await privateKeyFile(files, keys, flags.key, passphraseFile),
        keyFile: keyFile ?? '',
        csrFile: flags.out === '-' ? undefined : flags.out,
        passphrase: isNew && passphraseFile !== undefined ? await newSecretFile(files, '--key-passphrase-file', passphraseFile) : undefined,
      },
    );
    const document = { kind: 'request', csr } as const;
    const written = {
      ...(isNew && { key_file: keyFile as string }),
      ...(flags.out !== undefined && flags.out !== '-' && { file: flags.out }),
    };
    const text =
      'file' in written ? [documentText(document), ...Object.values(written).map((path) => `wrote ${path}`)].join('\n') : pem.trimEnd();
    return { data: { ...documentData(document), ...written, pem }, text };
  }
}
