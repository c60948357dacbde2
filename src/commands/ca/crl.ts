import * as Flags from '@oclif/core/flags';
import { issueCrl } from '../../app/issue-crl.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, keyFlags, positional, realmFlags } from '../../cli/flags.ts';
import { currentIo, write } from '../../cli/io.ts';
import { fields } from '../../cli/render/text.ts';
import { toPem, utf8 } from '../../core/encoding.ts';
import { formatInstant } from '../../core/time.ts';

export default class CaCrl extends BaseCommand<typeof CaCrl> {
  static override summary = 'Issue the certificate revocation list of an authority';
  static override description =
    'A full CRL, version 2, of every certificate of the authority that was revoked with joinery cert revoke: leaves, authorities below ' +
    'it and cross-certificates. Its number grows with every list. It is also kept in the realm as ca/NAME.crl, in DER.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> issuing --out issuing.crl.pem',
    '<%= config.bin %> <%= command.id %> node-root --next-update 90d --format der --out node-root.crl',
  ];
  static override args = { name: positional({ description: 'name of the authority', required: true }) };
  static override flags = {
    'next-update': Flags.string({ description: 'when the next list will be there at the latest (default: 7d)', helpValue: 'DURATION' }),
    format: Flags.option({ options: ['pem', 'der'] as const, description: 'form of the output' })({ default: 'pem' }),
    out: Flags.string({ char: 'o', description: 'file to write or replace (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { format, out, 'next-update': nextUpdate } = this.flags;
    const realm = await this.context.realm();
    const ttl = nextUpdate === undefined ? undefined : durationFlag('--next-update', nextUpdate);
    const list = await this.context.progress.step('issuing the revocation list', () => issueCrl(realm, { name: this.args.name, ttl }));
    const data = {
      name: list.name,
      crl_number: list.number,
      this_update: formatInstant(list.thisUpdate),
      next_update: formatInstant(list.nextUpdate),
      entries: list.entries,
      digest: list.digest,
      file: list.file,
    };
    const pem = toPem('X509 CRL', list.der);
    if (out !== undefined && out !== '-') {
      await realm.files.replace(out, format === 'pem' ? utf8(pem) : list.der, 0o644);
      return { data: { ...data, out }, text: `${summary(data)}\nwrote ${out}` };
    }
    if (format === 'pem') return { data: { ...data, pem }, text: pem.trimEnd() };
    if (!this.flags.json) await write(currentIo().stdout, list.der);
    return { data, text: '' };
  }
}

function summary(list: {
  name: string;
  crl_number: number;
  entries: number;
  this_update: string;
  next_update: string;
  file: string;
}): string {
  return fields({
    authority: list.name,
    'CRL number': list.crl_number,
    entries: list.entries,
    'this update': list.this_update,
    'next update': list.next_update,
    file: list.file,
  });
}
