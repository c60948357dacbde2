import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { collectOffers } from '../../app/trust-documents.ts';
import { verifyTrust } from '../../app/verify-trust.ts';
import { download } from '../../cli/node-world.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { readJson } from '../../cli/input.ts';
import { fields } from '../../cli/render/text.ts';
import { purposeFlag } from '../../cli/trust-flags.ts';
import { missingText } from '../../cli/trust-output.ts';
import { parseDigest } from '../../core/digest.ts';
import { parseTrustIndex } from '../../core/trust/index-document.ts';

export default class TrustVerify extends BaseCommand<typeof TrustVerify> {
  static override summary = 'Verify trust documents from their first version on, without a realm';
  static override description =
    'With --digest the first manifest must be that one; without it the documents are proved to agree with each other, not whose they are. With ' +
    '--index every activated version of the index must be there, unchanged, and no other. Exits 4 when something is missing or changed.';
  static override examples = ['<%= config.bin %> <%= command.id %> stick/ --purpose control-plane-https --index trust-index.json'];
  static override args = {
    manifest: Args.string({
      multiple: true,
      required: true,
      ignoreStdin: true,
      description: 'trust documents: files, directories, or URLs',
    }),
  };
  static override flags = {
    ...purposeFlag,
    digest: Flags.string({ description: 'digest of the first manifest', helpValue: 'HEX' }),
    index: Flags.string({ description: 'index that joinery trust manifest wrote', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, digest, index } = this.flags;
    const { files, clock, verifySignature } = this.context.world;
    const document = index === undefined ? undefined : await readJson(files, index);
    const verified = verifyTrust(
      { clock, verifySignature },
      {
        purpose,
        offers: await collectOffers({ files, download }, this.args.manifest, purpose),
        firstDigest: digest === undefined ? undefined : parseDigest(digest, '--digest'),
        index: document && parseTrustIndex(document.value, document.what),
      },
    );
    if (digest === undefined) this.warning('without --digest it is not known whose documents these are');
    if (verified.missing !== undefined) this.warning(missingText(verified.missing));
    for (const { version, problem } of verified.problems) this.warning(`version ${version}: ${problem}`);
    const { first, version, steps, fingerprint, expiresAt, missing, problems } = verified;
    const wrong = missing !== undefined || problems.length > 0;
    return {
      data: {
        purpose,
        first_version: first,
        trust_bundle_version: version,
        manifest_digest: verified.digest,
        sha256_fingerprint: fingerprint,
        expires_at: expiresAt,
        steps,
        problems: problems.map((problem) => ({ ...problem })),
        ...(missing && { missing: { ...missing } }),
      },
      text: fields({
        purpose,
        versions: `${first} to ${version}`,
        'manifest digest': verified.digest,
        'PEM sha256': fingerprint,
        expires: expiresAt,
      }),
      ...(wrong && { exitStatus: 4 }),
    };
  }
}
