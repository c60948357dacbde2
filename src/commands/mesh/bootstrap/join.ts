import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { currentIo } from '../../../cli/io.ts';
import { callFlags } from '../../../cli/node-flags.ts';
import { remoteFlags, withRemote } from '../../../cli/remote-client.ts';
import { jsonText } from '../../../cli/render/text.ts';
import { readToken } from '../../../cli/token-flags.ts';
import { checkTokenOutput } from '../../../cli/token-output.ts';
import { lifetimeFlag } from '../../../cli/token-request.ts';
import { utf8 } from '../../../core/encoding.ts';

const { anchors, pin, 'server-name': serverName, 'correlation-id': correlationId } = { ...remoteFlags, ...callFlags };

export default class MeshBootstrapJoin extends BaseCommand<typeof MeshBootstrapJoin> {
  static override summary = 'Join an OmniRelay mesh with a bootstrap token';
  static override description =
    'OmniRelay’s own command line: it asks the bootstrap endpoint once, and writes the bundle (certificate with key and password, trust, seed peers) ' +
    'into a new file of mode 0600. The server makes the key there; node join makes it here, and is to be preferred. The server must prove itself ' +
    'under --anchors or --pin: the certificates that the system trusts count for nothing.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --url https://relay.lab.example:8443 --token-file token --output bundle.json --anchors trust/control-plane-https.pem',
  ];
  static override flags = {
    url: Flags.string({ required: true, description: 'server with the bootstrap endpoint', helpValue: 'URL' }),
    'token-file': Flags.string({ required: true, description: 'file with the token, - for stdin', helpValue: 'FILE' }),
    output: Flags.string({ description: 'new file for the bundle, mode 0600 (default: stdout, with --reveal)', helpValue: 'FILE' }),
    reveal: Flags.boolean({ description: 'print the bundle, with the key in it, to stdout' }),
    timeout: Flags.string({ description: 'how long to wait: 30s, or 00:00:30', default: '30s', helpValue: 'DURATION' }),
    anchors,
    pin,
    'server-name': serverName,
    'correlation-id': correlationId,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const { files } = context.world;
    const { output: out } = flags;
    // Into a pipe or a file, as OmniRelay's own program does.
    const reveal = flags.reveal || (out === undefined && !currentIo().stdout.stream.isTTY);
    await checkTokenOutput(files, { out, reveal });
    const token = await readToken(files, flags['token-file']);
    const timeout = `${lifetimeFlag(flags.timeout)}s`;
    const bundle = await withRemote(context, { ...flags, url: [flags.url], timeout }, (client) => client.joinOmnirelay({ token }));
    if (out !== undefined) await files.create(out, utf8(`${JSON.stringify(bundle, null, 2)}\n`), 0o600);
    const { clusterId, role, identity, expiresAt } = bundle as Readonly<Record<string, string>>;
    const data = {
      ...(clusterId !== undefined && { cluster_id: clusterId }),
      ...(role !== undefined && { role }),
      ...(identity !== undefined && { identity }),
      ...(expiresAt !== undefined && { expires_at: expiresAt }),
      ...(out !== undefined && { file: out }),
      ...(reveal && { bundle }),
    };
    return { data, text: reveal ? jsonText(bundle) : `joined as ${String(identity)}\nwrote ${String(out)}` };
  }
}
