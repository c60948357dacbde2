import type { PackageWorld } from '../../app/package-request.ts';
import { renderPackage } from '../../app/render-package.ts';
import { renderPackages, type RenderPackagesInput } from '../../app/render-packages.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../cli/flags.ts';
import { packageFlags, packageRequest } from '../../cli/package-flags.ts';
import { batchData, batchText, renderedData, renderedText } from '../../cli/render/packages.ts';
import { bar } from '../../cli/render/progress.ts';
import { nodesOf } from '../../cli/token-batch.ts';

export default class PackageRender extends BaseCommand<typeof PackageRender> {
  static override summary =
    'Render onboarding packages: trust, a fresh join token and the agent, as cloud-init, an image, a script or an archive';
  static override description =
    'Mints a token with one use, puts it beside the active trust bundles into one of seven formats, reads the result back, signs it with a ' +
    'trust signer and writes a new directory in one step. A document that holds the token leaves copies of it, so the token is ' +
    'short-lived, --node binds it to one node, and --token-delivery keeps it out. Tell the receiver the trust digest by another way than the package.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --join-url https://boot.control.example.internal:9443 --out pkg',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --node n1 --ttl 1h --out n1 --passphrase-file pass',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --node n1 --format nocloud-iso --token-delivery systemd-credential --out n1',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --target ec2 --trust url --env-prefix GPUAAS --out gpu',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --from nodes.csv --out rack7 --passphrase-file pass',
  ];
  static override flags = { ...packageFlags, ...realmFlags, ...keyFlags };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const request = await packageRequest(context.world.files, flags);
    const [realm, world] = [await context.realm(), await context.packageWorld()];
    if (flags.from !== undefined) return this.#many({ ...request, nodes: await nodesOf(context, flags.from) }, world);
    const rendered = await renderPackage(realm, request, world);
    for (const warning of rendered.warnings) this.warning(warning);
    return { data: renderedData(rendered), text: renderedText(rendered) };
  }

  async #many(input: RenderPackagesInput, world: PackageWorld): Promise<Outcome> {
    const { context } = this;
    const realm = await context.realm();
    const rendered = await context.progress.step('rendering packages', (say) =>
      renderPackages(realm, input, world, (done) => say(bar('rendering packages', done, input.nodes.length))),
    );
    for (const warning of rendered.warnings) this.warning(warning);
    return { data: batchData(rendered), text: batchText(rendered) };
  }
}
