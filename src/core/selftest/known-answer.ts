/** Tests with an answer that is known beforehand: a vector of texts, and the question whether it holds. */
import type { OpenJwe, SecretSharing } from '../key-ports.ts';
import type { Secret } from '../secret.ts';
import type { WycheproofTools } from './wycheproof.ts';

/** What the tests are run with: the ports of joinery with their real adapters. */
export interface SelftestTools extends WycheproofTools {
  /** DER of SubjectPublicKeyInfo of a private key in PEM. */
  openKey(pem: string, passphrase: string): Promise<Uint8Array>;
  readonly openJwe: OpenJwe;
  openAge(sealed: Uint8Array, identity: Secret): Promise<Uint8Array>;
  readonly sharing: SecretSharing;
}

export type Vector = Readonly<Record<string, string>>;

export interface KnownAnswer {
  readonly area: string;
  readonly id: string;
  /** Where the vector comes from. */
  readonly source: string;
  readonly vector: Vector;
  /** May throw, which is a failure. */
  holds(vector: Vector, tools: SelftestTools): boolean | Promise<boolean>;
}

export function known<V extends Vector>(
  area: string,
  id: string,
  source: string,
  vector: V,
  holds: (vector: { readonly [name in keyof V]: string }, tools: SelftestTools) => boolean | Promise<boolean>,
): KnownAnswer {
  return { area, id, source, vector, holds: holds as KnownAnswer['holds'] };
}
