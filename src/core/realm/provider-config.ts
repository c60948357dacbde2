/** `clusters[].identity_provider`: an authority whose key is elsewhere, and how it is asked. */
import { name } from '../names.ts';
import { array, integer, object, oneOrMore, optional, type Parsed, refine, string } from '../parse.ts';

const word = string({ minLength: 1, maxLength: 4096, pattern: /^[^\0]+$/, describe: 'a word of a command' });
/** Relative to the realm. Secrets stand in files only. */
const file = string({ minLength: 1, maxLength: 4096, pattern: /^[^\0]+$/, describe: 'a path' });
const server = string({ maxLength: 2048, pattern: /^https:\/\/[^\s/?#@]+(?::\d{1,5})?\/?$/, describe: 'https://HOST:PORT' });
/** Of a URL: what cannot leave its place. */
const path = string({
  maxLength: 512,
  pattern: /^[A-Za-z0-9_-][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$/,
  describe: 'a path like pki/nodes',
});
const segment = string({ maxLength: 255, pattern: /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/, describe: 'a name like node-role' });
const address = string({ maxLength: 300, pattern: /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, describe: 'host:port' });

const vaultRole = object({ mount: optional(path), role: string({ minLength: 1, maxLength: 255 }), jwt_file: file });

const vaultAuth = refine(
  object({
    /** A file with a token: of the agent of Vault, say. Read for every request. */
    token_file: optional(file),
    approle: optional(object({ mount: optional(path), role_id_file: file, secret_id_file: file })),
    /** The JWT of a Kubernetes service account. */
    kubernetes: optional(vaultRole),
    jwt: optional(vaultRole),
  }),
  (value) => (Object.keys(value).length === 1 ? { value } : { issue: 'expected one of token_file, approle, kubernetes, jwt' }),
);

const vault = object({
  url: server,
  /** PEM of the anchors of that server's TLS certificate, and no others. */
  ca_file: file,
  /** Where the PKI secrets engine is mounted; default `pki`. */
  mount: optional(path),
  role: segment,
  /** An issuer of the mount; default: the one of the role. */
  issuer: optional(segment),
  namespace: optional(path),
  auth: vaultAuth,
});

const spire = refine(
  object({
    /** The admin socket of a SPIRE server on this machine, absolute. */
    socket: optional(string({ maxLength: 4096, pattern: /^\/[^\0]+$/, describe: 'an absolute path' })),
    /** The API of a SPIRE server elsewhere, for which an admin SVID is needed. */
    address: optional(address),
    /** PEM of the admin SVID with its chain, of its key, and of the bundle of the trust domain: read for every request. */
    cert_file: optional(file),
    key_file: optional(file),
    bundle_file: optional(file),
  }),
  (value) => {
    const files = [value.cert_file, value.key_file, value.bundle_file].filter((each) => each !== undefined).length;
    const fits = value.socket === undefined ? value.address !== undefined && files === 3 : value.address === undefined && files === 0;
    return fits ? { value } : { issue: 'expected socket, or address with cert_file, key_file and bundle_file' };
  },
);

const PROVIDER_KINDS = ['exec', 'vault', 'spire'] as const;
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

export const identityProvider = refine(
  object({
    /** The authorities that the provider signs with, or under: imported into the realm without their keys. */
    ca: oneOrMore(name(), 20),
    /** A program, with its path, and its arguments. */
    exec: optional(array(word, { minItems: 1, maxItems: 50 })),
    vault: optional(vault),
    spire: optional(spire),
    /** Seconds; default 5. */
    timeout: optional(integer(1, 60)),
  }),
  (value) =>
    PROVIDER_KINDS.filter((kind) => value[kind] !== undefined).length === 1
      ? { value }
      : { issue: `expected one of ${PROVIDER_KINDS.join(', ')}` },
);

export type ProviderConfig = Parsed<typeof identityProvider>;
export type VaultConfig = Parsed<typeof vault>;
export type SpireConfig = Parsed<typeof spire>;

/** Seconds that a provider has for one answer; clients wait ten for theirs. */
export const DEFAULT_PROVIDER_TIMEOUT = 5;

export function providerKind(config: ProviderConfig): ProviderKind {
  // The parser has seen to one.
  return PROVIDER_KINDS.find((kind) => config[kind] !== undefined) as ProviderKind;
}
