import * as Flags from '@oclif/core/flags';
import { renderPackage } from '../../app/render-package.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, realmFlags } from '../../cli/flags.ts';
import { renderedData, renderedText } from '../../cli/render/packages.ts';

export default class PackageRender extends BaseCommand<typeof PackageRender> {
  static override summary = 'Render an onboarding package for one node: cloud-init user-data with the trust bundles and a fresh join token';
  static override description =
    'Mints a token with one use, puts it beside the active trust bundles into cloud-init user-data, reads the result back, signs it with a ' +
    'trust signer and writes a new directory in one step. user-data holds the token: copies of it outlive the file on the node, so the token ' +
    'is short-lived, and --node binds it to one node. Tell the receiver the trust digest by another way than the package.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --join-url https://boot.control.example.internal:9443 --out pkg',
    '<%= config.bin %> <%= command.id %> --cluster prod --role worker --node n1 --ttl 1h --out n1 --passphrase-file pass',
  ];
  static override flags = {
    cluster: Flags.string({ required: true, description: 'cluster that the node joins', helpValue: 'NAME' }),
    role: Flags.string({ required: true, description: 'role of the node in it', helpValue: 'NAME' }),
    'join-url': Flags.string({
      multiple: true,
      description: 'where the node joins (repeatable; default: join_urls of the cluster in joinery.yaml)',
      helpValue: 'URL',
    }),
    out: Flags.string({ required: true, description: 'directory to make; it must not exist', helpValue: 'DIR' }),
    node: Flags.string({ description: 'the one node that may use the package', helpValue: 'NAME' }),
    ttl: Flags.string({ description: 'life of the token, at most 24h', default: '15m', helpValue: 'DURATION' }),
    'env-prefix': Flags.string({ description: 'what the names in joinery.env start with', default: 'JOINERY', helpValue: 'PREFIX' }),
    'node-dir': Flags.string({ description: 'node directory', default: '/var/lib/joinery', helpValue: 'PATH' }),
    'allow-url-outside-domain': Flags.string({
      description: 'let a join URL lie outside the domain of the environment, for this reason (it stands in the package)',
      helpValue: 'REASON',
    }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const { 'join-url': joinUrls, node, 'allow-url-outside-domain': urlOutsideReason } = flags;
    const ttl = durationFlag('--ttl', flags.ttl);
    const rendered = await renderPackage(
      await context.realm(),
      {
        cluster: flags.cluster,
        role: flags.role,
        out: flags.out,
        envPrefix: flags['env-prefix'],
        nodeDirectory: flags['node-dir'],
        ttl,
        ...(joinUrls !== undefined && { joinUrls }),
        ...(node !== undefined && { node }),
        ...(urlOutsideReason !== undefined && { urlOutsideReason }),
      },
      await context.packageWorld(),
    );
    for (const warning of rendered.warnings) this.warning(warning);
    return { data: renderedData(rendered), text: renderedText(rendered) };
  }
}
