import * as Flags from '@oclif/core/flags';
import { assertAbsent } from '../../app/new-files.ts';
import { chainPem } from '../../app/issue-certificates.ts';
import { planSigning, signCertificate } from '../../app/sign-certificate.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { alternativeNames, csrInput, nameFlags, validityFlags, validityOf } from '../../cli/cert-flags.ts';
import { keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { nameOfInput } from '../../cli/input.ts';
import { currentIo, write } from '../../cli/io.ts';
import { comparisonTable, recordData, recordText } from '../../cli/render/certificates.ts';
import { utf8 } from '../../core/encoding.ts';
import { PROFILE_NAMES } from '../../core/x509/profiles.ts';

export default class CertSign extends BaseCommand<typeof CertSign> {
  static override summary = 'Sign a certification request';
  static override description =
    'The signature of the request is checked first. Then what it asks for is shown beside what it gets, and by which rule: key usage, ' +
    'purposes and basic constraints come from the profile, the subject from --subject or the names, and names from --dns, --ip, --uri and ' +
    '--email; --names-from-request also takes those of the request that the profile lets through. The output is the certificate and the ' +
    'authorities above it, without the root.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web.csr --ca issuing --profile server --dns web.lab.example --out web.crt',
    '<%= config.bin %> <%= command.id %> n1.csr --ca issuing --profile node --names-from-request --dry-run',
    '<%= config.bin %> <%= command.id %> - --ca issuing --profile client --email ops@lab.example < ops.csr > ops.crt',
  ];
  static override args = { csr: positional({ description: 'request in PEM or DER; - is stdin', required: true }) };
  static override flags = {
    ca: Flags.string({ required: true, description: 'authority that signs', helpValue: 'NAME' }),
    profile: Flags.option({ options: PROFILE_NAMES, required: true, description: 'what the certificate is for' })(),
    'names-from-request': Flags.boolean({ description: 'take the names of the request that the profile lets through' }),
    'dry-run': Flags.boolean({ description: 'show what the request would get, and sign nothing' }),
    out: Flags.string({ char: 'o', description: 'new file for the certificate and its chain (default: stdout)', helpValue: 'FILE' }),
    ...nameFlags,
    ...validityFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args } = this;
    const realm = await this.context.realm();
    const input = {
      csr: await csrInput(realm.files, args.csr),
      what: nameOfInput(args.csr),
      ca: flags.ca,
      profile: flags.profile,
      names: alternativeNames(flags),
      namesFromRequest: flags['names-from-request'],
      subject: flags.subject,
      ...validityOf(flags),
      strict: flags.strict,
    };
    if (flags['dry-run']) {
      const { comparison } = planSigning(realm, input);
      return { data: { signed: false, comparison: comparison.map((row) => ({ ...row })) }, text: comparisonTable(comparison) };
    }
    const out = flags.out === '-' ? undefined : flags.out;
    if (out !== undefined) await assertAbsent(realm.files, [out]);
    const { leaf, record, intermediates, comparison, warnings } = await signCertificate(realm, input);
    for (const warning of warnings) this.warning(warning);
    const pem = chainPem([leaf.der, ...intermediates]);
    const data = { signed: true, ...recordData(record), comparison: comparison.map((row) => ({ ...row })), pem };
    if (out !== undefined) {
      await realm.files.create(out, utf8(pem), 0o644);
      return { data: { ...data, file: out }, text: `${comparisonTable(comparison)}\n\n${recordText(record)}\nwrote ${out}` };
    }
    if (!flags.json && !flags.quiet) await write(currentIo().stderr, `${comparisonTable(comparison)}\n`);
    return { data, text: pem.trimEnd() };
  }
}
