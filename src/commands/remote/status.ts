import { withRemote, remoteFlags } from '../../cli/remote-client.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { fields, table } from '../../cli/render/text.ts';

export default class RemoteStatus extends BaseCommand<typeof RemoteStatus> {
  static override summary = 'Ask a bootstrap server whether it is there, and what its anchors are';
  static override description =
    'The server must prove itself first: under the trust of the node directory, --anchors, or --pin. Needs no certificate.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --url https://boot.lab.example:8443 --anchors trust/control-plane-https.pem',
  ];
  static override flags = { ...remoteFlags };

  protected async execute(): Promise<Outcome> {
    const { url, ca } = await withRemote(this.context, this.flags, (client) => client.status());
    const rows = ca.anchors.map(({ purpose, fingerprint, spki_pin }) => [purpose, fingerprint, spki_pin]);
    const anchors = ca.anchors.map(({ purpose, fingerprint, spki_pin }) => ({ purpose, fingerprint, spki_pin }));
    return {
      data: { url, anchors },
      text: `${fields({ server: url, answers: 'yes' })}\n\n${table(['PURPOSE', 'FINGERPRINT', 'PIN'], rows)}`,
    };
  }
}
