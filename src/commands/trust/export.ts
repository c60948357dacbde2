import * as Flags from '@oclif/core/flags';
import { exportTrust, exportTrustStore, TRUST_FORMATS } from '../../app/export-trust.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { newSecretFile } from '../../cli/cert-flags.ts';
import { pkcs12Writer } from '../../cli/certificate-world.ts';
import { realmFlags } from '../../cli/flags.ts';
import { purposeFlag } from '../../cli/trust-flags.ts';
import { fileOutcome } from '../../cli/trust-write.ts';
import { fields } from '../../cli/render/text.ts';
import { JoineryError } from '../../core/errors.ts';

export default class TrustExport extends BaseCommand<typeof TrustExport> {
  static override summary = 'Write what leaves the realm of a trust bundle: activated versions only';
  static override description =
    'chain: every activated version with its activation, for joinery trust apply. pem: the active bundle. sha256sum: a line for sha256sum -c. ' +
    'spiffe, spiffe-map: the bundle as SPIFFE control planes read it. pkcs12: a trust store, as Java reads it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --format chain --out /media/stick/control-plane-https.chain.json',
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --format pem > ca.pem',
  ];
  static override flags = {
    ...purposeFlag,
    format: Flags.option({ options: [...TRUST_FORMATS, 'pkcs12'] as const, description: 'form of the output' })({ default: 'chain' }),
    out: Flags.string({ char: 'o', description: 'new file to write (default: stdout)', helpValue: 'FILE' }),
    'password-file': Flags.string({ description: 'with --format pkcs12: file with the password of the output', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, format, out } = this.flags;
    if (format === 'pkcs12') return this.#trustStore();
    const realm = await this.context.realm();
    const { text, version, firstDigest } = await exportTrust(realm, purpose, format);
    const data = { purpose, format, trust_bundle_version: version, first_manifest_digest: firstDigest };
    return fileOutcome(realm.files, out, text, data, fields({ purpose, version, 'first digest': firstDigest }));
  }

  async #trustStore(): Promise<Outcome> {
    const { purpose, format, out, 'password-file': passwordFile } = this.flags;
    if (out === undefined || passwordFile === undefined) {
      throw new JoineryError('ERR_USAGE', '--format pkcs12: expected --out and --password-file with it, found neither or one');
    }
    const password = await newSecretFile(this.context.world.files, '--password-file', passwordFile);
    const realm = await this.context.realm();
    const { bytes, version } = await exportTrustStore(realm, { purpose, password, write: pkcs12Writer });
    await realm.files.create(out, bytes, 0o644);
    return { data: { purpose, format, trust_bundle_version: version, file: out }, text: `wrote ${out}` };
  }
}
