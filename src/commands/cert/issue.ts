import * as Flags from '@oclif/core/flags';
import { type IssueCertificatesResult, issueCertificates } from '../../app/issue-certificates.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyPassphraseFlag, nameFlags, newSecretFile, validityFlags, validityOf } from '../../cli/cert-flags.ts';
import { hostsOf, MOST_HOSTS } from '../../cli/cert-hosts.ts';
import { certificateKeys } from '../../cli/certificate-world.ts';
import { keyFlags, optionalPositional, realmFlags } from '../../cli/flags.ts';
import { recordData, recordText } from '../../cli/render/certificates.ts';
import { bar } from '../../cli/render/progress.ts';
import { KEY_TYPES } from '../../core/key-ports.ts';
import { PROFILE_NAMES } from '../../core/x509/profiles.ts';

export default class CertIssue extends BaseCommand<typeof CertIssue> {
  static override summary = 'Make private keys and certificates in one step, for one host or for many';
  static override description =
    'Writes NAME.key (mode 0600) and NAME.crt (the certificate and the authorities above it) into --out-dir. Prefer cert request on the ' +
    'host itself, where the key never travels. --from reads hosts from CSV (header name,dns,ip,uri,email; several values with spaces) or ' +
    'JSON lines; --count issues a series, with {n} for the number. All hosts are checked before the first key is made; when something ' +
    'fails later, the result says what is done and what is missing, and --resume does the rest.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web --ca issuing --profile server --dns web.lab.example --out-dir certs',
    '<%= config.bin %> <%= command.id %> node-{n} --count 20 --ca issuing --profile node --uri "spiffe://lab.example/node/n{n}" --out-dir nodes',
    '<%= config.bin %> <%= command.id %> --from hosts.csv --ca issuing --profile peer --out-dir certs --resume',
  ];
  static override args = { name: optionalPositional({ description: 'name of the files; with --count it holds {n}' }) };
  static override flags = {
    ca: Flags.string({ required: true, description: 'authority that signs', helpValue: 'NAME' }),
    profile: Flags.option({ options: PROFILE_NAMES, required: true, description: 'what the certificates are for' })(),
    'out-dir': Flags.string({ default: '.', description: 'directory for the files; made if it is not there', helpValue: 'DIR' }),
    count: Flags.integer({
      min: 1,
      max: MOST_HOSTS,
      description: 'how many certificates of a series',
      exclusive: ['from'],
      helpValue: 'N',
    }),
    from: Flags.string({ description: 'list of hosts; - is stdin', helpValue: 'FILE' }),
    'from-format': Flags.option({
      options: ['csv', 'jsonl'] as const,
      description: 'form of the list (default: by the name of the file)',
      dependsOn: ['from'],
    })(),
    resume: Flags.boolean({ description: 'leave out hosts whose certificate file is there, and use keys that a crash left alone' }),
    'key-type': Flags.option({ options: KEY_TYPES, description: 'type of the new keys' })({ default: 'p256' }),
    ...keyPassphraseFlag,
    ...nameFlags,
    ...validityFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args, context } = this;
    const realm = await context.realm();
    const hosts = await hostsOf(realm.files, args.name, flags);
    const passphraseFile = flags['key-passphrase-file'];
    const input = {
      ca: flags.ca,
      profile: flags.profile,
      hosts,
      subject: flags.subject,
      keyType: flags['key-type'],
      directory: flags['out-dir'],
      passphrase: passphraseFile === undefined ? undefined : await newSecretFile(realm.files, '--key-passphrase-file', passphraseFile),
      ...validityOf(flags),
      strict: flags.strict,
      resume: flags.resume,
    };
    const result = await context.progress.step(bar('issuing', 0, hosts.length), (say) =>
      issueCertificates(realm, certificateKeys(), input, (done) => say(bar('issuing', done, hosts.length))),
    );
    for (const warning of result.warnings) this.warning(warning);
    // One certificate that failed is an error like any other.
    if (result.failure !== undefined && hosts.length === 1) throw result.failure.error;
    return this.#outcome(result);
  }

  #outcome({ issued, skipped, failure }: IssueCertificatesResult): Outcome {
    const data = {
      issued: issued.map(({ name, keyFile, certificateFile, record }) => ({
        name,
        key_file: keyFile,
        certificate_file: certificateFile,
        ...recordData(record),
      })),
      skipped: [...skipped],
      missing: [...(failure?.missing ?? [])],
      failure: failure === undefined ? null : { name: failure.name, code: failure.error.code, message: failure.error.message },
    };
    const [only] = issued;
    if (only !== undefined && issued.length === 1 && failure === undefined && skipped.length === 0) {
      return { data, text: `${recordText(only.record)}\nwrote ${only.keyFile}\nwrote ${only.certificateFile}` };
    }
    const lines = [`issued ${issued.length} certificates in ${this.flags['out-dir']}`];
    if (skipped.length > 0) lines.push(`left out ${skipped.length} that were there`);
    if (failure !== undefined) {
      lines.push(`NOT issued: ${failure.missing.length}, from ${failure.name} on: ${failure.error.message} [${failure.error.code}]`);
      lines.push('the same command with --resume does the rest');
    }
    return { data, text: lines.join('\n'), ...(failure !== undefined && { exitStatus: failure.error.exitStatus }) };
  }
}
