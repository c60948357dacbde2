import * as Flags from '@oclif/core/flags';
import { renewNode } from '../../client/renew-node.ts';
import { attestFlag, namedEvidence } from '../../cli/attest-flag.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { currentIo } from '../../cli/io.ts';
import { callFlags, directoryFlag, nodeClientWorld, nodeDirectory, timeoutMs, urlFlag } from '../../cli/node-flags.ts';
import { workloadIdentity } from '../../cli/workload-identity.ts';
import { identityData, identityText, shownIdentity } from '../../cli/render/nodes.ts';
import { formatInstant } from '../../core/time.ts';

export default class NodeRenew extends BaseCommand<typeof NodeRenew> {
  static override summary = 'Renew the certificate of this node, with a new key';
  static override description =
    'Asks the server over mutual TLS with the present certificate, and switches to the new key and certificate in one step; newer trust comes with ' +
    'it. For a timer: --if-due. Exits 0 when it renewed or had nothing to do, 4 when the server or this node refuses (revoked, expired, a reply that ' +
    'does not verify), 5 when another run is at work in the directory, 6 when the node has not joined, 7 when no server answered: then the next run goes on with the same key.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --if-due',
    '<%= config.bin %> <%= command.id %> --directory /etc/joinery/node',
    '<%= config.bin %> <%= command.id %> --workload-api unix:/run/joinery/web/api.sock',
  ];
  static override flags = {
    ...directoryFlag,
    'if-due': Flags.boolean({ description: 'only when two thirds of the life of the certificate have passed' }),
    'workload-api': Flags.string({
      description: 'show the certificate of this SPIFFE Workload API, of the same identity (env: SPIFFE_ENDPOINT_SOCKET says which)',
      helpValue: 'unix:PATH|env',
    }),
    ...attestFlag,
    ...urlFlag,
    ...callFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const directory = nodeDirectory(flags);
    const world = await nodeClientWorld(context.world);
    const result = await renewNode(world, {
      directory,
      evidence: namedEvidence({ ...world, env: currentIo().env }, flags.attest),
      ifDue: flags['if-due'],
      ...(flags['workload-api'] !== undefined && { identity: await workloadIdentity(world, flags['workload-api']) }),
      ...(flags.url.length > 0 && { urls: flags.url }),
      timeoutMs: timeoutMs(flags),
      correlationId: context.world.caller.correlationId,
      onWarning: (message) => this.warning(message),
    });
    if (result.state === 'not-due') {
      const due = formatInstant(result.renewAfter);
      return {
        data: { state: result.state, directory, ...identityData(shownIdentity(result.identity)), due },
        text: `not due before ${due}`,
      };
    }
    const shown = shownIdentity(result);
    return { data: { state: result.state, directory, ...identityData(shown) }, text: `renewed\n${identityText(shown, directory)}` };
  }
}
