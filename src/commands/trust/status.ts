import * as Flags from '@oclif/core/flags';
import { trustStatus } from '../../app/trust-status.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/flags.ts';
import { nodeWorld } from '../../cli/node-world.ts';
import { optionalPurposeFlag, stateFlag } from '../../cli/trust-flags.ts';
import { statusData, statusText } from '../../cli/trust-output.ts';
import { JoineryError } from '../../core/errors.ts';

export default class TrustStatus extends BaseCommand<typeof TrustStatus> {
  static override summary = 'Report what this node trusts; exit 4 when it is stale';
  static override description =
    'Stale is: expired, an anchor that has expired, a PEM file that is not the held version, no update for --max-age, or a clock behind the last update.';
  static override examples = ['<%= config.bin %> <%= command.id %> --state /var/lib/joinery/trust/state.json --max-age 30d'];
  static override flags = {
    ...optionalPurposeFlag,
    ...stateFlag,
    'max-age': Flags.string({ description: 'how old the last successful update may be', helpValue: 'DURATION' }),
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, state, 'max-age': maxAge } = this.flags;
    const options = { purpose, maxAge: maxAge === undefined ? undefined : durationFlag('--max-age', maxAge) };
    const statuses = await trustStatus(nodeWorld(this.context.world), state, options);
    if (statuses.length === 0) {
      throw new JoineryError('ERR_TRUST_NOT_FOUND', `${state}: expected a trust bundle version, found none`, {
        hint: 'joinery trust apply makes the first one',
      });
    }
    const stale = statuses.some((status) => status.problems.length > 0);
    return {
      data: { purposes: statuses.map((status) => statusData(status)) },
      text: statusText(statuses),
      ...(stale && { exitStatus: 4 }),
    };
  }
}
