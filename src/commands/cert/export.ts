import * as Flags from '@oclif/core/flags';
import { exportPkcs12 } from '../../app/export-certificate.ts';
import { assertAbsent } from '../../app/new-files.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { certificateInput, keyPassphraseFlag, newSecretFile, privateKeyFile } from '../../cli/cert-flags.ts';
import { certificateKeys, pkcs12Writer } from '../../cli/certificate-world.ts';
import { positional } from '../../cli/flags.ts';
import { JoineryError } from '../../core/errors.ts';
import type { Certificate } from '../../core/x509/certificate.ts';

export default class CertExport extends BaseCommand<typeof CertExport> {
  static override summary = 'Write a certificate and its private key, or certificates to trust, as PKCS #12';
  static override description =
    'Needs no realm. EC, Ed25519 and RSA keys; the key is encrypted with AES-256 (PBES2, PBKDF2 with 600 000 iterations) and the file has a ' +
    'MAC over SHA-256, which OpenSSL 3, Java 8u301, Windows Server 2019 and later read. Without --key it is a trust store, for Java too.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web.crt --key web.key --password-file pass --out web.p12',
    '<%= config.bin %> <%= command.id %> root.crt --trust --name lab-root --password-file pass --out truststore.p12',
  ];
  static override args = {
    file: positional({ description: 'certificate in PEM (perhaps with its chain) or DER; - is stdin', required: true }),
  };
  static override flags = {
    key: Flags.string({ description: 'its private key', exclusive: ['trust'], helpValue: 'FILE' }),
    trust: Flags.boolean({ description: 'a store of certificates that are trusted, without a key' }),
    chain: Flags.string({ multiple: true, default: [], description: 'more certificates (repeatable)', helpValue: 'FILE' }),
    name: Flags.string({ description: 'what programs show; the alias in Java (default: joinery)', default: 'joinery', helpValue: 'NAME' }),
    'password-file': Flags.string({ required: true, description: 'file with the password of the output', helpValue: 'FILE' }),
    out: Flags.string({ char: 'o', required: true, description: 'new file, mode 0600', helpValue: 'FILE' }),
    ...keyPassphraseFlag,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args, context } = this;
    const { files } = context.world;
    if (flags.key === undefined && !flags.trust)
      throw new JoineryError('ERR_USAGE', '--key: expected the private key, or --trust for a trust store, found neither');
    await assertAbsent(files, [flags.out]);
    const { certificates } = await certificateInput(files, args.file);
    const more: Certificate[] = [];
    for (const path of flags.chain) more.push(...(await certificateInput(files, path)).certificates);
    const key =
      flags.key === undefined ? undefined : await privateKeyFile(files, certificateKeys(), flags.key, flags['key-passphrase-file']);
    const all = [...certificates, ...more] as unknown as readonly [Certificate, ...Certificate[]];
    const password = await newSecretFile(files, '--password-file', flags['password-file']);
    const bytes = await context.progress.step('encrypting', () =>
      exportPkcs12(pkcs12Writer, { certificates: all, key, friendlyName: flags.name, password }),
    );
    await files.create(flags.out, bytes, 0o600);
    const data = {
      file: flags.out,
      name: flags.name,
      certificates: all.map(({ fingerprint }) => fingerprint),
      private_key: key !== undefined,
    };
    return { data, text: `wrote ${flags.out}: ${key === undefined ? 'no private key' : 'a private key'}, ${all.length} certificates` };
  }
}
