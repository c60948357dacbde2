import * as Flags from '@oclif/core/flags';
import { fixFindings } from '../app/doctor-fix.ts';
import { BaseCommand, type Outcome } from '../cli/base-command.ts';
import { diagnose, systemDisk } from '../cli/doctor.ts';
import { keyFlags, realmFlags } from '../cli/flags.ts';
import { countBySeverity, findingData, findingLines, fixData, fixLine } from '../cli/render/findings.ts';
import { isAtLeast } from '../core/doctor/finding.ts';
import { EXIT_STATUS } from '../core/errors.ts';

export default class Doctor extends BaseCommand<typeof Doctor> {
  static override summary = 'Examine a realm, a node or a fleet of nodes, and say what is wrong';
  static override description =
    'Permissions, ends of validity, the clock, keys and their records, the two trust domains, the audit log, the format of the state, and ' +
    'what the configuration allows that it need not. Every finding says what to do next. Nothing is changed without --fix, which only closes ' +
    'permissions and removes old temporary files. Ends with status 4 when something critical was found (--fail-on).';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --keys --online-passphrase-file pass --passphrase-file offline-pass',
    '<%= config.bin %> <%= command.id %> --node /var/lib/joinery --fix',
    '<%= config.bin %> <%= command.id %> --fleet nodes --fail-on warn --json',
  ];
  static override flags = {
    node: Flags.string({ description: 'examine the directory of a node', exclusive: ['fleet'], helpValue: 'DIR' }),
    fleet: Flags.string({ description: 'examine every node directory in a folder, and compare them', helpValue: 'DIR' }),
    keys: Flags.boolean({ description: 'open every private key of the realm and compare it with its record; needs the passphrases' }),
    fix: Flags.boolean({ description: 'close permissions and remove old temporary files' }),
    'fail-on': Flags.option({ options: ['warn', 'critical'] as const, description: 'end with status 4 from this on' })({
      default: 'critical',
    }),
    'warn-before': Flags.string({ description: 'warn so long before an end (default: by what ends)', helpValue: 'DURATION' }),
    'critical-before': Flags.string({ description: 'critical so long before an end (default: by what ends)', helpValue: 'DURATION' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { fix, 'fail-on': failOn } = this.flags;
    const first = await diagnose(this.context, this.flags);
    const fixes = fix ? await fixFindings(await systemDisk(), first.findings) : [];
    // What was repaired is looked at again, not assumed.
    const { findings, kind, path, nodes } = fixes.length === 0 ? first : await diagnose(this.context, this.flags);
    const counts = countBySeverity(findings);
    const failed = findings.some((finding) => isAtLeast(finding, failOn));
    const summary =
      findings.length === 0
        ? this.paint('green', 'nothing found')
        : `${counts.critical} critical, ${counts.warn} to look at, ${counts.info} to know`;
    const subject = nodes === undefined ? `${kind} ${path}` : `${kind} ${path}, ${nodes} nodes`;
    const data = {
      kind,
      path,
      ...(nodes !== undefined && { nodes }),
      healthy: !failed,
      counts,
      findings: findings.map(findingData),
      fixes: fixes.map(fixData),
    };
    const text = [...fixes.map(fixLine), ...findingLines(findings, this.paint), `${subject}: ${summary}`].join('\n');
    return { data, text, exitStatus: failed ? EXIT_STATUS.refused : 0 };
  }
}
