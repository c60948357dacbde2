import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { attestFlag, namedEvidence } from '../../cli/attest-flag.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag } from '../../cli/flags.ts';
import { currentIo } from '../../cli/io.ts';
import { alertShares, runAgent } from '../../cli/node-agent.ts';
import { directoryFlag, nodeClientWorld, nodeDirectory, timeoutMs, urlFlag } from '../../cli/node-flags.ts';

export default class NodeAgent extends BaseCommand<typeof NodeAgent> {
  static override summary = 'Keep the identity of this node alive: renew, follow trust, reload services, raise alerts';
  static override description =
    'Runs until it is told to stop. Renews when between 33 % and 20 % of the life of the certificate is left, at a time drawn for this node; after ' +
    'failures it waits longer and longer, at random, but never so long that the certificate ends meanwhile. Consumers in reload.conf of the node ' +
    'directory are told once of each change. After the certificate has ended it joins again as soon as a token is in secrets/join-token. SIGHUP ' +
    'renews now; SIGTERM ends it after what is under way. Under systemd it reports readiness and feeds the watchdog.';
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --metrics-file /var/lib/prometheus/node-exporter/joinery.prom --alert /usr/local/bin/page-somebody --alert-late 18%',
    '<%= config.bin %> <%= command.id %> --workload-api unix:/run/joinery/web/api.sock',
    '<%= config.bin %> <%= command.id %> --trust-from /media/stick --trust-every 1d',
  ];
  static override flags = {
    ...directoryFlag,
    ...urlFlag,
    ...attestFlag,
    timeout: Flags.string({ description: 'how long one attempt may take', default: '60s', helpValue: 'DURATION' }),
    alert: Flags.string({ description: 'program that is given each alert on its standard input', helpValue: 'FILE' }),
    'alert-late': Flags.string({
      description: 'share of the life of the certificate that is left when failing renewals miss their objective: renewal-late',
      default: '15%',
      helpValue: 'PERCENT',
    }),
    'alert-expiring': Flags.string({
      description: 'share that is left when they become an emergency: renewal-expiring',
      default: '5%',
      helpValue: 'PERCENT',
    }),
    'metrics-file': Flags.string({ description: "file for the textfile collector of Prometheus' node exporter", helpValue: 'FILE' }),
    'trust-every': Flags.string({ description: 'how often newer trust is looked for', default: '1h', helpValue: 'DURATION' }),
    'trust-from': Flags.string({ description: 'directory with trust documents, instead of the server', helpValue: 'DIR' }),
    'workload-api': Flags.string({
      multiple: true,
      default: [],
      description:
        'offer the SPIFFE Workload API on this socket, in a directory that only its owner may enter (repeatable: one for each consumer)',
      helpValue: 'unix:PATH',
    }),
    'log-level': Flags.option({
      options: ['debug', 'info', 'warn', 'error'] as const,
      default: 'info',
      description: 'least level that is logged',
    })(),
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const directory = nodeDirectory(flags);
    const world = await nodeClientWorld(context.world);
    const signal = await runAgent(context.world, {
      directory,
      ...(flags.url.length > 0 && { urls: flags.url }),
      evidence: namedEvidence({ ...world, env: currentIo().env }, flags.attest),
      timeoutMs: timeoutMs(flags),
      trustEvery: durationFlag('--trust-every', flags['trust-every']),
      ...(flags['trust-from'] !== undefined && { trustFrom: resolve(flags['trust-from']) }),
      ...(flags['metrics-file'] !== undefined && { metricsFile: resolve(flags['metrics-file']) }),
      alertProgram: flags.alert,
      alertShares: alertShares(flags),
      workloadApi: flags['workload-api'],
      logLevel: flags['log-level'],
    });
    return { data: { directory, signal }, text: `stopped by ${signal}` };
  }
}
