/** What the rules need of private keys, signatures, certificates' second readers and key custody: ports, as in ports.ts. */
import type { JsonObject } from './canonical-json.ts';
import type { PublicJwk } from './jwk.ts';
import type { Secret } from './secret.ts';
import type { Instant } from './time.ts';

export const KEY_TYPES = ['p256', 'p384', 'ed25519', 'rsa3072', 'rsa4096'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

/** Offline keys (roots, trust signers, token signers by default) and online keys have passphrases of their own. */
export type Custody = 'offline' | 'online';

/** Where a private key lies: what the store remembers of it. */
export interface KeyReference {
  readonly custody: Custody;
  /** Path relative to the realm, with `/`. */
  readonly file: string;
  readonly type: KeyType;
}

/**
 * A private key that signs and is not seen. ECDSA hashes with the curve's hash (P-256: SHA-256, P-384: SHA-384), RSA is
 * PKCS#1 v1.5 with SHA-256, Ed25519 is pure. `der` is X.509's form of an ECDSA signature, `ieee-p1363` is JOSE's.
 */
export interface SigningKey {
  readonly type: KeyType;
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  sign(data: Uint8Array, encoding: 'der' | 'ieee-p1363'): Uint8Array | Promise<Uint8Array>;
}

/** Makes and opens the realm's private keys. */
export interface KeyVault {
  /**
   * Makes a key and writes it with its final mode, never over another file.
   * @throws ERR_KEY_PASSPHRASE when the passphrase is not the one of the realm's other keys of that custody.
   */
  generate(request: {
    readonly name: string;
    readonly type: KeyType;
    readonly custody: Custody;
  }): Promise<{ reference: KeyReference; key: SigningKey }>;
  /** @throws ERR_KEY_NOT_FOUND, ERR_KEY_PASSPHRASE, ERR_KEY_MALFORMED */
  open(reference: KeyReference): Promise<SigningKey>;
  /** Opens one key of a custody, which shows that its passphrase is the right one. @throws ERR_KEY_NOT_FOUND when there is none, ERR_KEY_PASSPHRASE */
  prove(custody: Custody): Promise<void>;
  /**
   * PKCS #8 in PEM, not encrypted, of an online key that is shared by design: that of a cluster certificate.
   * @throws ERR_KEY_NOT_FOUND, ERR_KEY_PASSPHRASE, ERR_KEY_MALFORMED for an offline key
   */
  release(reference: KeyReference): Promise<Secret>;
  /** Removes a key made by {@link generate} whose record was never committed. */
  discard(reference: KeyReference): Promise<void>;
  /**
   * Reads a private key that was made elsewhere, in PEM: PKCS #8, PKCS #1 or SEC 1, encrypted or not.
   * @throws ERR_KEY_MALFORMED, ERR_KEY_PASSPHRASE
   */
  adopt(pem: string, options: { readonly what: string; passphrase(): Promise<Secret> }): Promise<AdoptedKey>;
  /**
   * Writes every key of a custody under another passphrase beside the one that is used. Nothing reads these before the commit of
   * the record `key-rewrap/<custody>`; from then on they are what is read.
   * @returns how many keys there are.
   * @throws ERR_KEY_NOT_FOUND when there is none, ERR_KEY_PASSPHRASE, ERR_KEY_PASSPHRASE_WEAK
   */
  stageRewrap(custody: Custody, passphrase: Secret): Promise<number>;
  /** Puts the keys of a committed rewrap in the place of the old ones; after it the record may go. Finishes an interrupted one. */
  finishRewrap(custody: Custody): Promise<void>;
}

export interface AdoptedKey {
  readonly key: SigningKey;
  /** Writes it as one of the realm's own. @throws as {@link KeyVault.generate} */
  keep(request: { readonly name: string; readonly custody: Custody }): Promise<KeyReference>;
}

/** A private key on its way to the owner of a certificate: the realm does not keep it. */
export interface PortableKey {
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /** @throws ERR_KEY_MALFORMED for a key of a type that joinery does not sign with. */
  signing(): SigningKey;
  /** PKCS #8 in PEM; with a passphrase encrypted (PBES2, AES-256-CBC, PBKDF2-HMAC-SHA256, 600 000 iterations). */
  toPem(passphrase: Secret | undefined): Promise<string>;
}

/** Makes and reads private keys that are not the realm's. */
export interface PortableKeys {
  generate(type: KeyType): PortableKey;
  /** `passphrase` is asked for an encrypted key only. @throws ERR_PEM_MALFORMED, ERR_KEY_MALFORMED, ERR_KEY_PASSPHRASE */
  open(pem: string, what: string, passphrase: () => Promise<Secret>): Promise<PortableKey>;
}

/** What a PKCS #12 file holds (RFC 7292). */
export interface Pkcs12Contents {
  /** DER; the one of the key first. */
  readonly certificates: readonly Uint8Array[];
  /** DER of EncryptedPrivateKeyInfo under the same password; left out for a store of certificates. */
  readonly encryptedKey?: Uint8Array;
  /** What programs show: the alias in Java. */
  readonly friendlyName: string;
  readonly password: Secret;
}

/** Writes a PKCS #12 file with a MAC over SHA-256. Nothing in joinery reads one with a password. */
export type WritePkcs12 = (contents: Pkcs12Contents) => Promise<Uint8Array>;

/** Shamir's secret sharing: any `threshold` of the shares give the secret back, fewer say nothing about it. */
export interface SecretSharing {
  split(secret: Uint8Array, rule: { readonly shares: number; readonly threshold: number }): Promise<readonly Uint8Array[]>;
  /** With too few or wrong shares the result is something else, or ERR_SHARE_MISMATCH. */
  combine(shares: readonly Uint8Array[]): Promise<Uint8Array>;
}

/** Passphrases in the keychain of the operating system. Every method throws ERR_KEYCHAIN_UNAVAILABLE where there is none. */
export interface Keychain {
  /** The library that serves it. */
  readonly library: string;
  get(account: string): Promise<Secret | undefined>;
  set(account: string, passphrase: Secret): Promise<void>;
  /** @returns false when there was none. */
  delete(account: string): Promise<boolean>;
}

/** Signature algorithms that the verifier knows, under X.509's and JOSE's common names. */
export type SignatureAlgorithm =
  | 'ecdsa-sha256'
  | 'ecdsa-sha384'
  | 'ecdsa-sha512'
  | 'ed25519'
  | 'ed448'
  | 'rsa-sha256'
  | 'rsa-sha384'
  | 'rsa-sha512'
  | 'rsa-pss-sha256'
  | 'rsa-pss-sha384'
  | 'rsa-pss-sha512';

export interface SignatureCheck {
  readonly algorithm: SignatureAlgorithm;
  readonly spki: Uint8Array;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
  readonly encoding: 'der' | 'ieee-p1363';
}

/** True when the signature holds; false for a wrong one, for an unusable key and for a key of another type: it never throws. */
export type VerifySignature = (check: SignatureCheck) => boolean;

/** A certificate as an implementation reads it that shares no code with the one that wrote it. */
export interface CertificateReading {
  /** Lower-case hex of the content octets. */
  readonly serialNumber: string;
  /** DER of Name. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly spki: Uint8Array;
  readonly extensions: readonly { readonly oid: string; readonly critical: boolean; readonly value: Uint8Array }[];
}

/** What looks at a certificate before and after its real signature. */
export interface CertificateReadBack {
  /** A key that signs one certificate for the lint and is forgotten. */
  throwawayKey(type: KeyType): Promise<SigningKey>;
  readBack(der: Uint8Array): Promise<CertificateReading>;
}

/** A key that verifies JSON Web Signatures: a public JWK, or the bytes of a shared secret for HMAC. */
export type JwsKey = JsonObject | Uint8Array;

/**
 * True when a compact JWS (RFC 7515 section 7.1) holds under this key and exactly this algorithm; false for a wrong signature, for a
 * key that does not fit the algorithm and for `none`: it never throws. The caller has parsed the text strictly before.
 */
export type VerifyJws = (compact: string, key: JwsKey, algorithm: string) => Promise<boolean>;

/** Seals bytes to a public key on P-256: compact JWE (RFC 7516), ECDH-ES with A256GCM (RFC 7518 sections 4.6 and 5.3). */
export type SealJwe = (plaintext: Uint8Array, recipient: PublicJwk) => Promise<string>;

/**
 * Opens what {@link SealJwe} made, and no other algorithm.
 * @param privateKey PKCS #8 in PEM, not encrypted.
 * @throws ERR_CLUSTER_ANSWER for another form, ERR_CLUSTER_ANSWER_KEY when it was sealed to another key or was changed.
 */
export type OpenJwe = (compact: string, privateKey: Secret) => Promise<Uint8Array>;

/** A TLS server, and the name that its certificate must be for: a DNS name or an address. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly name: string;
}

/** First contact with a server that a token pins: look, without a byte of application data, and then prove. */
export interface PinnedTls {
  /**
   * DER of the certificates that the server shows, the leaf first; nothing about them is verified.
   * @throws ERR_SERVER_UNREACHABLE
   */
  presentedChain(server: ServerAddress): Promise<readonly Uint8Array[]>;
  /**
   * A new connection in a session of its own, verified under exactly these anchors and for the name.
   * @returns DER of the certificates that the server shows on it, the leaf first.
   * @throws ERR_PIN_PATH, ERR_PIN_SESSION, ERR_SERVER_UNREACHABLE
   */
  provenChain(server: ServerAddress, anchors: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
}
