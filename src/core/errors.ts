/**
 * Every error that joinery reports: one table, one class.
 *
 * A row gives the family (which decides the exit status), the HTTP status and the gRPC code that a server answers, and
 * a title. `docs/reference/errors.md` is generated from this table and a test keeps the two equal.
 */

/** Exit status of the process for each family of errors. */
export const EXIT_STATUS = {
  bug: 1,
  usage: 2,
  malformed: 3,
  refused: 4,
  conflict: 5,
  'not-found': 6,
  network: 7,
  objective: 8,
  interrupted: 130,
} as const;

export type ErrorFamily = keyof typeof EXIT_STATUS;

export interface ErrorRow {
  readonly family: ErrorFamily;
  /** HTTP status that a server answers for it. */
  readonly http: number;
  /** gRPC status code name, lower case with underscores. */
  readonly grpc: string;
  readonly title: string;
}

const row = (family: ErrorFamily, http: number, grpc: string, title: string): ErrorRow => ({ family, http, grpc, title });

const bug = (title: string) => row('bug', 500, 'internal', title);
const usage = (title: string) => row('usage', 400, 'invalid_argument', title);
const malformed = (title: string) => row('malformed', 400, 'invalid_argument', title);
const unauthenticated = (title: string) => row('refused', 401, 'unauthenticated', title);
const refused = (title: string) => row('refused', 403, 'permission_denied', title);
const conflict = (title: string) => row('conflict', 409, 'already_exists', title);
const notFound = (title: string) => row('not-found', 404, 'not_found', title);
const network = (title: string) => row('network', 503, 'unavailable', title);

