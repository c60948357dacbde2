import * as Flags from '@oclif/core/flags';
import { unsealAnswer } from '../../app/unseal-answer.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { keyPassphraseFlag, privateKeyFile } from '../../cli/cert-flags.ts';
import { memberWorld } from '../../cli/cluster-world.ts';
import { positional } from '../../cli/flags.ts';
import { nameOfInput, readInput } from '../../cli/input.ts';
import { fields } from '../../cli/render/text.ts';
import { MAX_ANSWER_BYTES } from '../../core/cluster/answer.ts';
import { parseDigest } from '../../core/digest.ts';
import { decodeUtf8 } from '../../core/encoding.ts';
import { Secret } from '../../core/secret.ts';
import { formatInstant } from '../../core/time.ts';

export default class ClusterUnseal extends BaseCommand<typeof ClusterUnseal> {
  static override summary = 'On a member: open the answer that was sealed to it';
  static override description =
    'Needs no realm. The answer must be signed by an authority that the member holds (--held, the directory of its last answer, which is never ' +
    'newer) or whose hash its join token pins (--ca-fingerprint, what follows the colon). Writes ca.pem, cluster.crt, cluster.key (0600) and ' +
    'cluster.json into a new directory that appears whole.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> prod-1-node-1.jwe --key node-1.key --ca-fingerprint 5f2b... --out held-1',
    '<%= config.bin %> <%= command.id %> prod-2-node-1.jwe --key node-1.key --held held-1 --out held-2',
  ];
  static override args = { answer: positional({ description: 'sealed answer, - for stdin', required: true }) };
  static override flags = {
    key: Flags.string({ required: true, description: 'private key of the node', helpValue: 'FILE' }),
    held: Flags.string({ description: 'directory of the last answer', helpValue: 'DIR', exclusive: ['ca-fingerprint'] }),
    'ca-fingerprint': Flags.string({ description: 'SHA-256 of the authority, from the join token', helpValue: 'HEX' }),
    out: Flags.string({ char: 'o', required: true, description: 'new directory', helpValue: 'DIR' }),
    ...keyPassphraseFlag,
  };

  protected async execute(): Promise<Outcome> {
    const { key: keyFile, held, 'ca-fingerprint': fingerprint, out, 'key-passphrase-file': passphraseFile } = this.flags;
    const world = memberWorld(this.context.world);
    const answer = decodeUtf8(await readInput(world.files, this.args.answer, MAX_ANSWER_BYTES), nameOfInput(this.args.answer));
    const privateKey = await privateKeyFile(world.files, world.portableKeys, keyFile, passphraseFile);
    const key = new Secret(await privateKey.toPem(undefined));
    const caFingerprint = fingerprint === undefined ? undefined : parseDigest(fingerprint, '--ca-fingerprint');
    const result = await unsealAnswer(world, { answer, key, held, caFingerprint, out });
    const { cluster, node, phase, sequence } = result.answer;
    const about = { cluster, node, phase, serial: result.certificate.serialNumber, not_after: formatInstant(result.certificate.notAfter) };
    return {
      data: { ...about, sequence, out, files: [...result.files] },
      text: `${fields({ ...about, answer: sequence })}\n\nwrote ${result.files.map((file) => `${out}/${file}`).join(', ')}`,
    };
  }
}
