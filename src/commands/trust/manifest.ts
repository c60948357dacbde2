import * as Flags from '@oclif/core/flags';
import { trustIndex } from '../../app/trust-index.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { fileOutcome } from '../../cli/trust-write.ts';
import { canonicalJson } from '../../core/canonical-json.ts';

export default class TrustManifestCommand extends BaseCommand<typeof TrustManifestCommand> {
  static override summary = 'Write the index of all trust bundle versions, for a pipeline to diff and to gate on';
  static override description = 'The same history gives the same bytes. joinery trust verify --index checks documents against it.';
  static override examples = ['<%= config.bin %> <%= command.id %> --out trust-index.json'];
  static override flags = {
    out: Flags.string({ char: 'o', description: 'new file to write (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const index = await trustIndex(realm);
    return fileOutcome(realm.files, this.flags.out, `${canonicalJson(index)}\n`, {}, 'the index of all versions');
  }
}
