import * as Flags from '@oclif/core/flags';
import { issueAdmin } from '../../app/issue-admin.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyPassphraseFlag, newSecretFile } from '../../cli/cert-flags.ts';
import { certificateKeys } from '../../cli/certificate-world.ts';
import { durationFlag, keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { KEY_TYPES } from '../../core/key-ports.ts';
import { formatInstant, type Instant } from '../../core/time.ts';

export default class AdminIssue extends BaseCommand<typeof AdminIssue> {
  static override summary = 'Issue the client certificate of an administrator';
  static override description =
    'The name must stand in joinery.yaml under admins, with what it may ask of a server. The certificate says ' +
    'spiffe://<trust domain>/joinery/admin/<name>; nothing that arrives over the network can yield one. Writes NAME.key (mode 0600) and ' +
    'NAME.crt.';
  static override examples = ['<%= config.bin %> <%= command.id %> alice --ca issuing --ttl 8h --out-dir admins'];
  static override args = { name: positional({ description: 'name of the administrator in joinery.yaml', required: true }) };
  static override flags = {
    ca: Flags.string({ required: true, description: 'authority that signs', helpValue: 'NAME' }),
    'key-type': Flags.option({ options: KEY_TYPES, description: 'type of the key' })({ default: 'p256' }),
    ttl: Flags.string({ description: 'how long it is valid (default: 30d)', helpValue: 'DURATION' }),
    'out-dir': Flags.string({ default: '.', description: 'directory for key and certificate', helpValue: 'DIR' }),
    ...keyPassphraseFlag,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const realm = await context.realm();
    const file = flags['key-passphrase-file'];
    const { id, may, record, keyFile, certificateFile, warnings } = await issueAdmin(realm, certificateKeys(), {
      name: this.args.name,
      ca: flags.ca,
      keyType: flags['key-type'],
      directory: flags['out-dir'],
      passphrase: file === undefined ? undefined : await newSecretFile(realm.files, '--key-passphrase-file', file),
      ttl: flags.ttl === undefined ? undefined : durationFlag('--ttl', flags.ttl),
    });
    for (const warning of warnings) this.warning(warning);
    const notAfter = formatInstant(record.not_after as Instant);
    return {
      data: {
        id,
        may: [...may],
        serial: record.serial,
        fingerprint: record.fingerprint,
        not_after: notAfter,
        key_file: keyFile,
        certificate_file: certificateFile,
      },
      text: `${fields({ id, may: may.join(', '), serial: record.serial, 'not after': notAfter })}\nwrote ${keyFile}\nwrote ${certificateFile}`,
    };
  }
}
