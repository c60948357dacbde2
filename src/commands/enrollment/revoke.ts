import * as Flags from '@oclif/core/flags';
import { showEnrollment } from '../../app/enrollments.ts';
import { revokeNode } from '../../app/revoke-node.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { tellOfRevocations } from '../../cli/tell-providers.ts';
import { REVOCATION_REASON_NAMES } from '../../core/x509/crl-writer.ts';

export default class EnrollmentRevoke extends BaseCommand<typeof EnrollmentRevoke> {
  static override summary = 'Revoke a node: its certificates, its tokens, and its name';
  static override description =
    'In one step: every certificate of it that has not ended, every join token so far that names it, and the node itself. A running server ' +
    'cuts its connections within a second. It enters again only with a new key and a token that names it and was minted with --allow-reentry.';
  static override examples = ['<%= config.bin %> <%= command.id %> n1 --cluster prod --reason keyCompromise'];
  static override args = { node: positional({ description: 'name of the node', required: true }) };
  static override flags = {
    cluster: Flags.string({ description: 'needed only where two clusters have a node of that name' }),
    reason: Flags.option({ options: REVOCATION_REASON_NAMES, description: 'why (RFC 5280 section 5.3.1)' })({ default: 'unspecified' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const { reason } = this.flags;
    const { record } = await showEnrollment(realm, this.args.node, this.flags.cluster);
    const { cluster, node, identity } = record;
    const { serials, already } = await revokeNode(realm, { cluster, node, reason });
    if (!already) await tellOfRevocations(realm, (message) => this.warning(message));
    if (already) this.warning('it was revoked before; nothing was changed');
    return {
      data: { cluster, node, identity, reason, serials: [...serials], already },
      text: fields({ cluster, node, identity, reason, 'certificates revoked': serials.join(', ') || 'none' }),
    };
  }
}
