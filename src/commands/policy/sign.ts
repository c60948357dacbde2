import * as Flags from '@oclif/core/flags';
import { signPolicy } from '../../app/sign-policy.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { passphraseFlags, positional } from '../../cli/flags.ts';
import { nameOfInput } from '../../cli/input.ts';
import { readDocument } from '../../cli/policy-input.ts';
import { fields } from '../../cli/render/text.ts';
import { readKeyText } from '../../cli/token-flags.ts';

export default class PolicySign extends BaseCommand<typeof PolicySign> {
  static override summary = 'Sign a policy file with a private key, into FILE.jws beside it';
  static override description =
    'A detached JWS over the exact bytes of the file: sign again after every change. The public key goes into joinery.yaml under policy.signers; with ' +
    'policy.require_signed a server then loads signed policies only. Needs no realm; a file that is no policy is not signed.';
  static override examples = ['<%= config.bin %> <%= command.id %> policies/prod.yaml --key policy-signer.pem'];
  static override args = { file: positional({ description: 'policy file', required: true }) };
  static override flags = {
    key: Flags.string({ required: true, description: 'private key, PEM or JWK: P-256, P-384 or Ed25519; - for stdin', helpValue: 'FILE' }),
    add: Flags.boolean({ description: 'keep the signatures by other keys: for a change of signers' }),
    'passphrase-file': passphraseFlags['passphrase-file'],
  };

  protected async execute(): Promise<Outcome> {
    const { key: path, add } = this.flags;
    const { files } = this.context.world;
    const key = await this.context.signingKeyOf(await readKeyText(files, path), nameOfInput(path));
    const signed = await signPolicy({ files, readDocument }, { path: this.args.file, key, add });
    const { file, name, version, digest, kid, jwk } = signed;
    return {
      data: { file, name, version, digest, kid, jwk: { ...jwk } },
      text: fields({ policy: `${name} version ${version}`, digest, signer: kid, 'public key': JSON.stringify(jwk), wrote: file }),
    };
  }
}
