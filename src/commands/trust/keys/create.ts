import * as Flags from '@oclif/core/flags';
import { createTrustKey } from '../../../app/trust-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { keyFlags, realmFlags } from '../../../cli/flags.ts';
import { nameOfInput, readInput } from '../../../cli/input.ts';
import { keyTypeFlag, minSignaturesFlag, purposeFlag } from '../../../cli/trust-flags.ts';
import { signersOutcome } from '../../../cli/trust-output.ts';
import { parseStrictJson } from '../../../core/canonical-json.ts';
import { decodeUtf8 } from '../../../core/encoding.ts';
import { parsePublicJwk, type PublicJwk } from '../../../core/jwk.ts';
import { parseName } from '../../../core/names.ts';

const MAX_JWK = 4096;

export default class TrustKeysCreate extends BaseCommand<typeof TrustKeysCreate> {
  static override summary = 'Add a signer of trust manifests';
  static override description =
    'Makes an offline key in this realm, or, with --jwk, names a signer whose key is on another machine and who signs with joinery trust sign. ' +
    'It counts from the next version on.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --name carol',
    '<%= config.bin %> <%= command.id %> --purpose control-plane-https --name bob --jwk bob.jwk --min-signatures 2',
  ];
  static override flags = {
    ...purposeFlag,
    name: Flags.string({ required: true, description: 'name of the signer', helpValue: 'NAME' }),
    type: keyTypeFlag,
    jwk: Flags.string({ description: 'public key of a signer on another machine, as JWK', exclusive: ['type'], helpValue: 'FILE' }),
    'min-signatures': minSignaturesFlag,
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { purpose, name, type, jwk, 'min-signatures': minSignatures } = this.flags;
    const request = {
      purpose,
      name: parseName(name, '--name'),
      type,
      minSignatures,
      jwk: jwk === undefined ? undefined : await this.#jwk(jwk),
    };
    return signersOutcome(await createTrustKey(await this.context.realm(), request));
  }

  async #jwk(path: string): Promise<PublicJwk> {
    const what = nameOfInput(path);
    const text = decodeUtf8(await readInput(this.context.world.files, path, MAX_JWK), what);
    return parsePublicJwk(parseStrictJson(text, what), what);
  }
}
