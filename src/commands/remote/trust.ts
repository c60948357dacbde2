import { chainDocument } from '../../core/trust/chain.ts';
import { withRemote, remoteFlags } from '../../cli/remote-client.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { nodeWorld } from '../../cli/node-world.ts';
import { table } from '../../cli/render/text.ts';
import { optionalPurposeFlag } from '../../cli/trust-flags.ts';
import { readManifest } from '../../core/trust/manifest.ts';
import { PURPOSES } from '../../core/trust/purpose.ts';

export default class RemoteTrust extends BaseCommand<typeof RemoteTrust> {
  static override summary = 'Show the activated trust bundle versions that a bootstrap server gives out';
  static override description =
    'With --json the signed documents themselves, as trust apply takes them. This command shows what the server says; trust apply proves it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --purpose node-cert-lifecycle --json',
  ];
  static override flags = { ...optionalPurposeFlag, ...remoteFlags };

  protected async execute(): Promise<Outcome> {
    const purposes = this.flags.purpose === undefined ? PURPOSES : [this.flags.purpose];
    const { verifySignature } = nodeWorld(this.context.world);
    const offers = await withRemote(this.context, this.flags, (client) =>
      Promise.all(purposes.map(async (purpose) => ({ purpose, versions: await client.trust(purpose) }))),
    );
    const rows = offers.flatMap(({ purpose, versions }) =>
      versions.map(({ version, what }) => {
        const { manifest, digest } = readManifest(version.manifest, purpose, verifySignature, what);
        return [purpose, String(manifest.trust_bundle_version), digest, manifest.expires_at];
      }),
    );
    const chains = offers.map(({ purpose, versions }) => ({ purpose, chain: chainDocument(versions.map(({ version }) => version)) }));
    return { data: { purposes: chains }, text: table(['PURPOSE', 'VERSION', 'DIGEST', 'EXPIRES'], rows) };
  }
}
