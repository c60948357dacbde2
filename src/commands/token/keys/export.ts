import * as Flags from '@oclif/core/flags';
import { exportTokenKeys } from '../../../app/token-keys.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { realmFlags } from '../../../cli/flags.ts';
import { utf8 } from '../../../core/encoding.ts';

export default class TokenKeysExport extends BaseCommand<typeof TokenKeysExport> {
  static override summary = 'Write the public token keys as a JWK set';
  static override description =
    'What a verifier without the realm needs (token verify --jwks): every key that may have signed, or may soon sign, a token that lives. ' +
    'kid is the RFC 7638 thumbprint.';
  static override examples = ['<%= config.bin %> <%= command.id %> --out keys.json'];
  static override flags = {
    out: Flags.string({ char: 'o', description: 'new file to write (default: stdout)', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { out } = this.flags;
    const realm = await this.context.realm();
    const jwks = await exportTokenKeys(realm);
    const text = JSON.stringify(jwks, null, 2);
    if (out === undefined || out === '-') return { data: jwks, text };
    await realm.files.create(out, utf8(`${text}\n`), 0o644);
    return { data: { ...jwks, file: out }, text: `wrote ${out}` };
  }
}
