import * as Flags from '@oclif/core/flags';
import { auditFile, proofKeys } from '../../cli/audit-files.ts';
import { auditLine } from '../../cli/audit-flags.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional } from '../../cli/flags.ts';
import { fields } from '../../cli/render/text.ts';
import { parseProof } from '../../core/audit/proof.ts';
import {
  openCheckpoint,
  type ProofKeys,
  type VerifiedProof,
  verifyConsistencyProof,
  verifyInclusionProof,
} from '../../core/audit/verify-proof.ts';
import { toHex } from '../../core/encoding.ts';
import { JoineryError } from '../../core/errors.ts';
import { formatInstant } from '../../core/time.ts';

export default class AuditVerifyProof extends BaseCommand<typeof AuditVerifyProof> {
  static override summary = 'Verify a proof about an audit log, or a checkpoint, without the realm';
  static override description =
    'Needs the verifier key of the log, and nothing else: for whoever was handed a record and must be sure that it is in the log. Each ' +
    '--witness must have signed the checkpoint too. A proof that a log continues an earlier head is held against --kept, the checkpoint ' +
    'that was kept.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> record-42.tlog-proof --key audit.vkey',
    '<%= config.bin %> <%= command.id %> record-42.tlog-proof --key audit.vkey --witness witness.vkey',
    '<%= config.bin %> <%= command.id %> proof.txt --kept checkpoint-2026-11-22.txt --key audit.vkey',
  ];
  static override args = { proof: positional({ description: 'file with a proof or a checkpoint, - for stdin', required: true }) };
  static override flags = {
    key: Flags.string({ required: true, description: 'verifier key of the log: its text, or a file with it', helpValue: 'KEY|FILE' }),
    witness: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'verifier key of a witness that must have signed',
      helpValue: 'KEY|FILE',
    }),
    kept: Flags.string({ description: 'checkpoint that the log must continue', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { world } = this.context;
    const keys = await proofKeys(world, this.flags.key, this.flags.witness);
    const verified = await this.#verify(keys);
    const { checkpoint, cosignatures, record, earlier } = verified;
    const signed = cosignatures.map(({ witness, at }) => ({ witness, at: formatInstant(at) }));
    const { origin, size, root } = checkpoint;
    const data = {
      kind: verified.kind,
      origin,
      size,
      root: toHex(root),
      cosignatures: signed,
      ...(record !== undefined && { record: { ...record } }),
      ...(earlier !== undefined && { continues: earlier.size }),
    };
    const text = fields({
      log: origin,
      head: `${size} records, root ${toHex(root)}`,
      continues: earlier && `the head of ${earlier.size} records`,
      witnesses: signed.length === 0 ? 'none asked for' : signed.map(({ witness, at }) => `${witness} at ${at}`).join(', '),
    });
    const shown = record === undefined ? [] : [auditLine(record, this.paint)];
    return { data, text: [this.paint('green', 'the proof holds'), text, ...shown].join('\n') };
  }

  async #verify(keys: ProofKeys): Promise<VerifiedProof> {
    const { files } = this.context.world;
    const { note, source } = await auditFile(files, this.args.proof);
    const proof = parseProof(note, source);
    if (proof.kind === 'inclusion') return verifyInclusionProof(proof, keys, source);
    if (proof.kind === 'checkpoint') return openCheckpoint(proof.note, keys, source);
    const { kept } = this.flags;
    if (kept === undefined) throw new JoineryError('ERR_USAGE', '--kept: expected the checkpoint that the log must continue, found none');
    const earlier = await auditFile(files, kept);
    return verifyConsistencyProof(proof, openCheckpoint(earlier.note, { ...keys, witnesses: [] }, earlier.source).checkpoint, keys, source);
  }
}
