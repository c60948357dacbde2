import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { certificateInput } from '../../cli/cert-flags.ts';
import { positional } from '../../cli/flags.ts';
import { nameOfInput } from '../../cli/input.ts';
import { fields } from '../../cli/render/text.ts';
import { isJoineryError } from '../../core/errors.ts';
import { fingerprintsOf, k3sHash } from '../../core/x509/fingerprints.ts';

export default class CertFingerprint extends BaseCommand<typeof CertFingerprint> {
  static override summary = 'Show the hashes by which programs name a certificate and its key';
  static override description =
    'fingerprint: SHA-256 of the DER. pin: SHA-256 of the public key, as kubeadm takes it (--discovery-token-ca-cert-hash). K3s hash: what ' +
    'stands after K10 in a K3s token, of this file as it is.';
  static override examples = ['<%= config.bin %> <%= command.id %> ca.pem'];
  static override args = { file: positional({ description: 'certificate in PEM or DER; - is stdin', required: true }) };

  protected async execute(): Promise<Outcome> {
    const { file } = this.args;
    const { bytes, certificates } = await certificateInput(this.context.world.files, file);
    const [first] = certificates;
    const { sha256, spki_pin, ssh_like } = fingerprintsOf(first);
    const k3s = this.#k3s(() => k3sHash(bytes, certificates, nameOfInput(file)));
    return {
      data: { subject: first.subject.text, fingerprint: sha256, spki_pin, kubeadm: spki_pin, k3s: k3s ?? null, ssh_like },
      text: fields({
        subject: first.subject.text,
        fingerprint: sha256,
        'pin (kubeadm)': spki_pin,
        'pin (SSH form)': ssh_like,
        'K3s hash': k3s,
      }),
    };
  }

  /** A chain without its root has the other hashes still. */
  #k3s(hash: () => string): string | undefined {
    try {
      return hash();
    } catch (error) {
      if (!isJoineryError(error)) throw error;
      this.warning(`no K3s hash: ${error.message}`);
      return undefined;
    }
  }
}
