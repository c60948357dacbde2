import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional } from '../../cli/flags.ts';
import { nameOfInput, readInput } from '../../cli/input.ts';
import { documentData, documentText } from '../../cli/render/certificates.ts';
import { MAX_DOCUMENT_OCTETS, readDocuments } from '../../core/x509/documents.ts';

export default class CertInspect extends BaseCommand<typeof CertInspect> {
  static override summary = 'Say what a file holds: certificates, requests, revocation lists, keys, PKCS #12';
  static override description =
    'PEM or DER, one thing or many. Nothing is verified and nothing encrypted is opened: of private keys and PKCS #12 only the kind and ' +
    'the protection are shown.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> web.crt',
    'openssl s_client -connect web.lab.example:443 -showcerts < /dev/null | <%= config.bin %> <%= command.id %> - --json',
  ];
  static override args = { file: positional({ description: 'file in PEM or DER; - is stdin', required: true }) };

  protected async execute(): Promise<Outcome> {
    const { file } = this.args;
    const documents = readDocuments(await readInput(this.context.world.files, file, MAX_DOCUMENT_OCTETS), nameOfInput(file));
    return { data: { documents: documents.map(documentData) }, text: documents.map(documentText).join('\n\n') };
  }
}
