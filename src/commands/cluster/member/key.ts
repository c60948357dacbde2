import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyPassphraseFlag, newSecretFile } from '../../../cli/cert-flags.ts';
import { memberWorld } from '../../../cli/cluster-world.ts';
import { toPem, utf8 } from '../../../core/encoding.ts';
import { jwkThumbprint, publicJwk } from '../../../core/jwk.ts';

export default class ClusterMemberKey extends BaseCommand<typeof ClusterMemberKey> {
  static override summary = 'On a member: make the key that answers are sealed to';
  static override description =
    'Needs no realm. The private key goes into a new file of mode 0600 and stays on the node; the public key, printed or written with --public, goes ' +
    'to whoever runs cluster member add.';
  static override examples = ['<%= config.bin %> <%= command.id %> --out node-1.key --public node-1.pub'];
  static override flags = {
    out: Flags.string({ char: 'o', required: true, description: 'new file for the private key, mode 0600', helpValue: 'FILE' }),
    public: Flags.string({ description: 'new file for the public key (default: stdout)', helpValue: 'FILE' }),
    ...keyPassphraseFlag,
  };

  protected async execute(): Promise<Outcome> {
    const { out, public: publicFile, 'key-passphrase-file': passphraseFile } = this.flags;
    const { files, portableKeys } = memberWorld(this.context.world);
    const pair = portableKeys.generate('p256');
    const passphrase = passphraseFile === undefined ? undefined : await newSecretFile(files, '--key-passphrase-file', passphraseFile);
    const publicPem = toPem('PUBLIC KEY', pair.spki);
    await files.create(out, utf8(await pair.toPem(passphrase)), 0o600);
    if (publicFile !== undefined) await files.create(publicFile, utf8(publicPem), 0o644);
    const thumbprint = jwkThumbprint(publicJwk(pair.spki));
    const data = {
      key_file: out,
      ...(publicFile !== undefined && { public_key_file: publicFile }),
      key_thumbprint: thumbprint,
      public_key_pem: publicPem,
    };
    return { data, text: publicFile === undefined ? publicPem.trimEnd() : `wrote ${out} and ${publicFile} (key ${thumbprint})` };
  }
}
