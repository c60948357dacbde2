/** What the commands about tokens share: their key files, and the reading of `--label`, `--bind-key` and `--token-file`. */
import * as Flags from '@oclif/core/flags';
import { type JsonValue, parseStrictJson } from '../core/canonical-json.ts';
import { decodeUtf8, parsePem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { isJwkThumbprint, joseAlgorithmOf, jwkThumbprint, parsePublicJwk, type PublicJwk, publicJwk } from '../core/jwk.ts';
import type { Files } from '../core/ports.ts';
import { type HmacKey, parseHmacKey } from '../core/token/hmac-key.ts';
import { parseJwks } from '../core/token/jwks.ts';
import type { VerificationKey } from '../core/token/signer.ts';
import { nameOfInput, readInput } from './input.ts';

const MAX_KEY_BYTES = 1024 * 1024;
/** Above the limit of every token, so that a token that is too long is named as such. */
const MAX_TOKEN_FILE_BYTES = 64 * 1024;

type Reads = Pick<Files, 'read'>;

export const tokenFileFlag = Flags.string({ required: true, description: 'file with the token, - for stdin', helpValue: 'FILE' });

/** Keys that verify a token without a realm. */
export const verifyKeyFlags = {
  jwks: Flags.string({
    description: 'JWK set with the public keys of the issuer',
    helpValue: 'FILE',
    helpGroup: 'OFFLINE',
    exclusive: ['public-key', 'hmac-key-file'],
  }),
  'public-key': Flags.string({
    description: 'public key of the issuer, PEM or JWK',
    helpValue: 'FILE',
    helpGroup: 'OFFLINE',
    exclusive: ['jwks', 'hmac-key-file'],
  }),
  'hmac-key-file': Flags.string({
    description: 'shared secret of at least 32 bytes (text, or a JWK of kty oct)',
    helpValue: 'FILE',
    helpGroup: 'OFFLINE',
    exclusive: ['jwks', 'public-key'],
  }),
};

export interface VerifyKeyFiles {
  readonly jwks?: string | undefined;
  readonly 'public-key'?: string | undefined;
  readonly 'hmac-key-file'?: string | undefined;
}

/** @returns the keys that the flags name; empty when they name none. */
export async function readVerifyKeys(files: Reads, flags: VerifyKeyFiles): Promise<readonly VerificationKey[]> {
  const { jwks, 'public-key': publicKeyFile, 'hmac-key-file': hmacKeyFile } = flags;
  if (jwks !== undefined) return parseJwks(await readText(files, jwks, MAX_KEY_BYTES), nameOfInput(jwks));
  if (publicKeyFile !== undefined) {
    const jwk = await readPublicKey(files, publicKeyFile);
    return [{ algorithm: joseAlgorithmOf(jwk), jwk }];
  }
  return hmacKeyFile === undefined ? [] : [{ algorithm: 'HS256', secret: await readHmacKey(files, hmacKeyFile) }];
}

export async function readHmacKey(files: Reads, path: string, minimum?: number): Promise<HmacKey> {
  return parseHmacKey(await readText(files, path, MAX_KEY_BYTES), nameOfInput(path), minimum);
}

export function readKeyText(files: Reads, path: string): Promise<string> {
  return readText(files, path, MAX_KEY_BYTES);
}

/** The token in a file, without the newline that editors and shells add. */
export async function readToken(files: Reads, path: string, maxBytes = MAX_TOKEN_FILE_BYTES): Promise<string> {
  return (await readText(files, path, maxBytes)).replace(/\r?\n$/, '');
}

/** @param value an RFC 7638 thumbprint, or a file with a public key. @returns the thumbprint. */
export async function bindKeyFlag(files: Reads, value: string): Promise<string> {
  return isJwkThumbprint(value) ? value : jwkThumbprint(await readPublicKey(files, value));
}

/** @throws ERR_USAGE for what is not `key=value`, and for a key given twice. */
export function labelFlags(values: readonly string[]): Readonly<Record<string, string>> {
  const labels = new Map<string, string>();
  for (const value of values) {
    const [, key, text] = /^([A-Za-z0-9._/-]{1,63})=(.*)$/s.exec(value) ?? [];
    if (key === undefined || text === undefined)
      throw new JoineryError('ERR_USAGE', `--label: expected key=value, found ${JSON.stringify(value.slice(0, 40))}`);
    // Own member or prototype: readers of JSON differ.
    if (key === '__proto__') throw new JoineryError('ERR_USAGE', '--label: expected another key than __proto__, found it');
    if (labels.has(key)) throw new JoineryError('ERR_USAGE', `--label: expected each key once, found ${key} twice`);
    labels.set(key, text);
  }
  return Object.fromEntries(labels);
}

async function readPublicKey(files: Reads, path: string): Promise<PublicJwk> {
  const what = nameOfInput(path);
  const text = await readText(files, path, MAX_KEY_BYTES);
  if (text.trimStart().startsWith('{')) return parsePublicJwk(withoutHints(parseStrictJson(text, what)), what);
  const [block, ...others] = parsePem(text, what);
  if (block?.label !== 'PUBLIC KEY' || others.length > 0) {
    throw new JoineryError(
      'ERR_KEY_MALFORMED',
      `${what}: expected one PUBLIC KEY block of PEM or a public JWK, found ${block?.label ?? 'neither'}`,
    );
  }
  return publicJwk(block.der, what);
}

/** A JWK file often says what the key is for; which key it is does not depend on it. */
function withoutHints(jwk: JsonValue): JsonValue {
  const { kid: _kid, use: _use, alg: _alg, key_ops: _operations, ...rest } = jwk as Record<string, JsonValue>;
  return rest;
}

async function readText(files: Reads, path: string, maxBytes: number): Promise<string> {
  return decodeUtf8(await readInput(files, path, maxBytes), nameOfInput(path));
}
