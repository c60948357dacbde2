import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { passphraseFlags, realmFlags } from '../../cli/flags.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { listenMembers } from '../../core/realm/server-config.ts';
import { serve } from '../../cli/server-command.ts';

export default class ServerStart extends BaseCommand<typeof ServerStart> {
  static override summary = 'Let nodes join, renew and fetch trust over the network';
  static override description =
    'Serves REST and gRPC on one port with TLS 1.3, and health, readiness and metrics on another. The section server of joinery.yaml says where ' +
    'and how. The server opens online keys only, and refuses to start when its passphrase opens the offline ones. SIGHUP, and a change of a ' +
    'file, reloads configuration, policies and certificate; SIGTERM answers what is under way and stops, a second one stops at once. The log ' +
    'goes to stderr as JSON lines. Without a flag or variable the passphrase is read from the systemd credential joinery-online-passphrase.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --online-passphrase-file pass',
    '<%= config.bin %> <%= command.id %> --listen 127.0.0.1:8443 --admin-listen 127.0.0.1:8444 --log-level debug',
  ];
  static override flags = {
    listen: Flags.string({
      description: 'address of the port for nodes (default: server.listen, or 0.0.0.0:8443)',
      helpValue: 'HOST:PORT',
    }),
    'admin-listen': Flags.string({
      description: 'address of the port for health and metrics (default: server.admin_listen, or 127.0.0.1:8444)',
      helpValue: 'HOST:PORT',
    }),
    'log-level': Flags.option({
      options: ['debug', 'info', 'warn', 'error'] as const,
      default: 'info',
      description: 'least level that is logged',
    })(),
    'online-passphrase-file': passphraseFlags['online-passphrase-file'],
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { listen, 'admin-listen': adminListen, 'log-level': logLevel, 'online-passphrase-file': passphraseFile, json } = this.flags;
    const { directory } = await this.context.location();
    const { signal, ...addresses } = await serve({
      context: this.context,
      directory,
      passphraseFile,
      logLevel,
      server: listenMembers({ listen, admin_listen: adminListen }),
      started: ({ listen: at, admin }) =>
        this.line(json ? canonicalJson({ event: 'listening', listen: at, admin }) : `listening on ${at}, health and metrics on ${admin}`),
    });
    return { data: { ...addresses, signal }, text: `stopped by ${signal}` };
  }
}
