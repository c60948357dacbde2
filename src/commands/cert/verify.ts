import * as Flags from '@oclif/core/flags';
import { certificateSummary, realmAuthorities, verifyCertificate } from '../../app/verify-certificate.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { nameOfInput, readInput } from '../../cli/input.ts';
import { momentFlag } from '../../cli/moment.ts';
import { printable } from '../../cli/render/text.ts';
import { formatInstant } from '../../core/time.ts';
import { parseAddress, parseAlternativeName, parseHost } from '../../core/x509/alternative-names.ts';
import type { NamedBytes } from '../../core/x509/certificate-files.ts';
import type { ReferenceIdentity } from '../../core/x509/identity.ts';
import { OID } from '../../core/x509/oids.ts';

const PURPOSES = {
  server: OID.serverAuth,
  client: OID.clientAuth,
  email: OID.emailProtection,
  'code-signing': OID.codeSigning,
  'time-stamping': OID.timeStamping,
} as const;

const MAX_FILE_BYTES = 48 * 1024 * 1024;

export default class CertVerify extends BaseCommand<typeof CertVerify> {
  static override summary = 'Verify a certificate: its path to a trust anchor, at a time, for a purpose and a name';
  static override description =
    'RFC 5280 path validation: signatures, validity, constraints, key usage, purposes, names, policies and, with --crl, revocation. ' +
    'The file may hold the chain after the certificate. Without --anchor the roots of the realm are the anchors; with it, no realm is ' +
    'needed and nothing else is trusted, the system store least of all. Stricter than the RFC asks of readers: serial numbers, key ' +
    'identifiers, critical nameConstraints, DNS syntax, anchors that are fit and in time, weak keys and SHA-1; --profile web adds the ' +
    'rules of public web authorities, --profile rfc5280 leaves only weak keys and SHA-1 of the stricter ones. Exit status 0 or 4.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> node.crt',
    '<%= config.bin %> <%= command.id %> server.pem --anchor root.pem --intermediate issuing.pem --purpose server --host a.example.internal',
    '<%= config.bin %> <%= command.id %> server.pem --anchor root.pem --crl root.crl --crl issuing.crl --at 2027-01-01T00:00:00Z',
  ];
  static override args = {
    file: positional({ description: 'certificate in PEM (perhaps with its chain) or DER; - is stdin', required: true }),
  };
  static override flags = {
    anchor: Flags.string({
      multiple: true,
      default: [],
      description: 'trusted authority, PEM or DER, one or more in a file (default: roots of the realm)',
      helpValue: 'FILE',
    }),
    intermediate: Flags.string({
      multiple: true,
      default: [],
      description: 'certificates between, in any order, trusted for nothing',
      helpValue: 'FILE',
    }),
    crl: Flags.string({
      multiple: true,
      default: [],
      description: 'revocation list; every certificate but the anchor then needs one',
      helpValue: 'FILE',
    }),
    'crl-if-available': Flags.boolean({ description: 'do not refuse a certificate whose issuer has no list', dependsOn: ['crl'] }),
    at: Flags.string({ description: 'time of the judgement in RFC 3339, as 2027-01-01T00:00:00Z (default: now)', helpValue: 'TIME' }),
    purpose: Flags.option({ options: Object.keys(PURPOSES) as (keyof typeof PURPOSES)[], description: 'what it must be allowed for' })(),
    host: Flags.string({ multiple: true, default: [], description: 'DNS name or address that it must be for', helpValue: 'HOST' }),
    ip: Flags.string({ multiple: true, default: [], description: 'address that it must be for', helpValue: 'ADDRESS' }),
    uri: Flags.string({ multiple: true, default: [], description: 'URI that it must be for, as a SPIFFE ID', helpValue: 'URI' }),
    email: Flags.string({ multiple: true, default: [], description: 'mailbox that it must be for', helpValue: 'MAILBOX' }),
    profile: Flags.option({ options: ['strict', 'web', 'rfc5280'] as const, description: 'set of rules' })({ default: 'strict' }),
    'max-intermediates': Flags.integer({ min: 0, max: 255, description: 'most authorities between certificate and anchor', default: 128 }),
    policy: Flags.string({
      multiple: true,
      default: [],
      description: 'object identifier of an acceptable policy; one is then required',
      helpValue: 'OID',
    }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args } = this;
    const { clock, verifySignature } = this.context.world;
    const at = flags.at === undefined ? clock.now() : momentFlag('--at', flags.at);
    const [file] = (await this.#read([args.file])) as [NamedBytes];
    const input = {
      file,
      intermediates: await this.#read(flags.intermediate),
      anchors: await this.#read(flags.anchor),
      crls: await this.#read(flags.crl),
      at,
      identities: this.#identities(),
      purpose: flags.purpose && PURPOSES[flags.purpose],
      revocation: flags['crl-if-available'] ? ('if-available' as const) : ('required' as const),
      maxIntermediates: flags['max-intermediates'],
      profile: flags.profile,
      policies: flags.policy.length === 0 ? undefined : { initialPolicies: new Set(flags.policy), requireExplicitPolicy: true },
    };
    const authorities = flags.anchor.length === 0 ? await realmAuthorities(await this.context.realm()) : undefined;
    const path = verifyCertificate(verifySignature, input, authorities);
    const lines = path.map(
      (certificate, depth) =>
        `${'  '.repeat(depth)}${printable(certificate.subject.text || '(no subject)')}  until ${formatInstant(certificate.notAfter)}`,
    );
    return {
      data: { valid: true, at: formatInstant(at), profile: flags.profile, path: path.map(certificateSummary) },
      text: [`${this.paint('green', 'valid')} at ${formatInstant(at)}`, ...lines].join('\n'),
    };
  }

  #identities(): ReferenceIdentity[] {
    const { host, ip, uri, email } = this.flags;
    return [
      ...host.map((value) => parseHost(value, '--host')),
      ...ip.map((value) => ({ kind: 'ip', bytes: parseAddress(value, '--ip') }) as const),
      ...uri.map((value) => parseAlternativeName('uri', value, '--uri')),
      ...email.map((value) => parseAlternativeName('email', value, '--email')),
    ];
  }

  #read(paths: readonly string[]): Promise<NamedBytes[]> {
    return Promise.all(
      paths.map(async (path) => ({ what: nameOfInput(path), bytes: await readInput(this.context.world.files, path, MAX_FILE_BYTES) })),
    );
  }
}
