import * as Flags from '@oclif/core/flags';
import { crossSignCa } from '../../app/cross-sign-ca.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { formatInstant } from '../../core/time.ts';

export default class CaCrossSign extends BaseCommand<typeof CaCrossSign> {
  static override summary = "Certify an authority's key by another authority";
  static override description =
    'The cross-certificate has the subject, key and constraints of NAME and is signed by --by, so that those who still trust only the ' +
    'other root accept what NAME issued. It ends when the first of the two authorities ends. joinery ca export NAME --via OTHER gives ' +
    'the chain through it.';
  static override examples = ['<%= config.bin %> <%= command.id %> node-root-2 --by node-root --ttl 180d'];
  static override args = { name: positional({ description: 'authority whose key is certified', required: true }) };
  static override flags = {
    by: Flags.string({ required: true, description: 'authority that signs', helpValue: 'NAME' }),
    ttl: Flags.string({ description: 'how long it is valid (default: as long as both authorities)', helpValue: 'DURATION' }),
    renew: Flags.boolean({ description: 'replace an earlier cross-certificate of the two' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { by, ttl, renew } = this.flags;
    const realm = await this.context.realm();
    const { certificate, record, file, warnings } = await crossSignCa(realm, {
      name: this.args.name,
      by,
      ttl: ttl === undefined ? undefined : durationFlag('--ttl', ttl),
      renew,
    });
    for (const warning of warnings) this.warning(warning);
    const data = {
      name: record.name,
      by: record.by,
      subject: certificate.subject.text,
      issuer: certificate.issuer.text,
      serial: certificate.serialNumber,
      fingerprint: certificate.fingerprint,
      not_before: formatInstant(certificate.notBefore),
      not_after: formatInstant(certificate.notAfter),
      file,
      certificate_pem: record.certificate_pem,
    };
    const { certificate_pem: _, not_before, not_after, ...shown } = data;
    return { data, text: fields({ ...shown, 'not before': not_before, 'not after': not_after }) };
  }
}
