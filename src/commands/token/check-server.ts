import * as Flags from '@oclif/core/flags';
import { checkServer } from '../../app/check-server.ts';
import { certificateSummary } from '../../app/verify-certificate.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { fields } from '../../cli/render/text.ts';
import { readToken, tokenFileFlag } from '../../cli/token-flags.ts';
import { pinByFlags, pinnedTls, serverFlag } from '../../cli/token-server.ts';
import { formatInstant } from '../../core/time.ts';

export default class TokenCheckServer extends BaseCommand<typeof TokenCheckServer> {
  static override summary = 'Ask whether a server is the one that a token pins';
  static override description =
    'Connects by TLS and sends nothing, the token least of all. The pinned authority must be a self-signed CA that the server shows, and must ' +
    'anchor a certification path to its certificate, for the name, for servers, and now: that some certificate of the chain has the pinned ' +
    'hash is not enough. A second connection is then verified under that authority alone; the system store is trusted for nothing. ' +
    'The token itself is not verified: it says which server its holder was told to trust.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --token-file node-1.jwt --connect boot.example.internal:9443',
    '<%= config.bin %> <%= command.id %> --token-file kubeadm.txt --pin sha256:HEX --connect 192.0.2.10:6443 --server-name kubernetes',
  ];
  static override flags = {
    'token-file': tokenFileFlag,
    connect: Flags.string({ required: true, description: 'where the server listens', helpValue: 'HOST:PORT' }),
    'server-name': Flags.string({ description: 'name that its certificate must be for (default: the host)', helpValue: 'NAME' }),
    pin: Flags.string({
      multiple: true,
      default: [],
      description: 'pin that came beside a token that has none (kubeadm; repeatable)',
      helpValue: 'sha256:HEX',
    }),
  };

  protected async execute(): Promise<Outcome> {
    const { flags, context } = this;
    const { files, clock, verifySignature } = context.world;
    const server = serverFlag(flags.connect, flags['server-name']);
    const pin = pinByFlags(await readToken(files, flags['token-file']), flags.pin);
    const { anchor, path } = await context.progress.step(`Asking ${flags.connect}`, () =>
      checkServer({ clock, verifySignature, tls: pinnedTls }, server, pin),
    );
    const [leaf] = path as [(typeof path)[number]];
    const text = fields({
      server: flags.connect,
      name: server.name,
      'pinned authority': anchor.subject.text,
      fingerprint: anchor.fingerprint,
      certificate: leaf.subject.text,
      'valid until': formatInstant(leaf.notAfter),
    });
    return {
      data: { connect: flags.connect, name: server.name, pinned: true, path: path.map(certificateSummary) },
      text: `${this.paint('green', 'pinned')} server\n${text}`,
    };
  }
}
