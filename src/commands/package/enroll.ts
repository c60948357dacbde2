import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyFlags, positionals, realmFlags } from '../../cli/flags.ts';
import { enrollFiles } from '../../cli/offline-enrollment.ts';
import { carriedFiles } from '../../cli/offline-files.ts';
import { enrolledData, enrolledText } from '../../cli/render/offline.ts';
import { EXIT_STATUS } from '../../core/errors.ts';
import { REQUEST_ENDING } from '../../core/join/offline.ts';

export default class PackageEnroll extends BaseCommand<typeof PackageEnroll> {
  static override summary = 'Answer requests of nodes without a network: check token and policy, and issue certificates';
  static override description =
    'The way in is that of the server: the token is verified and used, the policy of the cluster decides, the certificate, the use and the audit ' +
    'records are one commit. Answers hold no secret and go back to the nodes, which verify them (joinery node install). A request that was ' +
    'answered before gets the same certificate. Each request is decided on for itself; exits 4 when one was refused.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> /media/stick --out /media/stick',
    '<%= config.bin %> <%= command.id %> n1-0a1b2c3d4e5f.request.json --out answers --online-passphrase-file pass',
  ];
  static override args = { request: positionals({ description: 'requests: files, or directories with them, - for stdin' }) };
  static override flags = {
    out: Flags.string({ required: true, description: 'directory to write the answers to', helpValue: 'DIR' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args, context } = this;
    const requests = await carriedFiles(context.world.files, args.request, REQUEST_ENDING);
    const realm = await context.realm();
    const enrollments = await context.progress.step('answering', () => enrollFiles(realm, requests, flags.out));
    const refused = enrollments.filter(({ result }) => result === 'refused').length;
    return {
      data: { accepted: enrollments.length - refused, refused, requests: enrolledData(enrollments) },
      text: enrolledText(enrollments, this.paint),
      ...(refused > 0 && { exitStatus: EXIT_STATUS.refused }),
    };
  }
}
