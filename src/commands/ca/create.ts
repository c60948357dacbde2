import * as Flags from '@oclif/core/flags';
import { createCa } from '../../app/create-ca.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { constraintFlags, constraintsOf } from '../../cli/ca-flags.ts';
import { durationFlag, instantFlag, keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { authorityData, authorityText } from '../../cli/render/authorities.ts';
import { KEY_TYPES } from '../../core/key-ports.ts';

export default class CaCreate extends BaseCommand<typeof CaCreate> {
  static override summary = 'Create a certificate authority';
  static override description =
    'Without --parent it is a root, which signs itself and keeps its key offline; with --parent it is signed by that authority, may ' +
    'issue leaves only (--path-len 0), and keeps its key online. The certificate is checked before it is signed, and read back by ' +
    'another implementation after. Name constraints (critical, RFC 5280 section 4.2.1.10) bound what may stand below it: a kind of name that is ' +
    'permitted somewhere is permitted nowhere else, a kind that is not named is free. Under a parent they lie inside its own and are filled up from ' +
    'them. --trust-domain names the trust domain and does not bound it: --permit-uri does, for peers that know URI constraints.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node-root',
    '<%= config.bin %> <%= command.id %> issuing --parent node-root --ttl 1y',
    '<%= config.bin %> <%= command.id %> edge --parent node-root --permit-dns edge.example --permit-ip 10.0.0.0/8 --exclude-email "*"',
    '<%= config.bin %> <%= command.id %> nodes --parent node-root --trust-domain prod.example --permit-uri prod.example',
    '<%= config.bin %> <%= command.id %> web-root --key-type p384 --subject "CN=Web Root,O=Example"',
  ];
  static override args = { name: positional({ description: 'name of the authority in this realm', required: true }) };
  static override flags = {
    parent: Flags.string({ description: 'authority that signs it (default: it is a root)', helpValue: 'NAME' }),
    'key-type': Flags.option({ options: KEY_TYPES, description: 'type of its key' })({ default: 'p256' }),
    ttl: Flags.string({
      description: 'how long it is valid (default: 10y for a root, 5y under a parent)',
      exclusive: ['not-after'],
      helpValue: 'DURATION',
    }),
    'not-after': Flags.string({ description: 'last second of its validity, as 2036-11-22T10:00:00Z', helpValue: 'TIME' }),
    strict: Flags.boolean({ description: 'refuse what would outlive its parent, instead of shortening it', dependsOn: ['parent'] }),
    subject: Flags.string({ description: 'subject as in RFC 4514 (default: CN=<name>,O=<environment>)', helpValue: 'DN' }),
    'path-len': Flags.integer({
      min: 0,
      max: 16,
      description: 'authorities that may stand below it (default: any for a root, 0 under a parent)',
    }),
    custody: Flags.option({
      options: ['offline', 'online'] as const,
      description: 'whose passphrase encrypts its key (default: offline for a root)',
    })(),
    'trust-domain': Flags.string({
      description: 'makes its certificate an SVID of the trust domain: URI spiffe://NAME (SPIFFE X509-SVID 3.2)',
      helpValue: 'NAME',
    }),
    ...constraintFlags,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args } = this;
    const realm = await this.context.realm();
    const result = await this.context.progress.step(`creating authority ${args.name}`, () =>
      createCa(realm, {
        name: args.name,
        parent: flags.parent,
        keyType: flags['key-type'],
        ttl: flags.ttl === undefined ? undefined : durationFlag('--ttl', flags.ttl),
        notAfter: flags['not-after'] === undefined ? undefined : instantFlag('--not-after', flags['not-after']),
        subject: flags.subject,
        custody: flags.custody,
        pathLen: flags['path-len'],
        constraints: constraintsOf(flags),
        strict: flags.strict,
        trustDomain: flags['trust-domain'],
      }),
    );
    for (const warning of result.warnings) this.warning(warning);
    return { data: { ...authorityData(result), file: result.file }, text: `${authorityText(result)}\nfile         ${result.file}` };
  }
}
