import * as Flags from '@oclif/core/flags';
import { isAgeSealed, readSealed, unsealPackage } from '../../app/unseal-package.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyPassphraseFlag, privateKeyFile } from '../../cli/cert-flags.ts';
import { positional } from '../../cli/flags.ts';
import { ageIdentity, unsealWorld } from '../../cli/package-seal.ts';
import { Secret } from '../../core/secret.ts';

export default class PackageUnseal extends BaseCommand<typeof PackageUnseal> {
  static override summary = 'Open a package that was sealed to your key (package render --sealed-to)';
  static override description =
    'Needs no realm. Writes the package as a new directory. Whoever has your public key can seal something to it: verify the package next, ' +
    'with the trust digest that came by another way.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pkg/package.tar.age --key identity.txt --out opened',
    '<%= config.bin %> <%= command.id %> pkg/package.tar.jwe --key operator.key --key-passphrase-file pass --out opened',
  ];
  static override args = { file: positional({ description: 'the sealed file', required: true }) };
  static override flags = {
    key: Flags.string({ required: true, description: 'private key on P-256 (PEM), or a file with an age identity', helpValue: 'FILE' }),
    out: Flags.string({ char: 'o', required: true, description: 'new directory', helpValue: 'DIR' }),
    ...keyPassphraseFlag,
  };

  protected async execute(): Promise<Outcome> {
    const { key, out, 'key-passphrase-file': passphraseFile } = this.flags;
    const world = await unsealWorld(this.context.world);
    const sealed = await readSealed(world.files, this.args.file);
    const secret = isAgeSealed(sealed)
      ? await ageIdentity(world.files, key)
      : new Secret(await (await privateKeyFile(world.files, world.portableKeys, key, passphraseFile)).toPem(undefined));
    const files = await unsealPackage(world, sealed, secret, out);
    return {
      data: { out, files: [...files] },
      text: `wrote ${files.length} files to ${out}\n\nNext: joinery package verify ${out} --trust-digest DIGEST`,
    };
  }
}
