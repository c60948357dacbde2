import * as Flags from '@oclif/core/flags';
import { createWitness } from '../../../app/audit-witness.ts';
import { verifierKeyText } from '../../../cli/audit-files.ts';
import { BaseCommand, type Outcome } from '../../../cli/base-command.ts';
import { newSecretFile } from '../../../cli/cert-flags.ts';
import { certificateKeys } from '../../../cli/certificate-world.ts';

export default class AuditWitnessCreate extends BaseCommand<typeof AuditWitnessCreate> {
  static override summary = 'Make a witness for an audit log';
  static override description =
    'A directory with an Ed25519 key of its own and room for the checkpoints that it signs (audit witness sign). It is worth something on a ' +
    'machine that the operators of the realm cannot write to. Its verifier key, which this prints, goes to whoever verifies proofs.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dir witness --name witness.example.com/audit --log-key audit.vkey',
    '<%= config.bin %> <%= command.id %> --dir witness --name witness.example.com/audit --log-key audit.vkey --key-passphrase-file pass',
  ];
  static override flags = {
    dir: Flags.string({ required: true, description: 'new directory of the witness, 0700', helpValue: 'DIR' }),
    name: Flags.string({ required: true, description: 'name of the witness, like a URL without its scheme', helpValue: 'NAME' }),
    'log-key': Flags.string({
      required: true,
      description: 'verifier key of the log, as audit checkpoint prints it: its text, or a file with it',
      helpValue: 'KEY|FILE',
    }),
    'key-passphrase-file': Flags.string({ description: 'file with a passphrase that encrypts the key', helpValue: 'FILE' }),
  };

  protected async execute(): Promise<Outcome> {
    const { dir, name } = this.flags;
    const { world } = this.context;
    const file = this.flags['key-passphrase-file'];
    const passphrase = file === undefined ? undefined : await newSecretFile(world.files, '--key-passphrase-file', file);
    if (passphrase === undefined)
      this.warning('the key of the witness is not encrypted (no --key-passphrase-file): whoever reads it signs as the witness');
    const logKey = await verifierKeyText(world.files, this.flags['log-key']);
    const verifierKey = await createWitness({ ...world, keys: certificateKeys() }, { directory: dir, name, logKey, passphrase });
    return { data: { directory: dir, name, verifier_key: verifierKey }, text: verifierKey };
  }
}
