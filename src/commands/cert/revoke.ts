import * as Flags from '@oclif/core/flags';
import { revokeCertificate } from '../../app/revoke-certificate.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { tellOfRevocations } from '../../cli/tell-providers.ts';
import { formatInstant } from '../../core/time.ts';
import { REVOCATION_REASON_NAMES } from '../../core/x509/crl-writer.ts';

export default class CertRevoke extends BaseCommand<typeof CertRevoke> {
  static override summary = 'Revoke a certificate by its serial number';
  static override description =
    'The whole serial number, exactly: of a leaf, of an authority under a parent, or of a cross-certificate. It is for good, unless the ' +
    'reason is certificateHold (revocation undo). The next joinery ca crl of its issuer lists it.';
  static override examples = ['<%= config.bin %> <%= command.id %> 5f0c6e2d8f3b4a7c9d1e2f3a4b5c6d7e --reason keyCompromise'];
  static override args = { serial: positional({ description: 'serial number in hex', required: true }) };
  static override flags = {
    reason: Flags.option({ options: REVOCATION_REASON_NAMES, description: 'why (RFC 5280 section 5.3.1)' })({ default: 'unspecified' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const { serial, issuer, at, reason, already } = await revokeCertificate(realm, {
      serial: this.args.serial,
      reason: this.flags.reason,
    });
    if (!already) await tellOfRevocations(realm, (message) => this.warning(message));
    if (already) this.warning(`it was revoked before, at ${formatInstant(at)} (${reason}); nothing was changed`);
    const revoked = formatInstant(at);
    return {
      data: { serial, issuer, revoked_at: revoked, reason, already },
      text: `${fields({ serial, issuer, revoked, reason })}\n\nNext: joinery ca crl ${issuer}`,
    };
  }
}
