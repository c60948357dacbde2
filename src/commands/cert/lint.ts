import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { certificateInput } from '../../cli/cert-flags.ts';
import { positional } from '../../cli/flags.ts';
import { table } from '../../cli/render/text.ts';
import { EXIT_STATUS } from '../../core/errors.ts';
import { lintCertificate } from '../../core/x509/lint.ts';

export default class CertLint extends BaseCommand<typeof CertLint> {
  static override summary = 'Check a certificate against the rules that every certificate of joinery keeps';
  static override description =
    'The rules of RFC 5280 for a private PKI, SPIFFE X509-SVID where a SPIFFE ID is in it, and joinery’s own, as before every signature. ' +
    'With --issuer also those between a certificate and its issuer. Exits 4 when a rule is broken. Verifies no signature: see cert verify.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web.crt',
    '<%= config.bin %> <%= command.id %> web.crt --issuer issuing.crt --json',
  ];
  static override args = {
    file: positional({ description: 'certificate in PEM or DER; - is stdin; the first is checked', required: true }),
  };
  static override flags = { issuer: Flags.string({ description: 'certificate of the issuer', helpValue: 'FILE' }) };

  protected async execute(): Promise<Outcome> {
    const { files } = this.context.world;
    const { certificates } = await certificateInput(files, this.args.file);
    const issuer = this.flags.issuer === undefined ? undefined : (await certificateInput(files, this.flags.issuer)).certificates[0];
    const violations = lintCertificate(certificates[0], issuer);
    const data = { fingerprint: certificates[0].fingerprint, violations: violations.map((violation) => ({ ...violation })) };
    if (violations.length === 0) return { data, text: 'no rule is broken' };
    const text = table(
      ['RULE', 'MESSAGE'],
      violations.map(({ rule, message }) => [rule, message]),
    );
    return { data, text, exitStatus: EXIT_STATUS.refused };
  }
}