export const ERRORS = {
  // general
  ERR_INTERNAL: bug('a bug in joinery'),
  ERR_INTERRUPTED: row('interrupted', 499, 'cancelled', 'interrupted by the user'),
  ERR_USAGE: usage('the command line is wrong'),
  ERR_USAGE_UNKNOWN_COMMAND: usage('no such command'),
  ERR_USAGE_NO_TERMINAL: usage('a question needs a terminal'),
  ERR_INPUT_MALFORMED: malformed('the input has the wrong form'),
  ERR_INPUT_TOO_LARGE: malformed('the input is over its size limit'),
  ERR_JSON_MALFORMED: malformed('not strict JSON'),
  ERR_ENCODING_MALFORMED: malformed('not the expected text encoding'),
  ERR_PEM_MALFORMED: malformed('not well-formed PEM'),
  // files
  ERR_FILE_NOT_FOUND: notFound('a file or directory does not exist'),
  ERR_FILE_EXISTS: conflict('a file is there already and is not overwritten'),
  ERR_FILE_ACCESS: malformed('a file or directory cannot be read or written'),
  ERR_FILE_DISK_FULL: network('no space is left for a file'),
  // realm and configuration
  ERR_REALM_NOT_FOUND: notFound('no realm was found'),
  ERR_REALM_EXISTS: conflict('a realm is there already'),
  ERR_REALM_MALFORMED: malformed('the state of the realm is damaged'),
  ERR_REALM_VERSION: malformed('the realm was written by another version'),
  ERR_CONFIG_MALFORMED: malformed('the configuration is wrong'),
  ERR_CONFIG_FOREIGN: refused('the configuration that was found belongs to somebody else'),
  ERR_CLUSTER_UNKNOWN: refused('the cluster is not configured'),
  ERR_ROLE_UNKNOWN: refused('the role is not configured for the cluster'),
  ERR_STORE_CONFLICT: conflict('another process changed the same record'),
  ERR_STORE_BUSY: network('the store is locked by another process'),
  ERR_CLOCK_BEHIND: refused('the clock is behind the last recorded time'),
  // audit log
  ERR_AUDIT_TAMPERED: refused('the audit log is not the one that was signed'),
  ERR_CHECKPOINT_MALFORMED: malformed('not a signed checkpoint of an audit log'),
  ERR_CHECKPOINT_SIGNATURE: refused('the signature of a checkpoint does not hold'),
  ERR_CHECKPOINT_COSIGNATURE: refused('a witness did not sign a checkpoint'),
  ERR_AUDIT_NO_CHECKPOINT: notFound('no checkpoint of the audit log was signed'),
  ERR_AUDIT_RECORD_NOT_FOUND: notFound('the audit log has no such record'),
  ERR_AUDIT_FORK: refused('two checkpoints of one audit log contradict each other'),
  ERR_AUDIT_OLD_CHECKPOINT: refused('a checkpoint is older than one that was signed before'),
  ERR_PROOF_MALFORMED: malformed('not a proof about an audit log'),
  ERR_PROOF_INVALID: refused('a proof about an audit log does not hold'),
  // backups
  ERR_BACKUP_MALFORMED: malformed('not a whole backup of a realm'),
  ERR_BACKUP_DIGEST: refused('a file of a backup is not the one that was written'),
  // keys
  ERR_KEY_NOT_FOUND: notFound('a key does not exist'),
  ERR_KEY_PASSPHRASE: refused('the passphrase does not open the key'),
  ERR_KEY_PASSPHRASE_WEAK: refused('the passphrase is too short'),
  ERR_KEY_MALFORMED: malformed('not a usable private or public key'),
  ERR_KEYCHAIN_UNAVAILABLE: network('no keychain of the operating system can be used'),
  ERR_KEYCHAIN_EMPTY: notFound('the keychain holds no such passphrase'),
  ERR_SHARE_MALFORMED: malformed('not a share of a passphrase'),
  ERR_SHARE_MISMATCH: refused('the shares do not give one passphrase'),
  // the self-test and public suites of vectors
  ERR_SELFTEST_FAILED: row('bug', 500, 'internal', 'the self-test failed'),
  ERR_CORPUS_NOT_FOUND: notFound('no suite of vectors that is known'),
  ERR_CORPUS_MALFORMED: malformed('a suite of vectors is damaged'),
  ERR_CORPUS_DISAGREES: refused('a verdict differs from that of a suite of vectors'),
  ERR_CORPUS_TIMEOUT: row('network', 504, 'deadline_exceeded', 'a suite of vectors was not finished in time'),
  // X.509
  ERR_DER_MALFORMED: malformed('not strict DER'),
  ERR_CERTIFICATE_MALFORMED: malformed('not a well-formed X.509 certificate'),
  ERR_CRL_MALFORMED: malformed('not a well-formed X.509 revocation list'),
  ERR_CERTIFICATE_UNTRUSTED: refused('no certification path to a trust anchor holds'),
  ERR_CERTIFICATE_LINT: refused('a certificate would break a rule and is not signed'),
  ERR_CA_EXISTS: conflict('a certificate authority of that name exists'),
  ERR_CA_EXPIRED: refused('a certificate authority is not valid now'),
  ERR_CA_CONSTRAINT: refused('a certificate authority may not issue this'),
  ERR_CA_REVOKED: refused('a certificate authority is revoked'),
  ERR_CA_ISSUER_UNKNOWN: refused('the issuer of a certificate is not an authority of this realm'),
  ERR_ADMIN_UNKNOWN: refused('the admin is not in the configuration'),
  // certificates: requests, profiles, issuance
  ERR_CSR_MALFORMED: malformed('not a well-formed certification request'),
  ERR_CSR_SIGNATURE: refused('a certification request is not signed by its own key'),
  ERR_KEY_WEAK: refused('a public key is too weak'),
  ERR_KEY_KNOWN: refused('the private key of a public key is public knowledge'),
  ERR_CERTIFICATE_NAME: malformed('not a name for a certificate'),
  ERR_CERTIFICATE_PROFILE: refused('what was asked for is outside the profile of the certificate'),
  ERR_CERTIFICATE_OUTLIVES: refused('a certificate would outlive its issuer'),
  ERR_CERTIFICATE_NOT_FOUND: notFound('no such certificate was issued by this realm'),
  ERR_CERTIFICATE_REVOKED: refused('the certificate is revoked'),
  ERR_CERTIFICATE_EXPIRED: refused('the certificate has expired'),
  ERR_CERTIFICATE_HOSTS: malformed('the list of hosts is wrong'),
  ERR_CERTIFICATE_KEY: refused('the private key is not the one of the certificate'),
  // trust bundles
  ERR_TRUST_PRIVATE_KEY: refused('a private key was offered as a trust anchor'),
  ERR_TRUST_NOT_ANCHOR: refused('not a self-signed CA certificate'),
  ERR_TRUST_ANCHOR_EXPIRED: refused('a trust anchor has expired'),
  ERR_TRUST_ANCHOR_SHARED: refused('one trust anchor would serve both purposes'),
  ERR_TRUST_MANIFEST_MALFORMED: malformed('not a trust manifest of a known schema'),
  ERR_TRUST_ENVELOPE_MALFORMED: malformed('not a signed trust document'),
  ERR_TRUST_HEADER_UNPROTECTED: refused('a signature has an unprotected header'),
  ERR_TRUST_KEY_EMBEDDED: refused('a signature brings its own key'),
  ERR_TRUST_NOT_CANONICAL: refused('a signed document is not in canonical form'),
  ERR_TRUST_SIGNATURE: refused('a signature of a trust document does not hold'),
  ERR_TRUST_SIGNATURE_DUPLICATE: refused('one key signed a trust document twice'),
  ERR_TRUST_SIGNER_UNKNOWN: refused('no signature is by a signer'),
  ERR_TRUST_THRESHOLD: refused('too few signers signed a trust document'),
  ERR_TRUST_PURPOSE: refused('the trust document is for the other purpose'),
  ERR_TRUST_ENVIRONMENT: refused('the trust document is for another environment or domain'),
  ERR_TRUST_ROLLBACK: refused('the trust bundle version is lower than one already trusted'),
  ERR_TRUST_VERSION_CHANGED: refused('a known trust bundle version has other content'),
  ERR_TRUST_FAST_FORWARD: refused('the trust bundle version jumps too far'),
  ERR_TRUST_LINK_MISSING: refused('a version is missing between two trust bundles'),
  ERR_TRUST_FORK: refused('two versions replace the same trust bundle'),
  ERR_TRUST_EXPIRED: refused('the trust manifest has expired'),
  ERR_TRUST_FIRST_DIGEST: refused('the first trust manifest is not the expected one'),
  ERR_TRUST_NOT_ACTIVATED: refused('the trust bundle version is not activated'),
  ERR_TRUST_NOT_NEWER: refused('the trust bundle version does not replace the active one'),
  ERR_TRUST_GRACE: refused('the grace window of a trust bundle has not ended'),
  ERR_TRUST_NOTHING_TO_RETIRE: conflict('no trust anchor is phasing out'),
  ERR_TRUST_REVERT: refused('the node may not return to its previous trust bundle'),
  ERR_TRUST_PATH_SHARED: refused('one file would hold the trust of both purposes'),
  ERR_TRUST_STATE_MALFORMED: malformed('the trust state of the node is damaged'),
  ERR_TRUST_NOT_FOUND: notFound('no such trust bundle version'),
  ERR_TRUST_SIGNER_EXISTS: conflict('the signer is there already'),
  ERR_TRUST_DOWNLOAD: network('a trust document could not be downloaded'),
  ERR_CA_NOT_FOUND: notFound('no such certificate authority'),
  // join tokens: in the order of the checks
  ERR_TOKEN_TOO_LARGE: row('malformed', 401, 'unauthenticated', 'the token is over its size limit'),
  ERR_TOKEN_MALFORMED: row('malformed', 401, 'unauthenticated', 'the token has the wrong form'),
  ERR_TOKEN_ALGORITHM: unauthenticated('the token is signed with an algorithm that is not accepted'),
  ERR_TOKEN_KEY_UNKNOWN: unauthenticated('the token is signed with an unknown key'),
  ERR_TOKEN_SIGNATURE: unauthenticated('the signature of the token does not hold'),
  ERR_TOKEN_UNKNOWN: unauthenticated('the token is not one of this realm'),
  ERR_TOKEN_TYPE: refused('the signed text is not a join token'),
  ERR_TOKEN_CLAIMS: refused('the claims of the token are wrong'),
  ERR_TOKEN_ISSUER: refused('the token was issued by another realm'),
  ERR_TOKEN_AUDIENCE: refused('the token was issued for another cluster'),
  ERR_TOKEN_ISSUED_LATER: refused('the token was issued in the future'),
  ERR_TOKEN_LIFETIME: refused('the token lives longer than is allowed'),
  ERR_TOKEN_NOT_YET_VALID: refused('the token is not valid yet'),
  ERR_TOKEN_EXPIRED: row('refused', 410, 'permission_denied', 'the token has expired'),
  ERR_TOKEN_ENVIRONMENT: refused('the token was issued for another environment'),
  ERR_TOKEN_ROLE: refused('the token was issued for another role'),
  ERR_TOKEN_NODE: refused('the token was issued for another node'),
  ERR_TOKEN_KEY_BOUND: refused('the token was issued for another key'),
  ERR_TOKEN_LABELS: refused('the token was issued for other labels'),
  ERR_TOKEN_REVOKED: row('refused', 410, 'permission_denied', 'the token is revoked'),
  ERR_TOKEN_SUPERSEDED: row('refused', 410, 'permission_denied', 'the token is older than the realm or node accepts'),
  ERR_TOKEN_USE_CONFLICT: row('conflict', 409, 'already_exists', 'the same key used the token for another request'),
  ERR_TOKEN_REPLAYED: row('refused', 410, 'permission_denied', 'the token was used by another key'),
  ERR_TOKEN_EXHAUSTED: row('refused', 410, 'permission_denied', 'the token has no uses left'),
  // join tokens: minting and keys
  ERR_TOKEN_KEY_NOT_FOUND: notFound('no such token signing key'),
  ERR_TOKEN_HMAC_KEY: refused('the HMAC key is not usable'),
  ERR_TOKEN_NOT_FOUND: notFound('no such token'),
  // servers that a token pins
  ERR_PIN_NONE: refused('the token pins no server'),
  ERR_PIN_NOT_SHOWN: refused('the server does not show the pinned authority'),
  ERR_PIN_NOT_ANCHOR: refused('the pinned certificate is not a self-signed authority'),
  ERR_PIN_PATH: refused('the pinned authority does not vouch for the server'),
  ERR_PIN_SESSION: refused('the connection to the server proves nothing about its certificate'),
  ERR_SERVER_UNREACHABLE: network('the server cannot be reached by TLS'),
  // replies of a bootstrap server, as its client judges them
  ERR_REPLY_TIMEOUT: row('network', 504, 'deadline_exceeded', 'the server did not answer in time'),
  ERR_REPLY_TRUNCATED: network('the reply of the server broke off'),
  ERR_REPLY_TOO_LARGE: network('the reply of the server is over its size limit'),
  ERR_REPLY_MALFORMED: network('the reply of the server has the wrong form'),
  ERR_REPLY_REDIRECT: refused('the server points to another one'),
  ERR_REPLY_REFUSED: refused('the server refuses, by a code that is unknown here'),
  ERR_REPLY_FAILED: network('the server fails'),
  ERR_REPLY_UNTRUSTED: refused('the certificate in the reply is not under the trusted anchors'),
  ERR_REPLY_KEY: refused('the certificate in the reply is of another key'),
  ERR_REPLY_IDENTITY: refused('the certificate in the reply is for somebody else'),
  ERR_REPLY_VALIDITY: refused('the certificate in the reply is not valid as it says'),
  // directories of nodes
  ERR_NODE_DIRECTORY: malformed('not a node directory that can be used'),
  ERR_NODE_NOT_JOINED: notFound('the node has no certificate yet'),
  ERR_NODE_EXPIRED: refused('the certificate of the node has expired'),
  ERR_NODE_NO_URL: notFound('no bootstrap server is named'),
  ERR_PROGRAM_FAILED: network('a program that was run failed'),
  ERR_WORKLOAD_UNAVAILABLE: network('the Workload API gives no identity now'),
  ERR_WORKLOAD_MALFORMED: malformed('what the Workload API gave is not an identity'),
  // identity providers
  ERR_PROVIDER_UNAVAILABLE: network('the identity provider cannot answer now'),
  ERR_PROVIDER_REFUSED: row('network', 502, 'unavailable', 'the identity provider refuses'),
  ERR_PROVIDER_CERTIFICATE: row('network', 502, 'unavailable', 'the identity provider gave a certificate that was not asked for'),
  ERR_PROVIDER_CANNOT_REVOKE: row('refused', 501, 'unimplemented', 'the identity provider revokes nothing'),
  ERR_PROVIDER_NONE: row('refused', 409, 'failed_precondition', 'the cluster has no identity provider of that kind'),
  ERR_CSR_NAMES: row('refused', 422, 'failed_precondition', 'the request must name what the certificate will'),
  // the bootstrap server
  ERR_SERVER_LISTEN: network('the server cannot open its port'),
  ERR_SERVER_BUSY: network('the server has too much to do'),
  ERR_SERVER_PASSPHRASE: refused('the passphrase of the server opens an offline key'),
  ERR_SERVER_CERTIFICATE: malformed('the certificate of the server is not usable'),
  ERR_SERVER_ISSUER: row('refused', 503, 'unavailable', 'no authority is fit to issue for the server or its nodes'),
  ERR_CRL_NOT_FOUND: notFound('the authority has issued no revocation list'),
  ERR_REQUEST_TIMEOUT: row('network', 408, 'deadline_exceeded', 'the request did not arrive in time'),
  ERR_ROUTE_NOT_FOUND: notFound('no such route'),
  ERR_ROUTE_METHOD: row('usage', 405, 'unimplemented', 'the route does not take the method'),
  ERR_REQUEST_TYPE: row('malformed', 415, 'invalid_argument', 'the body of the request is not of a known type'),
  // clusters that share one certificate
  ERR_CLUSTER_NOT_INITIALIZED: notFound('the cluster has no shared certificate'),
  ERR_CLUSTER_EXISTS: conflict('the cluster has a shared certificate already'),
  ERR_CLUSTER_PHASE: row('conflict', 409, 'failed_precondition', 'the step does not follow on the phase of the cluster'),
  ERR_CLUSTER_WOULD_BREAK: refused('the step would break something'),
  ERR_CLUSTER_MEMBER_EXISTS: conflict('the node or its key is a member already'),
  ERR_CLUSTER_MEMBER_UNKNOWN: notFound('the node is no member of the cluster'),
  ERR_CLUSTER_EVICTED: refused('the key was evicted from the cluster'),
  ERR_CLUSTER_ANSWER: malformed('not a sealed answer for a member of a cluster'),
  ERR_CLUSTER_ANSWER_KEY: refused('the answer was sealed to another key, or was changed'),
  ERR_CLUSTER_ANSWER_UNTRUSTED: refused('the answer is not by an authority that the member trusts'),
  ERR_CLUSTER_ANSWER_OLD: refused('the member holds a newer answer'),
  // join policies
  ERR_POLICY_MALFORMED: malformed('not a join policy'),
  ERR_POLICY_DENIED: refused('the policy of the cluster refuses the node'),
  ERR_POLICY_UNSIGNED: refused('a policy has no signature where one is required'),
  ERR_POLICY_SIGNATURE: refused('no signature of a policy is by a configured signer'),
  ERR_POLICY_ROLLBACK: refused('a policy is older than the one in use'),
  // requests to join and to renew, as the server judges them
  ERR_REQUEST_MALFORMED: malformed('the request has the wrong form'),
  ERR_JOIN_UNAUTHENTICATED: unauthenticated('the caller has proved nothing that this server knows'),
  ERR_RATE_LIMITED: row('refused', 429, 'resource_exhausted', 'too many requests'),
  ERR_NODE_EXISTS: conflict('the node has a valid certificate under another key'),
  ERR_NODE_BUSY: conflict('another run is at work in the node directory'),
  ERR_NODE_REVOKED: refused('the node is revoked'),
  ERR_NODE_NOT_FOUND: notFound('no such node'),
  ERR_REVOCATION_NOT_FOUND: notFound('nothing is there that could be revoked, or nothing is revoked'),
  ERR_REVOCATION_FINAL: conflict('a revocation that is for good, or stands above what is asked for'),
  ERR_PEER_CERTIFICATE: refused('the certificate of the caller is not one for this'),
  ERR_ADMIN_DENIED: refused('the admin may not do this'),
  ERR_ATTESTATION_UNKNOWN: refused('no attestor of that name is configured'),
  ERR_ATTESTATION_MALFORMED: malformed('the evidence of the node has the wrong form'),
  ERR_ATTESTATION_FAILED: refused('the evidence of the node does not hold'),
  ERR_ATTESTATION_STALE: refused('the evidence of the node is not of this time'),
  ERR_ATTESTATION_UNAVAILABLE: network('who vouches for the evidence cannot be asked'),
  ERR_ATTESTATION_REPLAYED: refused('the evidence was used by another key'),
  ERR_RENEW_KEY: conflict('the certificate was renewed with another key'),
  ERR_RENEW_SUPERSEDED: refused('the node joined again under another key'),
  ERR_JOIN_FORMAT: refused('the token is of a dialect that does not serve for this'),
  // alerts of a server
  ERR_ALERT_DELIVERY: network('an alert could not be delivered'),
  // the single executable, and what is released with it
  ERR_SELF_NO_EXECUTABLE: usage('joinery does not run as its single executable'),
  ERR_SELF_KEY: malformed('not a key that signs releases'),
  ERR_SELF_CHECKSUMS: malformed('not the checksums of a release'),
  ERR_SELF_SIGNATURE: refused('the checksums of a release are not signed by the key'),
  ERR_SELF_UNKNOWN: refused('the executable is none that the checksums name'),
  // ceremonies
  ERR_CEREMONY_MALFORMED: malformed('not a ceremony file'),
  ERR_CEREMONY_AUTHORITY: refused('an authority is not the one that the ceremony names'),
  ERR_CEREMONY_RECORD: malformed('not the record of a ceremony'),
  ERR_CEREMONY_MISMATCH: refused('what was signed is not what the ceremony says'),
  // drills
  ERR_DRILL_MALFORMED: malformed('not the document of a drill'),
  ERR_DRILL_NOT_FOUND: notFound('no such drill'),
  ERR_DRILL_LOG: malformed('not the log of a drill'),
  ERR_DRILL_ANSWERS: malformed('not the answers for a drill'),
  ERR_DRILL_INVENTORY: malformed('not a list of the nodes of a fleet'),
  ERR_DRILL_LIVE: malformed('a drill that cannot be run against servers'),
  ERR_DRILL_DIFFERS: refused('a drill that was run again ended otherwise'),
  // onboarding packages
  ERR_PACKAGE_MALFORMED: malformed('not an onboarding package of joinery'),
  ERR_PACKAGE_UNFAITHFUL: bug('the rendered package does not say what was asked for'),
  ERR_PACKAGE_PRIVATE_KEY: refused('a private key would be in an onboarding package'),
  ERR_PACKAGE_TOKEN: refused('the join token is too powerful for an onboarding package'),
  ERR_PACKAGE_URL: refused('a URL of the package is outside the domain of the environment'),
  ERR_PACKAGE_PATH: refused('two files of an onboarding package would be in one place'),
  ERR_PACKAGE_TRUST: refused('the trust bundle of the package is not the one of its manifest'),
  ERR_PACKAGE_TRUST_INACTIVE: notFound('no trust bundle version is active for the purpose'),
  ERR_PACKAGE_INVALID: refused('the onboarding package failed a check'),
  ERR_PACKAGE_SIZE: refused('the onboarding package is over a size limit'),
  ERR_PACKAGE_PART: refused('a part of a multipart document would disturb the onboarding package'),
  ERR_PACKAGE_SYSTEM_TRUST: refused('the system trust store cannot be set from this package'),
  ERR_PACKAGE_SEAL: malformed('not a key that an onboarding package can be sealed to, or not one that is sealed to this key'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Machine-readable facts about an error: never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface ErrorOptionsOf {
  /** The next step for the person who reads it. */
  readonly hint?: string;
  readonly details?: ErrorDetails;
  readonly cause?: unknown;
}

/** The one error class. `message` is lower case, says what was expected and what was found, and never holds a secret. */
export class JoineryError extends Error {
  override readonly name = 'JoineryError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: ErrorOptionsOf = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get family(): ErrorFamily {
    return ERRORS[this.code].family;
  }

  /** Exit status of a process that ends with this error. */
  get exitStatus(): number {
    return EXIT_STATUS[this.family];
  }
}

/** @returns true if `error` is a JoineryError, with the given code where one is named. */
export function isJoineryError(error: unknown, code?: ErrorCode): error is JoineryError {
  return error instanceof JoineryError && (code === undefined || error.code === code);
}

/** For misuse by our own code: throws ERR_INTERNAL when `condition` is false. */
export function assertInternal(condition: boolean, message: string): asserts condition {
  if (!condition) throw new JoineryError('ERR_INTERNAL', message);
}
