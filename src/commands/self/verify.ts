import * as Flags from '@oclif/core/flags';
import { verifySelf } from '../../app/verify-self.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { releaseKey, selfWorld } from '../../cli/own-executable.ts';
import { fields } from '../../cli/render/text.ts';

export default class SelfVerify extends BaseCommand<typeof SelfVerify> {
  static override summary = 'Verify that this executable is one that was released under a key';
  static override description =
    'Takes the digest of the file that runs, whatever it is called, and looks for it in the SHA256SUMS of the release, once the Ed25519 ' +
    'signature over that file holds. It finds a damaged copy and a file of another version; a forged program can say of itself what it ' +
    'likes, so check a first copy from outside: with sha256sum and openssl.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --key release.pub',
    '<%= config.bin %> <%= command.id %> --key release.pub --sums /media/usb/SHA256SUMS',
  ];
  static override flags = {
    key: Flags.string({
      required: true,
      description: 'Ed25519 public key that signs releases: a PEM file, or the base64 of it in one line',
      helpValue: 'KEY|FILE',
    }),
    sums: Flags.string({ description: 'checksums of the release (default: SHA256SUMS beside the executable)', helpValue: 'FILE' }),
    signature: Flags.string({ description: 'signature over them (default: the same name with .sig)', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { key, sums, signature } = this.flags;
    const { path, digest, name, signer } = await verifySelf(await selfWorld(), { key: await releaseKey(key), sums, signature });
    const { version } = this.config;
    return {
      data: { executable: path, sha256: digest, released_as: name, signer, version },
      text: [
        this.paint('green', 'the executable is as it was released'),
        fields({ executable: path, sha256: digest, 'released as': name, signer, version }),
      ].join('\n'),
    };
  }
}
