import * as Flags from '@oclif/core/flags';
import { showEnrollment } from '../../app/enrollments.ts';
import { listRevocations } from '../../app/revoke-planned.ts';
import { undoCertificateHold, type UndoneRevocation, undoNodeHold } from '../../app/undo-revocation.ts';
import type { Realm } from '../../app/realm.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../cli/flags.ts';
import { JoineryError } from '../../core/errors.ts';

export default class RevocationUndo extends BaseCommand<typeof RevocationUndo> {
  static override summary = 'End the hold of a certificate or of a node';
  static override description =
    'Only a revocation with the reason certificateHold can be undone. The certificate leaves the next revocation list, and those who ' +
    'follow the revocations are told (removeFromCRL). Tokens that were revoked with a node stay revoked.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --serial 5f0c6e2d8f3b4a7c9d1e2f3a4b5c6d7e',
    '<%= config.bin %> <%= command.id %> --node node-7 --cluster prod',
  ];
  static override flags = {
    serial: Flags.string({ description: 'serial number of one certificate, hex', helpValue: 'HEX', exclusive: ['node'] }),
    node: Flags.string({ description: 'node, with its certificates on hold', helpValue: 'NAME' }),
    cluster: Flags.string({ description: 'needed only where two clusters have a node of that name', dependsOn: ['node'] }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const { serials, issuers } = await this.#undo(realm);
    const { issued, pending } = await listRevocations(realm, new Set(issuers));
    for (const { name, error } of pending)
      this.warning(`the revocation list of ${name} still names it (${error?.message ?? 'its key is offline'}): joinery ca crl ${name}`);
    const crls = issued.map(({ name, number, file }) => ({ ca: name, number, file }));
    const lines = serials.length === 0 ? ['no certificate was on hold'] : serials.map((serial) => `certificate ${serial} counts again`);
    return {
      data: { serials: [...serials], crls },
      text: [...lines, ...crls.map(({ number, file }) => `wrote ${file}, number ${number}`)].join('\n'),
    };
  }

  async #undo(realm: Realm): Promise<UndoneRevocation> {
    const { serial, node, cluster } = this.flags;
    if (serial !== undefined) return undoCertificateHold(realm, { serial });
    if (node === undefined) throw new JoineryError('ERR_USAGE', 'expected --serial or --node, found neither');
    const { record } = await showEnrollment(realm, node, cluster);
    return undoNodeHold(realm, { cluster: record.cluster, node });
  }
}
