import { showAudit } from '../../app/audit-show.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { JoineryError } from '../../core/errors.ts';

export default class AuditShow extends BaseCommand<typeof AuditShow> {
  static override summary = 'Show one record of the audit log whole';
  static override description = 'With its leaf hash in the Merkle tree (RFC 6962), and its details as canonical JSON.';
  static override examples = ['<%= config.bin %> <%= command.id %> 42'];
  static override args = { seq: positional({ description: 'sequence number of the record', required: true }) };
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const { seq } = this.args;
    if (!/^\d{1,15}$/.test(seq)) throw new JoineryError('ERR_USAGE', 'SEQ: expected a sequence number, found something else');
    const { record, leafHash } = await showAudit((await this.context.realm()).store, Number(seq));
    const { actor, correlation_id, details, ...rest } = record;
    const text = fields({
      seq: rest.seq,
      time: rest.time,
      event: rest.event,
      subject: rest.subject,
      actor: actor.verified ? actor.name : `${actor.name} (unverified)`,
      result: rest.result,
      reason: rest.reason,
      environment: rest.environment,
      'correlation id': correlation_id,
      details: canonicalJson(details),
      'leaf hash': leafHash,
    });
    return { data: { record: { ...record }, leaf_hash: leafHash }, text };
  }
}
