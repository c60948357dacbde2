/** The member `attestation` of `joinery.yaml`: who proves what a node is, and by which keys that is known. */
import { isJsonObject } from '../canonical-json.ts';
import { name } from '../names.ts';
import { array, boolean, integer, object, oneOf, optional, type Parsed, type Parser, record, refine, string } from '../parse.ts';

/** Relative to the realm. */
const file = string({ minLength: 1, maxLength: 4096, pattern: /^[^\0]+$/, describe: 'a path' });
const url = string({ maxLength: 2048, pattern: /^https:\/\/[^\s/?#@]+(?::\d{1,5})?(?:\/[^\s#]*)?$/, describe: 'an https URL' });
/** Seconds since the evidence was made. */
const maxAge = integer(1, 31536000);
const account = string({ minLength: 12, maxLength: 12, pattern: /^\d{12}$/, describe: 'the 12 digits of an account' });

/** Signature algorithms with a public key: with a shared secret whoever verifies could sign. */
export const OIDC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const oidc = refine(
  object({
    name: name(),
    type: oneOf(['oidc']),
    /** Exactly what the claim `iss` says. */
    issuer: string({ minLength: 1, maxLength: 2048 }),
    /** One of these must be in the claim `aud`. */
    audiences: array(string({ minLength: 1, maxLength: 1024 }), { minItems: 1, maxItems: 20 }),
    jwks_file: optional(file),
    jwks_url: optional(url),
    /** PEM of the anchors of that URL's server; default: those of the system. */
    ca_file: optional(file),
    algorithms: optional(array(oneOf(OIDC_ALGORITHMS), { minItems: 1, maxItems: OIDC_ALGORITHMS.length })),
    max_age: optional(maxAge),
    /** Claims that are kept and shown to the policy; default: all. */
    claims: optional(array(string({ minLength: 1, maxLength: 256 }), { minItems: 1, maxItems: 100 })),
  }),
  (value) => {
    if ((value.jwks_file === undefined) === (value.jwks_url === undefined))
      return { issue: 'expected jwks_file or jwks_url, found both or none' };
    return value.ca_file !== undefined && value.jwks_url === undefined
      ? { issue: 'expected ca_file beside jwks_url, found it beside jwks_file' }
      : { value };
  },
);

const awsIid = object({
  name: name(),
  type: oneOf(['aws-iid']),
  /** By region: PEM of the certificates that AWS publishes for it. */
  certificates: record(array(file, { minItems: 1, maxItems: 10 }), { maxMembers: 200 }),
  /** Every customer of AWS has documents that hold: these accounts' count. */
  accounts: array(account, { minItems: 1, maxItems: 1000 }),
  max_age: optional(maxAge),
});

const awsIam = object({
  name: name(),
  type: oneOf(['aws-iam']),
  /** Hosts of STS that requests may be for; default sts.amazonaws.com. */
  endpoints: optional(
    array(string({ maxLength: 260, pattern: /^[a-z0-9.-]+(?::\d{1,5})?$/, describe: 'a host in lower case' }), {
      minItems: 1,
      maxItems: 50,
    }),
  ),
  ca_file: optional(file),
  accounts: array(account, { minItems: 1, maxItems: 1000 }),
  max_age: optional(maxAge),
});

const x509pop = object({
  name: name(),
  type: oneOf(['x509pop']),
  /** PEM of the anchors of device certificates. */
  ca_files: array(file, { minItems: 1, maxItems: 20 }),
  crl_files: optional(array(file, { minItems: 1, maxItems: 20 })),
  /** Purpose that the device certificate must allow; default: any. */
  key_purpose: optional(oneOf(['clientAuth', 'serverAuth'])),
});

const joineryPeer = object({
  name: name(),
  type: oneOf(['joinery-peer']),
  /** Roles whose nodes may vouch for others in their cluster. */
  roles: array(name(), { minItems: 1, maxItems: 100 }),
});

const signedDigest = object({
  name: name(),
  type: oneOf(['signed-digest']),
  /** PEM of public keys or certificates. */
  key_files: array(file, { minItems: 1, maxItems: 20 }),
  /** The digests that count; default: those that the policy asks for. */
  digests: optional(
    array(string({ maxLength: 64, pattern: /^[0-9a-f]{64}$/, describe: 'SHA-256 in lower-case hex' }), { maxItems: 10000 }),
  ),
  /** A signature counts for one node; default: for every node that runs what was signed. */
  single_use: optional(boolean()),
  max_age: optional(maxAge),
});

const KINDS = {
  oidc,
  'aws-iid': awsIid,
  'aws-iam': awsIam,
  x509pop,
  'joinery-peer': joineryPeer,
  'signed-digest': signedDigest,
} as const;

export type AttestationType = keyof typeof KINDS;
export type AttestorConfig = { [K in AttestationType]: Parsed<(typeof KINDS)[K]> }[AttestationType];
export type AttestorConfigOf<K extends AttestationType> = Parsed<(typeof KINDS)[K]>;

const TYPES = Object.keys(KINDS) as AttestationType[];

/** Read by the parser of its `type`. */
const attestor: Parser<AttestorConfig> = {
  schema: { oneOf: TYPES.map((type) => KINDS[type].schema) },
  read(value, path, issues) {
    const type = TYPES.find((known) => isJsonObject(value) && value['type'] === known);
    if (type !== undefined) return (KINDS[type] as Parser<AttestorConfig>).read(value, path, issues);
    issues.push({ path: `${path}.type`, message: `expected one of ${TYPES.join(', ')}, found something else` });
    return undefined;
  },
};

export const attestationConfig: Parser<readonly AttestorConfig[]> = refine(array(attestor, { maxItems: 100 }), (entries) => {
  const names = entries.map((entry) => entry.name);
  const twice = names.find((entry, index) => names.indexOf(entry) !== index);
  return twice === undefined ? { value: entries } : { issue: `expected each attestor once, found ${twice} twice` };
});

/** Every file that the attestors read, as the configuration names them. */
export function attestationFiles(entries: readonly AttestorConfig[]): readonly string[] {
  return entries.flatMap((entry) => {
    switch (entry.type) {
      case 'oidc':
        return [entry.jwks_file, entry.ca_file].filter((path) => path !== undefined);
      case 'aws-iid':
        return Object.values(entry.certificates).flat();
      case 'aws-iam':
        return entry.ca_file === undefined ? [] : [entry.ca_file];
      case 'x509pop':
        return [...entry.ca_files, ...(entry.crl_files ?? [])];
      case 'joinery-peer':
        return [];
      case 'signed-digest':
        return entry.key_files;
    }
  });
}
