/** The primitives beneath joinery's formats, for the self-test alone: the rest of joinery reaches them through its own ports. */

export const SHA2 = { sha256: 32, sha384: 48, sha512: 64 } as const;
export type Sha2 = keyof typeof SHA2;

export interface KeyDerivation {
  readonly hash: Sha2;
  readonly secret: Uint8Array;
  readonly salt: Uint8Array;
  /** Octets wanted. */
  readonly size: number;
}

export interface SealedData {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** Each throws for keys, tags and paddings that do not fit. */
export interface Primitives {
  digest(hash: Sha2, data: Uint8Array): Uint8Array;
  hmac(hash: Sha2, key: Uint8Array, data: Uint8Array): Uint8Array;
  /** RFC 5869. */
  hkdf(request: KeyDerivation & { readonly info: Uint8Array }): Uint8Array;
  /** RFC 8018 section 5.2 with HMAC. */
  pbkdf2(request: KeyDerivation & { readonly iterations: number }): Uint8Array;
  openAead(
    cipher: 'aes-gcm' | 'chacha20-poly1305',
    sealed: SealedData & { readonly aad: Uint8Array; readonly tag: Uint8Array },
  ): Uint8Array;
  /** AES-CBC with the padding of PKCS #7. */
  openCbc(sealed: SealedData): Uint8Array;
  /** RFC 7748, both keys of 32 octets. */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array;
  /** Diffie-Hellman on P-256, keys as JWK. */
  ecdh(privateJwk: object, publicJwk: object): Promise<Uint8Array>;
  /** Ed25519 (RFC 8032), the private key as its seed of 32 octets. */
  signEd25519(seed: Uint8Array, data: Uint8Array): Uint8Array;
}
