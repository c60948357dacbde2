import { activateTrust } from '../../app/activate-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { purposeFlag, requiredVersionFlag } from '../../cli/trust-flags.ts';

export default class TrustActivate extends BaseCommand<typeof TrustActivate> {
  static override summary = 'Activate a published version of a trust bundle';
  static override description =
    'Signs the statement that the version is in force. Packages, exports, servers and nodes carry activated versions only, in order. ' +
    'A version that is expired, has too few signatures, or does not follow the active one is refused.';
  static override examples = ['<%= config.bin %> <%= command.id %> --purpose control-plane-https --version 1'];
  static override flags = {
    ...purposeFlag,
    version: requiredVersionFlag('the version to activate'),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, version } = this.flags;
    const activated = await activateTrust(await this.context.realm(), { purpose, version });
    const data = {
      purpose,
      trust_bundle_version: version,
      manifest_digest: activated.digest,
      sha256_fingerprint: activated.fingerprint,
      replaces_version: activated.replaces,
      activated_at: activated.activatedAt,
      expires_at: activated.expiresAt,
    };
    const text = fields({
      purpose,
      'active version': version,
      replaces: activated.replaces,
      'manifest digest': activated.digest,
      'PEM sha256': activated.fingerprint,
      expires: activated.expiresAt,
    });
    return { data, text };
  }
}
