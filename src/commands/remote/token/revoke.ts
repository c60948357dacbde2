import { withRemote, remoteFlags } from '../../../cli/remote-client.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { positional } from '../../../cli/flags.ts';

export default class RemoteTokenRevoke extends BaseCommand<typeof RemoteTokenRevoke> {
  static override summary = 'Revoke a join token through a bootstrap server';
  static override description = 'Needs the certificate of an administrator who may do it (admin issue).';
  static override examples = [
    '<%= config.bin %> <%= command.id %> 7d9e1c52-0000-4000-8000-000000000001 --cert ops.crt --key ops.key --url https://boot.lab.example:8443 --anchors cp.pem',
  ];
  static override args = { id: positional({ description: 'id of the token', required: true }) };
  static override flags = { ...remoteFlags };

  protected async execute(): Promise<Outcome> {
    const { id } = this.args;
    const { already } = await withRemote(this.context, this.flags, (client) => client.revokeToken(id));
    return { data: { id, already }, text: already ? `${id} was revoked before` : `revoked ${id}` };
  }
}
